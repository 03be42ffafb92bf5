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

__all__ = ["answer_of", "failure_of", "forms_of", "has_answer", "is_stuck", "receipt_of"]

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
    # What was asked elsewhere is not known; the body names the model.
    request = None if row.is_adopted else Request.from_json(row.request)
    return read_answer(decoded, row.backend, request, id=row.remote_id or None)


def has_answer(row: Row) -> bool:
    """Whether there is an answer to show: the job has one, and nobody deleted it."""
    return row.state in REUSABLE and row.forgotten_at is None


def receipt_of(row: Row, *, reuse: str | None = None, now: float | None = None) -> Receipt:
    """Give what a row knows of how its answer, or its failure, came."""
    from pplx_jupyter.version import __version__

    zone = datetime.UTC if reuse == "lockfile" else None
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
        asked_at=_when(row.created_at, zone),
        settled_at=_when(row.settled_at, zone),
        # A frozen run says the same whenever and wherever it runs.
        now=None if zone else _when(time.time() if now is None else now),
        reuse=reuse,
        moved=row.moved,
        filled=row.filled,
        version=__version__,
        recency=str(row.request.get("search_recency_filter") or ""),
    )


def failure_of(row: Row) -> Failure | None:
    """Give a row's failure, or the hard trouble that keeps it from being asked about."""
    if row.forgotten_at is not None:
        had = row.accepted_at is not None or row.sending_at is not None
        return Failure("forgotten", accepted=had, cost=row.cost, at=_when(row.forgotten_at))
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
    if has_answer(row):
        answer = answer_of(row, body)
        if not answer.understood:
            forms = render.raw_forms(answer, receipt)
        else:
            forms = render.answer_forms(answer, receipt, state_line=state_line)
        if row.unwritten:
            forms = render.unwritten_forms(receipt, row.unwritten, kept_as=row.remote_id, below=forms)
        return forms
    failure = failure_of(row)
    if failure is not None:
        return render.failure_forms(failure, receipt)
    return render.hint_forms(receipt)


def _when(seconds: float | None, zone: datetime.tzinfo | None = None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(float(seconds)).astimezone(zone)
