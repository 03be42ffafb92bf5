"""Fixtures for asking the simulator from this process: shared by the tests of the watcher and of sessions."""

from __future__ import annotations

import functools
import itertools
import math
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.job import Job
from pplx_jupyter.request import Request
from pplx_jupyter.reuse import decide
from pplx_jupyter.session import Session
from pplx_jupyter.settings import Settings
from pplx_jupyter.simulator import Simulator
from pplx_jupyter.watch import pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pplx_jupyter.ledger import Draft, Ledger, Row

KEY = "pplx-" + "t3st" * 8
PLENTY = 1e6
"""A budget that no test of something else meets."""


@pytest.fixture
def until() -> Callable[..., None]:
    """Poll a condition until it holds; fail after some seconds."""

    def wait(condition: Callable[[], object], what: str = "it did not happen", seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(0.01)

    return wait


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask fifty times as often as the service would like it; the pace has tests of its own."""
    next_ask, backoff = pace.next_ask, pace.backoff
    monkeypatch.setattr(pace, "next_ask", lambda age, under_way=1: next_ask(age, under_way) / 50)
    monkeypatch.setattr(
        pace, "backoff", lambda tries, *, longest=60.0: backoff(tries, longest=min(longest, 4.0)) / 50
    )


@pytest.fixture(autouse=True)
def nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERPLEXITY_API_KEY", "PPLX_API_KEY", "PERPLEXITY_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_sim() -> Iterator[Callable[..., Simulator]]:
    with ExitStack() as stack:

        def start(speed: float = math.inf, **settings: Any) -> Simulator:
            return stack.enter_context(Simulator(speed, **settings))

        yield start


@pytest.fixture
def sim(make_sim: Callable[..., Simulator]) -> Simulator:
    """Jobs have ended at the first look."""
    return make_sim()


@pytest.fixture
def still(make_sim: Callable[..., Simulator]) -> Simulator:
    """Jobs go on only where the clock is advanced."""
    return make_sim(0.001)


@pytest.fixture
def make_session(tmp_path: Path) -> Iterator[Callable[..., Session]]:
    made: list[Session] = []

    def make(sim: Simulator | str, **rest: Any) -> Session:
        url = sim if isinstance(sim, str) else sim.url
        rest.setdefault("settings", Settings(budget=PLENTY))
        rest.setdefault("api_key", KEY)
        session = Session(base_url=url, ledger=str(tmp_path / "ledger.sqlite"), **rest)
        session.quiet_exit = True
        made.append(session)
        return session

    yield make
    futures = [running.future for session in made for running in session._watchers.values()]
    for session in made:
        session.close()
    for future in futures:
        if future is not None:
            future.exception(timeout=20)


def intend(ledger: Ledger, draft: Draft, **how: Any) -> tuple[Row, bool]:
    """Ask a ledger as a session does, whatever the budget; say whether a row was inserted."""
    row, decision = ledger.intend(draft, functools.partial(decide, **how), allowed=True)
    return row, decision.what == "new"


class Asker:
    """Asks through one session and waits, with a deadline."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._numbers = itertools.count(1)

    def job(self, prompt: str = "", **rest: Any) -> Job:
        """Submit, and see that somebody watches."""
        job = self.submit(prompt, **rest)
        self.session.watch()
        return job

    def submit(self, prompt: str = "", **rest: Any) -> Job:
        """Write the intent alone."""
        options = {
            name: rest.pop(name)
            for name in ("refresh", "max_age", "retry_failed", "yes", "name", "notebook", "filled")
            if name in rest
        }
        request = Request(prompt=prompt or f"Question {next(self._numbers)}?", **rest)
        submitted = self.session.submit(request, **options)
        return Job(self.session, submitted.row.id, reuse="ledger" if submitted.reused else None)

    def end(self, job: Job, seconds: float = 20.0) -> str:
        """Wait until a job is over, and give its state."""
        deadline = time.monotonic() + seconds
        heard = self.session.bell.rings
        while job.row.is_open:
            assert time.monotonic() < deadline, f"still {job.row}"
            heard = self.session.bell.wait(heard, 0.1)
        return job.status


@pytest.fixture
def ask(make_session: Callable[..., Session]) -> Callable[..., Asker]:
    def make(sim: Simulator | str, **rest: Any) -> Asker:
        return Asker(make_session(sim, **rest))

    return make
