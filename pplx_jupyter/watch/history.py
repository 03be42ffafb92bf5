"""What a follow-up follows: the answers before it, read from the ledger when it is asked and when it is sent.

Nothing of them is copied into the follow-up's own row: what is forgotten stays forgotten.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.threads import Thread
from pplx_jupyter.errors import RequestError
from pplx_jupyter.ledger.records import REUSABLE
from pplx_jupyter.reading import read_answer
from pplx_jupyter.request import Request, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.ledger import Ledger, Row

__all__ = ["ancestors", "check_followed", "spelled_out", "thread_of"]

_SPELLED = "spelled_out"
"""Key, in what a row follows: the run's id was refused, and the conversation is sent in its place."""

_REFUSED = {400, 404, 422}
"""Statuses that an unknown id, one that has expired, or another account's can have."""

_LONGEST = 100
"""Answers that one thread may have."""


def ancestors(ledger: Ledger, request: Mapping[str, Any]) -> list[Row]:
    """Give the rows that a question, as a row keeps it, follows: nearest first, as far as the ledger has them."""
    found: list[Row] = []
    seen: set[str] = set()
    while len(found) < _LONGEST:
        told = request.get("follows")
        job_id = str(told.get("job") or "") if isinstance(told, dict) else ""
        row = ledger.get(job_id) if job_id and job_id not in seen else None
        if row is None:
            break
        seen.add(job_id)
        found.append(row)
        request = row.request
    return found


def check_followed(ledger: Ledger, request: Mapping[str, Any]) -> None:
    """See that a question can be asked as a follow-up; one that follows nothing can.

    Raises
    ------
    RequestError
        What it follows is not there, is under way, gave no answer, or was forgotten.
    """
    told = request.get("follows")
    if not told:
        return
    row = ledger.get(str(told.get("job") or ""))
    if row is None:
        raise RequestError(
            f"the job {told.get('job')} that it follows is not in the ledger {ledger.where}. Nothing was sent."
        )
    if row.is_open:
        raise RequestError(
            f"{row.label} is still under way; run this again when its answer is there (%pplx wait {row.id} waits). Nothing was sent."
        )
    if row.is_adopted:
        raise RequestError(
            f"{row.label} was asked elsewhere: its question is not known here, so nothing can follow it. Nothing was sent."
        )
    if row.state not in REUSABLE:
        raise RequestError(
            f"{row.label} is {row.state}: it has no answer that could be followed. Nothing was sent."
        )
    for each in ancestors(ledger, request):
        if each.forgotten_at is not None:
            raise RequestError(
                f"{each.label} was forgotten: its answer is deleted, so nothing can follow it. Nothing was sent."
            )


def thread_of(ledger: Ledger, request: Mapping[str, Any], *, account: str, backend: str) -> Thread | None:
    """Give what came before a question, as a row keeps it; None where it follows nothing.

    Parameters
    ----------
    account
        Whose key asks: an id is known to its own account alone.
    backend
        The API that is asked.

    Raises
    ------
    RequestError
        As `check_followed` does: something of it is no longer there.
    """
    told = request.get("follows")
    if not told:
        return None
    check_followed(ledger, request)
    rows = ancestors(ledger, request)
    messages = [message for row in reversed(rows) for message in _turn(ledger, row)]
    last = rows[0]
    known = last.backend == backend == "agent" and last.account == account and not told.get(_SPELLED)
    return Thread(messages, last.remote_id if known else "")


def spelled_out(row: Row, body: Mapping[str, Any], status: int, now: float) -> dict[str, Any] | None:
    """Give the changes that send a follow-up anew with the whole conversation, where the run's id in it was refused.

    Such a refusal created nothing. It need not be the id's fault: the second attempt tells.

    Parameters
    ----------
    body
        What was sent.
    status
        The reply's.
    """
    if "previous_response_id" not in body or status not in _REFUSED:
        return None
    follows = {**row.request["follows"], _SPELLED: True}
    return {"request": {**row.request, "follows": follows}, "sending_at": None, "due_at": now, "tries": 0}


def _turn(ledger: Ledger, row: Row) -> list[dict[str, Any]]:
    """Give one question and its answer, without what was told to the model beside them."""
    asked = Request.from_json(row.request)
    try:
        body = json.loads(ledger.body(row.id) or "null")
    except (ValueError, RecursionError):
        body = None
    text = read_answer(body, row.backend, id=row.remote_id or None).text
    if not text:
        raise RequestError(f"the answer of {row.label} has no text that could be followed. Nothing was sent.")
    questions = [dict(each) for each in asked.messages or () if each["role"] != "system"]
    own = questions or [{"role": "user", "content": tidy(asked.prompt)}]
    return [*own, {"role": "assistant", "content": text}]
