"""What a reply, or its absence, makes of a row: pure functions, so that every case has a plain test.

A *refusal* of a first submit creates nothing and ends the row; a *passing trouble* is noted in the
row and asked again; only the service's own word, or seven days, ends a job that it has accepted.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.choice import RETIRED_SECONDS, backend_module
from pplx_jupyter.api.refusals import fields_of, kind_of, retry_after, said, type_of
from pplx_jupyter.errors import RequestError
from pplx_jupyter.reading import read_answer, read_progress, read_status
from pplx_jupyter.request import Request
from pplx_jupyter.watch.adopt import ended_at
from pplx_jupyter.watch.pace import KEPT_SECONDS, backoff, next_ask
from pplx_jupyter.watch.steps import steps_seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.api.wire import Reply
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.ledger.budgets import Refusal

__all__ = [
    "PICTURE_SECONDS",
    "Change",
    "after_ask",
    "after_cancel",
    "after_lost",
    "after_submit",
    "after_unsent",
    "ask_unreached",
    "dropped",
    "held_back",
    "over_budget",
    "to_agent",
    "unanswered",
    "unwritten",
]

PICTURE_SECONDS = 12.0
"""How long, after an answer came, its images may still come; fetching them ends a little earlier."""

_HOURLY = 3600.0
_MINUTE = 60.0
_TOLD_LONGEST = 5.0
"""How far our own backoff may lengthen the wait that a server names."""

_CANCEL_TRIES = 5
"""After so many errors of the service's the cancel counts as not offered: the answer must still be collected."""

_SETTLING_IN = 60.0
"""Seconds in which a 404 to a new job may only mean that the service's copies do not know it yet."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What to write into a row, and what to remember of its account.

    Attributes
    ----------
    body
        The body to keep with it, as it came.
    retired_for
        Seconds for which the sonar API counts as retired for this account; None: nothing new.
    limited
        The service refused a question as one too many.
    limited_until
        When it said to come again, in seconds since the epoch; None: it did not say.
    pictures
        The addresses of the answer's own images, where they were asked for.
    """

    changes: dict[str, Any]
    body: str | None = None
    retired_for: float | None = None
    limited: bool = False
    limited_until: float | None = None
    pictures: Sequence[str] = ()


def after_submit(row: Row, reply: Reply, now: float, *, again: bool, gaps: Sequence[str] = ()) -> Change:
    """Read the reply to a POST.

    Parameters
    ----------
    again
        An earlier POST of this row may have arrived: no refusal ends the row then, at most it is left unconfirmed.
    gaps
        The question's options that the agent API lacks.
    """
    if reply.ok:
        return _accepted(row, reply, now)
    kind = kind_of(reply)
    if kind == "rate_limited":
        changes = _troubled(row, "rate_limited", reply, now, _until_free(row, reply, now))
        told = retry_after(reply.headers, now)
        return Change(
            changes if again else {**changes, "sending_at": None},
            limited=True,
            limited_until=None if told is None else now + told,
        )
    if kind == "server":
        return _perhaps_accepted(row, said(reply) or f"HTTP {reply.status}", now, reply)
    if again:
        return _refused_again(row, kind, reply, now)
    if kind == "retired" and row.backend == "sonar" and not row.pinned:
        if gaps:
            refused = _refused(row, "unsupported", reply, now)
            refused["failure"]["fields"] = list(gaps)
            return Change(refused, retired_for=RETIRED_SECONDS)
        return Change({**to_agent(now).changes, "moved": True}, retired_for=RETIRED_SECONDS)
    if kind in {"retired", "not_found"}:
        kind = "forbidden" if kind == "retired" else "invalid"
    return Change(_refused(row, kind, reply, now))


def to_agent(now: float) -> Change:
    """Let a row that certainly created nothing go to the agent API."""
    return Change({"backend": "agent", "sending_at": None, "due_at": now, "tries": 0, "trouble": None})


def _refused_again(row: Row, kind: str, reply: Reply, now: float) -> Change:
    """Read a refusal of a resend: it says nothing of the POST before, which may have bought a job."""
    if kind in {"unauthorized", "forbidden", "retired"} and row.cancel != "asked":
        return Change(_troubled(row, kind, reply, now, _HOURLY))
    if reply.status == 409:
        # The first POST is still being worked on under the same idempotency key.
        return Change(_troubled(row, "server", reply, now, backoff(row.tries + 1)))
    # Also where a person waits no longer for the service to change its mind: settling is the way out.
    return _unconfirmed(row, "a second attempt was refused", now, reply)


