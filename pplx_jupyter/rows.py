"""A row of the ledger read as the records that are shown: its Answer, its Receipt, its Failure."""

from __future__ import annotations

import datetime
import json
import time
from typing import TYPE_CHECKING

from pplx_jupyter.answer import Answer, Failure, Receipt
from pplx_jupyter.ledger import REUSABLE
from pplx_jupyter.request import Request

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Row

__all__ = ["answer_of", "failure_of", "forms_of", "is_stuck", "receipt_of"]

_HARD = {"unauthorized", "forbidden", "retired", "not_found"}
"""Troubles that waiting does not mend ..."""

_LASTING = 30.0
"""... where the next try is put off by at least these seconds."""


def answer_of(row: Row, body: str | None) -> Answer:
    """Read a row's kept body; one that is not JSON is kept as text in `raw`."""
    from pplx_jupyter.reading import read_answer

    try:
        decoded = json.loads(body or "null")
    except (ValueError, RecursionError):
        decoded = body
    return read_answer(decoded, row.backend, Request.from_json(row.request), id=row.remote_id or None)


def receipt_of(row: Row, *, reuse: str | None = None, now: float | None = None) -> Receipt:
    """Give what a row knows of how its answer, or its failure, came."""
    from pplx_jupyter.version import __version__

    return Receipt(
        job_id=row.id,
        name=row.name,
        question=row.question,
        prompt=str(row.request.get("prompt") or ""),
        fingerprint=row.fingerprint,
        backend=row.backend,
        model=row.model,
        effort=row.effort,
        request_id=row.request_id,
        asked_at=_when(row.created_at),
        settled_at=_when(row.settled_at),
        now=_when(time.time() if now is None else now),
        reuse=reuse,
        moved=row.moved,
        filled=row.filled,
        version=__version__,
    )


def failure_of(row: Row) -> Failure | None:
    """Give a row's failure, or the hard trouble that keeps it from being asked about."""
    found = row.failure
    if found is None and is_stuck(row) and row.trouble:
        found = {
            **row.trouble,
            "accepted": True,
            "at": row.trouble.get("since"),
            "retry_at": row.trouble.get("next"),
        }
    if found is None:
        return None
    names = set(Failure.__dataclass_fields__)
    values = {k: v for k, v in found.items() if k in names}
    for name in ("at", "retry_at"):
        values[name] = _when(values.get(name))
    if values["kind"] == "retired":
        values["kind"] = "forbidden"
    return Failure(**values)


def is_stuck(row: Row) -> bool:
    """Whether the service refuses to be asked about an open job; the first minute's 404 of a new job does not count."""
    return bool(
        row.is_open
        and row.trouble
        and row.trouble.get("kind") in _HARD
        and row.trouble.get("wait", 0) >= _LASTING
    )


def forms_of(
    row: Row, body: str | None, *, reuse: str | None = None, state_line: bool = True
) -> dict[str, str]:
    """Give a job's permanent forms in its present state: answer, failure, or where it stands."""
    from pplx_jupyter import render

    receipt = receipt_of(row, reuse=reuse)
    if row.state in REUSABLE:
        answer = answer_of(row, body)
        if not answer.understood:
            return render.raw_forms(answer, receipt)
        return render.answer_forms(answer, receipt, state_line=state_line)
    failure = failure_of(row)
    if failure is not None:
        return render.failure_forms(failure, receipt)
    return render.hint_forms(receipt)


def _when(seconds: float | None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(float(seconds)).astimezone()
