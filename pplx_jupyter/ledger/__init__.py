"""The record: the only queue, and the only source of every view."""

from __future__ import annotations

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.protocol import Ledger
from pplx_jupyter.ledger.records import (
    GIVEN_IN_CLEAR,
    OPEN,
    REUSABLE,
    Adoptable,
    Attempts,
    Decision,
    Draft,
    Row,
)
from pplx_jupyter.ledger.wanted import Found, Spent, Wanted

__all__ = [
    "GIVEN_IN_CLEAR",
    "OPEN",
    "REUSABLE",
    "Adoptable",
    "Attempts",
    "Decision",
    "Draft",
    "Found",
    "Ledger",
    "Row",
    "Spent",
    "Wanted",
    "check_is_path",
    "open_ledger",
]


def open_ledger(where: str = "") -> Ledger:
    """Open the ledger at a path; empty: ``ledger.sqlite`` in the user's data directory.

    Raises
    ------
    pplx_jupyter.errors.LedgerError
        It cannot be opened; the message says why and what to do.
    """
    check_is_path(where)
    from pplx_jupyter.ledger.sqlite import SqliteLedger, default_path

    return SqliteLedger(where or default_path())


def check_is_path(where: str) -> None:
    """Refuse an address: taken as a path, it would begin a new ledger that knows of nothing bought before.

    Raises
    ------
    pplx_jupyter.errors.LedgerError
        It is no path.
    """
    if "://" in where:
        raise LedgerError(f"the ledger {where} is an address: write the path of a file. Nothing was sent.")