def _accepted(row: Row, reply: Reply, now: float) -> Change:
    status = read_status(reply.body, row.backend)
    if not reply.is_json or not status.remote_id:
        return _perhaps_accepted(row, "the reply names no job", now, reply)
    changes = {"remote_id": status.remote_id, "accepted_at": now, "tries": 0, "trouble": None}
    row = dataclasses.replace(row, accepted_at=now, remote_id=status.remote_id)
    rest = _learnt(row, reply, now)
    if "state" not in rest.changes or _lacks_answer(row, status.state, reply):
        # The id is what a POST is asked for; whatever else it leaves out, a GET tells.
        under_way = {"state": "queued", "remote_status": status.remote_status, "request_id": reply.request_id}
        return Change({**under_way, **changes, "due_at": now})
    return dataclasses.replace(rest, changes={**rest.changes, **changes})


def _lacks_answer(row: Row, state: str, reply: Reply) -> bool:
    if state not in {"completed", "incomplete"}:
        return False
    return not read_answer(reply.body, row.backend, _asked(row), id=row.remote_id).text


def after_unsent(row: Row, reason: str, host: str, now: float, *, again: bool) -> Change:
    """No connection was made for a POST: nothing can have come of this one."""
    if again:
        return Change(_noted(row, "no_connection", reason, now, backoff(row.tries + 1)))
    failure = {"kind": "no_connection", "reason": reason, "host": host, "accepted": False, "at": now}
    return Change(
        {
            "state": "failed",
            "failure": failure,
            "settled_at": now,
            "sending_at": None,
            "trouble": None,
            "owner": "",
        }
    )


def after_lost(row: Row, reason: str, now: float) -> Change:
    """Say what to do where the POST left and no reply came: the job may exist."""
    return _perhaps_accepted(row, reason, now)


def unanswered(row: Row, now: float, *, kept: bool = True) -> Change:
    """Leave a row whose sender died before it wrote an id, where a second POST could be a second purchase.

    Parameters
    ----------
    kept
        Whether the service would still know the first one, if it took such keys.
    """
    reason = "the process that sent it ended before the reply"
    if not kept:
        reason += ", and the service keeps nothing of it for so long"
    return _unconfirmed(row, reason, now)


def _perhaps_accepted(row: Row, reason: str, now: float, reply: Reply | None = None) -> Change:
    if not backend_module(row.backend).RESENDS:
        change = _unconfirmed(row, reason, now, reply)
        return dataclasses.replace(change, body=reply.text if reply is not None and reply.ok else None)
    if reply is None:
        return Change(_noted(row, "no_connection", reason, now, backoff(row.tries + 1)))
    return Change(_troubled(row, "server", reply, now, backoff(row.tries + 1), words=reason))


def _unconfirmed(row: Row, reason: str, now: float, reply: Reply | None = None) -> Change:
    failure: dict[str, Any] = {
        "kind": "unconfirmed",
        "reason": reason,
        "accepted": False,
        "at": row.sending_at or now,
    }
    if reply is not None:
        failure |= {"status": reply.status, "request_id": reply.request_id, "said": said(reply)}
    return Change({"state": "unconfirmed", "failure": failure, "trouble": None, "owner": ""})


def _refused(row: Row, kind: str, reply: Reply, now: float) -> dict[str, Any]:  # noqa: ARG001 - the row is whose refusal it is
    failure = {
        "kind": kind,
        "said": said(reply),
        "status": reply.status,
        "type": type_of(reply.body),
        "request_id": reply.request_id,
        "fields": fields_of(reply.body),
        "accepted": False,
        "at": now,
    }
    return {
        "state": "failed",
        "failure": failure,
        "settled_at": now,
        "sending_at": None,
        "trouble": None,
        "request_id": reply.request_id,
        "owner": "",
    }


def over_budget(change: Change, refusal: Refusal, usual: Mapping[str, Any], now: float) -> Change:
    """End a job that was about to move to the other API, and does not fit the budget there: nothing was sent.

    Parameters
    ----------
    usual
        What such a question usually costs there, as a row keeps it.
    """
    failure = {
        "kind": "budget",
        "reason": f"{refusal.budget.words}, {refusal.budget.amount:.2f} USD",
        "said": "",
        "fields": [refusal.remedy],
        "accepted": False,
        "at": now,
    }
    there: dict[str, Any] = {
        name: change.changes[name] for name in ("backend", "moved") if name in change.changes
    }
    ended = {"state": "failed", "failure": failure, "settled_at": now, "sending_at": None, "trouble": None}
    return Change({**there, **ended, "expected": dict(usual), "owner": ""}, retired_for=change.retired_for)


