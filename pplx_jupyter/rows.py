"""A row of the ledger read as what a user gets of it: its Answer, its Receipt, its Failure, the error to raise."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import (
    BudgetExceeded,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobUnconfirmed,
    RequestError,
    ServiceError,
)
from pplx_jupyter.ledger import REUSABLE
from pplx_jupyter.ledger.times import sent_at
from pplx_jupyter.receipt import Earlier, Failure, Receipt
from pplx_jupyter.request import Request
from pplx_jupyter.schema import schema_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.errors import PplxError
    from pplx_jupyter.ledger import Ledger, Row

__all__ = [
    "answer_of", "awaits_pictures", "earlier_of", "error_of", "failure_of", "forms_of", "has_answer", "is_stuck",
    "receipt_of",
]  # fmt: skip

_HARD = {"unauthorized", "forbidden", "retired", "not_found"}
"""Troubles that waiting does not mend ..."""

_LASTING = 30.0
"""... where the next try is put off by at least these seconds."""

_PICTURES_LONGEST = 15.0
"""A later end of the wait for images is one of a clock that was set back since."""


def answer_of(row: Row, body: str | None, pictures: Mapping[str, bytes] | None = None) -> Answer:
    """Read a row's kept body; one that is not JSON is kept as text in `raw`.

    Parameters
    ----------
    pictures
        What was kept of its images, by their addresses.
    """
    from pplx_jupyter.reading import read_answer

    try:
        decoded = json.loads(body or "null")
    except (ValueError, RecursionError):
        decoded = body
    # What was asked elsewhere is not known; the body names the model.
    request = None if row.is_adopted else Request.from_json(row.request)
    answer = read_answer(decoded, row.backend, request, id=row.remote_id or None)
    if request is not None and request.response_format is not None:
        answer = dataclasses.replace(answer, schema=schema_in(request.response_format))
    if not pictures:
        return answer
    images = [dataclasses.replace(image, data=pictures.get(image.url, b"")) for image in answer.images]
    return dataclasses.replace(answer, images=tuple(images))


def awaits_pictures(row: Row, now: float) -> bool:
    """Whether the images of a settled answer are still being fetched; never for long, whatever becomes of them."""
    return row.pictures_until is not None and 0 < row.pictures_until - now <= _PICTURES_LONGEST


def has_answer(row: Row) -> bool:
    """Whether there is an answer to show: the job has one, and nobody deleted it."""
    return row.state in REUSABLE and row.forgotten_at is None


def earlier_of(ledger: Ledger, row: Row) -> tuple[Earlier, ...]:
    """Give the questions that a job follows, nearest first, as far as the ledger has them."""
    from pplx_jupyter.watch.history import ancestors

    if not row.follows:
        return ()
    found = ancestors(ledger, row.request)
    if not found:
        return (Earlier(row.follows),)
    return tuple(
        Earlier(each.id, each.name, each.question, str(each.request.get("prompt") or "")) for each in found
    )


def receipt_of(row: Row, *, reuse: str | None = None, follows: Sequence[Earlier] = ()) -> Receipt:
    """Give what a row knows of how its answer, or its failure, came; `follows` is `earlier_of` it."""
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
        sent_at=_when(sent_at(row), zone),
        settled_at=_when(row.settled_at, zone),
        in_batch=bool(row.batch),
        # A frozen run says the same whenever and wherever it runs.
        now=None if zone else _when(time.time()),
        reuse=reuse,
        moved=row.moved,
        filled=row.filled,
        version=__version__,
        recency=str(row.request.get("search_recency_filter") or ""),
        follows=follows,
        late=row.cancel == "late",
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


def error_of(row: Row) -> PplxError | None:
    """Give what waiting for a row's job raises; None where it has, or may yet have, an answer."""
    from pplx_jupyter.render import failure_line

    failure = failure_of(row)
    if failure is None:
        return None
    line = failure_line(failure, receipt_of(row))
    if failure.kind in {"failed", "cancelled", "expired"} and not row.is_open:
        kinds = {"cancelled": JobCancelled, "expired": JobExpired}
        return kinds.get(failure.kind, JobFailed)(line, job_id=row.id)
    if failure.kind == "unconfirmed":
        return JobUnconfirmed(line)
    if failure.kind == "forgotten":
        return RequestError(line)
    if failure.kind == "budget":
        return BudgetExceeded(line)
    return ServiceError(
        line, status=failure.status, request_id=failure.request_id, said=failure.said, type=failure.type
    )


def is_stuck(row: Row) -> bool:
    """Whether the service refuses to be asked about an open job; the first minute's 404 of a new job does not count."""
    return bool(
        row.is_open
        and row.trouble
        and row.trouble.get("kind") in _HARD
        and row.trouble.get("wait", 0) >= _LASTING
    )


def forms_of(
    row: Row,
    body: str | None,
    pictures: Mapping[str, bytes] | None = None,
    *,
    reuse: str | None = None,
    follows: Sequence[Earlier] = (),
) -> dict[str, str]:
    """Give a job's permanent forms in its present state: answer, failure, or where it stands."""
    from pplx_jupyter import render

    receipt = receipt_of(row, reuse=reuse, follows=follows)
    if has_answer(row):
        answer = answer_of(row, body, pictures)
        if not answer.understood:
            forms = render.raw_forms(answer, receipt)
        else:
            forms = render.answer_forms(answer, receipt)
        if row.unwritten:
            forms = render.unwritten_forms(receipt, row.unwritten, kept_as=row.remote_id, below=forms)
        return forms
    failure = failure_of(row)
    if failure is not None:
        return render.failure_forms(failure, receipt)
    return render.hint_forms(receipt)


def _when(seconds: float | None, zone: datetime.tzinfo | None = None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(float(seconds)).astimezone(zone)
