"""Which answer came before another: what a comparison is made with where none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.ledger import REUSABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplx_jupyter.ledger import Ledger, Row

__all__ = ["earlier_answer"]

_LOOKED_AT = 50


def earlier_answer(ledger: Ledger, row: Row) -> Row:
    """Find the last answer before a row's: to the same question, else to what its NAME or cell asked before.

    Raises
    ------
    RequestError
        There is none; says what would make one.
    """
    same = ledger.answered(row.fingerprint, row.base_url)
    for other in [*same, *_of_its_place(ledger, row)]:
        if other.created_at < row.created_at and other.id != row.id:
            return other
    later = next((other for other in reversed(same) if other.created_at > row.created_at), None)
    if later is not None:
        raise RequestError(
            f"{row.label} is the first answer to its question; %pplx diff {later.id} compares a later one with it."
        )
    raise RequestError(
        f"{row.label} has no earlier answer to compare with: --refresh on the first line of its cell asks anew and keeps this one."
    )


def _of_its_place(ledger: Ledger, row: Row) -> Iterator[Row]:
    """Give the answers of the same NAME in the same notebook, then those of the same cell, newest first."""
    here = (row.name, row.notebook, row.base_url)
    for other in ledger.find(row.name) if row.name else ():
        if (other.name, other.notebook, other.base_url) == here and other.state in REUSABLE:
            yield other
    if row.cell:
        # A copied file has the same cells.
        yield from ledger.jobs(
            states=REUSABLE,
            notebook=row.notebook,
            cell=row.cell,
            base_url=row.base_url,
            limit=_LOOKED_AT,
        )