def held_back(row: Row, until: float, now: float) -> Change:
    """Put off a question that the service would refuse as one too many; it was not asked."""
    noted = _noted(row, "rate_limited", "", now, until - now)
    return Change({**noted, "tries": row.tries})


def unwritten(row: Row, reason: str, now: float) -> Change:
    """Note that the mark before the first byte could not be written down: nothing has left."""
    return Change(_noted(row, "ledger", reason, now, backoff(row.tries + 1)))


def dropped(now: float) -> Change:
    """End an intent that the user cancelled before it was sent."""
    failure = {"kind": "cancelled", "accepted": False, "at": now}
    ended = {"state": "cancelled", "failure": failure, "settled_at": now, "sending_at": None, "trouble": None}
    return Change({**ended, "owner": ""})


def after_ask(row: Row, reply: Reply, now: float, *, under_way: int = 1) -> Change:
    """Read the reply to a GET by id."""
    if reply.ok and reply.is_json:
        return _learnt(row, reply, now, under_way=under_way)
    if reply.ok:
        return Change(
            _troubled(row, "server", reply, now, backoff(row.tries + 1), words="the reply is not JSON")
        )
    kind = kind_of(reply)
    if kind == "not_found":
        return _gone(row, reply, now)
    if kind == "rate_limited":
        return Change(_troubled(row, kind, reply, now, _until_free(row, reply, now)))
    if kind in {"retired", "unauthorized", "forbidden"}:
        return Change(_troubled(row, kind, reply, now, _MINUTE if kind == "unauthorized" else _HOURLY))
    return Change(_troubled(row, "server", reply, now, backoff(row.tries + 1)))


def _learnt(row: Row, reply: Reply, now: float, *, under_way: int = 1) -> Change:
    status = read_status(reply.body, row.backend, id=row.remote_id or None)
    changes: dict[str, Any] = {
        "state": status.state,
        "remote_status": status.remote_status,
        "request_id": reply.request_id or row.request_id,
        "tries": 0,
        "trouble": None,
    }
    if not status.remote_status and status.state == "running":
        # A body without any status says nothing of the job, but whoever looks for the fault wants to see it.
        noted = _troubled(row, "server", reply, now, backoff(row.tries + 1), words="the reply has no status")
        return Change(noted, reply.text)
    if status.state in {"completed", "incomplete"}:
        return _answered(row, changes, reply, now)
    if status.state in {"failed", "cancelled"}:
        return _ended(row, changes, status.message or _why(status.remote_status), reply, now)
    progress = read_progress(reply.body, row.backend, id=row.remote_id or None)
    changes["progress"] = {
        "searches": progress.searches,
        "sources": progress.sources,
        "latest": progress.latest,
        "asked": now,
        **steps_seen(row.progress, progress.steps, now - (row.accepted_at or row.created_at)),
        **{name: row.progress[name] for name in ("cancel",) if name in row.progress},
    }
    changes["due_at"] = now + next_ask(now - (row.accepted_at or row.created_at), under_way)
    return Change(changes)


def _answered(row: Row, changes: dict[str, Any], reply: Reply, now: float) -> Change:
    answer = read_answer(reply.body, row.backend, _asked(row), id=row.remote_id or None)
    changes |= {
        "settled_at": ended_at(row, reply.body, now),
        "cost": answer.cost.total,
        "cost_estimated": answer.cost.estimated,
        "owner": "",
    }
    if answer.sources:
        # For lists of jobs: a body is long, and its count of sources is one number.
        changes["progress"] = {**row.progress, "sources": len(answer.sources)}
    if row.cancel in {"asked", "sent"}:
        changes["cancel"] = "late"
    if answer.model:
        changes["model"] = answer.model
    if answer.incomplete and not answer.text:
        why = f"The answer ends early ({answer.incomplete}) and is empty."
        changes["state"] = "failed"
        changes["failure"] = {
            "kind": "failed",
            "said": why,
            "accepted": True,
            "cost": answer.cost.total,
            "at": now,
        }
        return Change(changes, reply.text)
    pictures = [image.url for image in answer.images] if row.request.get("return_images") else []
    if pictures:
        changes["pictures_until"] = now + PICTURE_SECONDS
    return Change(changes, reply.text, pictures=pictures)


def _why(word: str) -> str:
    """Say why, where the service sends a word and no message."""
    return "" if word.lower() in {"failed", "cancelled", "canceled"} else f"The service's status is {word}."


