"""How a job ended, in the permanent forms of a cell's two outputs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplx_jupyter import render
from pplx_jupyter.notebook.outputs import kept
from pplx_jupyter.notebook.usual import usual_cost
from pplx_jupyter.request import Request
from pplx_jupyter.rows import answer_of, failure_of, has_answer, receipt_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.receipt import Earlier

__all__ = ["NOTHING", "final_forms", "show_text"]

NOTHING = {"text/html": "", "text/plain": ""}
"""An output that shows nothing."""


def final_forms(
    row: Row,
    body: str | None,
    pictures: Mapping[str, bytes] | None = None,
    *,
    reuse: str | None = None,
    follows: Sequence[Earlier] = (),
    brief: bool = False,
    ledger: Ledger | None = None,
    has_cell: bool = True,
) -> tuple[dict[str, str], dict[str, str]]:
    """Give the permanent forms of both slots; those of a reused answer are kept in `ledger`.

    Parameters
    ----------
    has_cell
        They stand below a cell that can be run to ask again.
    """
    receipt = receipt_of(row, reuse=reuse, follows=follows)
    if has_answer(row):
        answer = answer_of(row, body, pictures)
        if answer.understood:
            above = render.state_forms(answer, receipt, usual=usual_cost(row))
            below = kept.answer_forms(ledger, answer, receipt, brief=brief)
        else:
            above, below = NOTHING, render.raw_forms(answer, receipt)
        if row.unwritten:
            above = render.unwritten_forms(receipt, row.unwritten, kept_as=row.remote_id, above=above)
        return above, below
    failure = failure_of(row)
    if failure is None:
        return NOTHING, render.hint_forms(receipt)
    flags = {option.name: option.flag or option.name for option in Request.options()}
    told = dataclasses.replace(failure, fields=[flags.get(name, name) for name in failure.fields])
    receipt = dataclasses.replace(receipt, has_cell=has_cell)
    return NOTHING, render.failure_forms(told, receipt, usual=usual_cost(row))


def show_text(
    row: Row,
    body: str | None,
    pictures: Mapping[str, bytes] | None = None,
    *,
    reuse: str | None = None,
    follows: Sequence[Earlier] = (),
) -> str:
    """Give a settled job as text, for a terminal."""
    both = final_forms(row, body, pictures, reuse=reuse, follows=follows)
    return "\n".join(forms["text/plain"] for forms in both if forms["text/plain"])
