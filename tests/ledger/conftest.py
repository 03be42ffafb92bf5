from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger import Draft
from pplx_jupyter.ledger.records import Owner
from pplx_jupyter.ledger.sqlite import SqliteLedger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> SqliteLedger:
    return SqliteLedger(path)


@pytest.fixture
def draft() -> Callable[..., Draft]:
    def make(question: str = "why", **changes: Any) -> Draft:
        values: dict[str, Any] = {
            "fingerprint": f"v1:{question}",
            "request": {"prompt": question},
            "base_url": "http://service.test",
            "account": "me",
            "backend": "sonar",
            "question": question,
        }
        return Draft(**(values | changes))

    return make


@pytest.fixture
def owner() -> Callable[..., Owner]:
    numbers = itertools.count(1)

    def make(name: str = "", until: float = 2e9) -> Owner:
        return Owner(name or f"w{next(numbers)}", "far-host", "boot", 1, "2", until)

    return make