def _ended(row: Row, changes: dict[str, Any], words: str, reply: Reply, now: float) -> Change:
    answer = read_answer(reply.body, row.backend, _asked(row), id=row.remote_id or None)
    kind = "cancelled" if changes["state"] == "cancelled" else "failed"
    failure = {
        "kind": kind,
        "said": words,
        "request_id": changes["request_id"],
        "accepted": True,
        "cost": answer.cost.total,
        "at": now,
    }
    changes |= {
        "settled_at": ended_at(row, reply.body, now),
        "cost": answer.cost.total,
        "cost_estimated": answer.cost.estimated,
        "failure": failure,
        "owner": "",
    }
    return Change(changes, reply.text)


def _asked(row: Row) -> Request | None:
    """Give the question, which names the model where the body does not; None where this version cannot read it."""
    try:
        return Request.from_json(row.request)
    except RequestError:
        return None


def _gone(row: Row, reply: Reply, now: float) -> Change:
    age = now - (row.accepted_at or row.created_at)
    failure = {
        "said": said(reply),
        "status": reply.status,
        "request_id": reply.request_id,
        "accepted": True,
        "at": row.created_at,
    }
    if row.cancel == "sent":
        ended = {
            "state": "cancelled",
            "failure": {**failure, "kind": "cancelled"},
            "settled_at": now,
            "trouble": None,
            "owner": "",
        }
        return Change(ended)
    if age >= KEPT_SECONDS:
        ended = {
            "state": "expired",
            "failure": {**failure, "kind": "expired"},
            "settled_at": now,
            "trouble": None,
            "owner": "",
        }
        return Change(ended)
    return Change(_troubled(row, "not_found", reply, now, 2.0 if age < _SETTLING_IN else _HOURLY))


def after_cancel(row: Row, reply: Reply, now: float) -> Change:
    """Read the reply to a request to cancel; the row is asked again at once either way."""
    if reply.ok:
        status = read_status(reply.body, row.backend)
        if status.state == "cancelled":
            failure = {"kind": "cancelled", "request_id": reply.request_id, "accepted": True, "at": now}
            ended = {
                "state": "cancelled",
                "remote_status": status.remote_status,
                "failure": failure,
                "settled_at": now,
            }
            return Change({**ended, "cancel": "sent", "trouble": None, "owner": ""}, reply.text)
        return Change({"cancel": "sent", "due_at": now + 1.0, **_told_of_cancel(row, reply, now)})
    kind = kind_of(reply)
    if kind == "rate_limited":
        return Change(_troubled(row, kind, reply, now, _until_free(row, reply, now)))
    if kind == "unauthorized":
        return Change(_troubled(row, kind, reply, now, _MINUTE))
    if kind == "server" and reply.status != 501 and row.tries < _CANCEL_TRIES:
        return Change(_troubled(row, kind, reply, now, backoff(row.tries + 1)))
    late = kind == "invalid" and reply.status != 405
    said_no = {"cancel": "late" if late else "refused", "tries": 0, "due_at": now}
    return Change({**said_no, **_told_of_cancel(row, reply, now)})


def _told_of_cancel(row: Row, reply: Reply, now: float) -> dict[str, Any]:
    """Note when the service was asked to cancel, and what it answered, for whoever watches."""
    return {"progress": {**row.progress, "cancel": {"at": now, "status": reply.status}}}


def _until_free(row: Row, reply: Reply, now: float) -> float:
    """Give the seconds to wait after a 429: the server's, but never so few that the limit is kept full by asking."""
    told = retry_after(reply.headers, now)
    longest = 60.0 if told is None else _TOLD_LONGEST
    return max((told or 0.0) + 0.1, backoff(row.tries + 1, longest=longest))


def ask_unreached(row: Row, reason: str, now: float) -> Change:
    """No reply came to a GET or a cancel: the job is not affected."""
    return Change(_noted(row, "no_connection", reason, now, backoff(row.tries + 1)))


def _troubled(
    row: Row, kind: str, reply: Reply, now: float, wait: float, *, words: str = ""
) -> dict[str, Any]:
    changes = _noted(row, kind, words or said(reply), now, wait)
    changes["trouble"] |= {"status": reply.status, "request_id": reply.request_id}
    return changes


def _noted(row: Row, kind: str, words: str, now: float, wait: float) -> dict[str, Any]:
    since = row.trouble["since"] if row.trouble and row.trouble.get("kind") == kind else now
    trouble = {"kind": kind, "said": words, "since": since, "next": now + wait, "wait": wait}
    return {"trouble": trouble, "tries": row.tries + 1, "due_at": now + wait}
