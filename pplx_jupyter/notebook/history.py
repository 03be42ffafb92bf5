"""The ledger's jobs as a table, in the three permanent forms."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.table import table_forms, text_forms
from pplx_jupyter.render.words import clock, day_time, money, one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.ledger import Row

__all__ = ["jobs_forms"]

_HEAD = ("Asked", "State", "Question", "Notebook", "Time", "USD", "Job")
_HINT = "Show, watch or cancel one: %pplx show ID"
_LOUD = {"failed", "unconfirmed", "expired"}
_WORDS = {"submitting": "sending", "queued": "waiting", "completed": "finished"}


def jobs_forms(rows: Sequence[Row], *, utc: bool = False) -> dict[str, str]:
    """Give a table of jobs, newest first; with `utc` it is the same on every machine."""
    if not rows:
        return text_forms(
            "The ledger has no jobs yet. A cell that begins with %%pplx_research asks the first question."
        )
    zone = datetime.UTC if utc else None
    table = [_cells(row, zone) for row in rows]
    shape: dict[str, Any] = {
        "right": ("Time", "USD"),
        "code": ("Job",),
        "above": _total(rows),
        "below": _HINT,
    }
    # Without colours and columns that one can see, what needs a look stands out by its letters.
    loud = [(asked, state.upper() if state in _LOUD else state, *rest) for asked, state, *rest in table]
    return {
        **table_forms(_HEAD, table, **shape),
        "text/plain": table_forms(_HEAD, loud, **shape)["text/plain"],
    }


def _total(rows: Sequence[Row]) -> str:
    reported = sum(row.cost for row in rows if row.cost is not None and not row.cost_estimated)
    estimated = sum(row.cost for row in rows if row.cost is not None and row.cost_estimated)
    unknown = sum(
        row.cost is None and row.state in {"failed", "cancelled", "expired", "unconfirmed"} and _billable(row)
        for row in rows
    )
    parts = [f"{money(reported)} reported"]
    if estimated:
        parts.append(f"{money(estimated)} estimated")
    if unknown:
        parts.append(f"{unknown} of unknown cost")
    noun = "job" if len(rows) == 1 else "jobs"
    return f"{len(rows)} {noun}, newest first · {' + '.join(parts)}"


def _billable(row: Row) -> bool:
    return row.accepted_at is not None or row.sending_at is not None


def _cells(row: Row, zone: datetime.tzinfo | None) -> tuple[str, ...]:
    asked = day_time(datetime.datetime.fromtimestamp(row.created_at).astimezone(zone))
    if zone is not None:
        asked += " UTC"
    question = shorten(one_line(row.question), 70)
    if row.forgotten_at is not None:
        question = "(forgotten)"
    elif row.name:
        question = f"{row.name}: {question}"
    end = row.settled_at or (time.time() if row.is_open else None)
    took = clock(end - row.created_at) if end is not None else ""
    return asked, _WORDS.get(row.state, row.state), question, one_line(row.notebook), took, _cost(row), row.id


def _cost(row: Row) -> str:
    if row.cost is not None:
        amount = money(row.cost).removesuffix(" USD")
        return f"≈ {amount}" if row.cost_estimated else amount
    if row.is_open:
        return ""
    return "unknown" if _billable(row) else "0.00"
