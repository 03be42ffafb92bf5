from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pplx_jupyter.ledger.sqlite import SqliteLedger

if TYPE_CHECKING:
    from pathlib import Path


def test_of_many_that_ask_one_is_the_first(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ledger.first("notified 7f3a9c"), range(24)))
    assert found.count(True) == 1
    assert ledger.first("notified 11aa22")
    assert not SqliteLedger(tmp_path / "ledger.sqlite").first("notified 7f3a9c")
