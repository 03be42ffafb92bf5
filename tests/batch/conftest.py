from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger.sqlite import SqliteLedger
from tests.asking import ask, hurry, make_session, make_sim, nothing_of_the_environment, sim, still, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.session import Session

__all__ = [
    "ask",
    "hurry",
    "looks",
    "make_session",
    "make_sim",
    "nothing_of_the_environment",
    "sim",
    "still",
    "until",
]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]) -> Callable[[Session], None]:
    """Let a session's watcher look a few times more whose turn it is, and wait until it has."""
    seen: list[int] = []
    release = SqliteLedger.release

    def look(ledger: SqliteLedger, *given: Any) -> int:
        seen.append(release(ledger, *given))
        return seen[-1]

    monkeypatch.setattr(SqliteLedger, "release", look)

    def wait(session: Session) -> None:
        before = len(seen)

        def has_looked() -> bool:
            session.bell.ring()
            return len(seen) >= before + 3

        until(has_looked, "nobody looks")

    return wait
