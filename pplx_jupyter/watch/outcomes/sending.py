"""What a POST, or the lack of one, makes of a row: accepted, refused, put off, or perhaps bought."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.choice import RETIRED_SECONDS, backend_module
from pplx_jupyter.api.refusals import fields_of, host_of, kind_of, retry_after, said, type_of
from pplx_jupyter.reading import read_cut_id, read_status
from pplx_jupyter.watch import pace
from pplx_jupyter.watch.outcomes.asking import answer_in, learnt
from pplx_jupyter.watch.outcomes.change import HOURLY, Change, ended, noted, troubled, until_free

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.api.wire import Reply
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.ledger.budgets import Refusal

__all__ = [
    "after_lost", "after_submit", "after_unsent", "held_back", "over_budget", "to_agent", "unanswered", "unwritten",
]  # fmt: skip


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
        changes = troubled(row, "rate_limited", reply, now, until_free(row, reply, now))
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
            refused = _refused("unsupported", reply, now)
            refused["failure"]["fields"] = list(gaps)
            return Change(refused, retired_for=RETIRED_SECONDS)
        return Change({**to_agent(now).changes, "moved": True}, retired_for=RETIRED_SECONDS)
    kind = {"retired": "forbidden", "not_found": "invalid"}.get(kind, kind)
    return Change(_refused(kind, reply, now))


def to_agent(now: float) -> Change:
    """Let a row that certainly created nothing go to the agent API."""
    return Change({"backend": "agent", "sending_at": None, "due_at": now, "tries": 0, "trouble": None})


def after_unsent(row: Row, reason: str, host: str, now: float, *, again: bool) -> Change:
    """No connection was made for a POST: nothing can have come of this one."""
    if again:
        return Change(noted(row, "no_connection", reason, now, pace.backoff(row.tries + 1)))
    failure = {"kind": "no_connection", "reason": reason, "host": host, "accepted": False}
    return Change({**ended("failed", failure, now), "sending_at": None})


def after_lost(row: Row, reason: str, now: float, part: Reply | None = None) -> Change:
    """Say what to do where the POST left and no whole reply came: the job may exist.

    Parameters
    ----------
    part
        What of the reply came; where that names the job, it exists.
    """
    remote_id = read_cut_id(part.text) if part is not None and part.ok else ""
    if part is not None and remote_id:
        # Its id is all that is read: whatever else it holds may be why it is taken for lost.
        return Change(
            {"state": "queued", "request_id": part.request_id, **_known_as(remote_id, now), "due_at": now}
        )
    if backend_module(row.backend).RESENDS:
        return _perhaps_accepted(row, reason, now)
    return _perhaps_accepted(row, reason, now, part)


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


def held_back(row: Row, until: float, now: float) -> Change:
    """Put off a question that the service would refuse as one too many; it was not asked."""
    return Change({**noted(row, "rate_limited", "", now, until - now), "tries": row.tries})


def unwritten(row: Row, reason: str, now: float) -> Change:
    """Note that the mark before the first byte could not be written down: nothing has left."""
    return Change(noted(row, "ledger", reason, now, pace.backoff(row.tries + 1)))


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
    }
    there: dict[str, Any] = {
        name: change.changes[name] for name in ("backend", "moved") if name in change.changes
    }
    changes = {**there, **ended("failed", failure, now), "sending_at": None, "expected": dict(usual)}
    return Change(changes, retired_for=change.retired_for)


def _accepted(row: Row, reply: Reply, now: float) -> Change:
    status = read_status(reply.body, row.backend)
    if not reply.is_json:
        status = dataclasses.replace(status, remote_id=read_cut_id(reply.text))
    if not status.remote_id:
        return _perhaps_accepted(row, "the reply names no job", now, reply)
    changes = _known_as(status.remote_id, now)
    row = dataclasses.replace(row, accepted_at=now, remote_id=status.remote_id)
    rest = learnt(row, reply, now)
    if "state" not in rest.changes or _lacks_answer(row, status.state, reply):
        # The id is what a POST is asked for; whatever else it leaves out, a GET tells.
        under_way = {"state": "queued", "remote_status": status.remote_status, "request_id": reply.request_id}
        return Change({**under_way, **changes, "due_at": now})
    return dataclasses.replace(rest, changes={**rest.changes, **changes})


def _known_as(remote_id: str, now: float) -> dict[str, Any]:
    """Give what a row is that the service has under this id."""
    return {"remote_id": remote_id, "accepted_at": now, "tries": 0, "trouble": None}


def _lacks_answer(row: Row, state: str, reply: Reply) -> bool:
    if state not in {"completed", "incomplete"}:
        return False
    return not answer_in(row, reply).text


def _refused_again(row: Row, kind: str, reply: Reply, now: float) -> Change:
    """Read a refusal of a resend: it says nothing of the POST before, which may have bought a job."""
    if kind in {"unauthorized", "forbidden", "retired"} and row.cancel != "asked":
        return Change(troubled(row, kind, reply, now, HOURLY))
    if reply.status == 409:
        # The first POST is still being worked on under the same idempotency key.
        return Change(troubled(row, "server", reply, now, pace.backoff(row.tries + 1)))
    # Also where a person waits no longer for the service to change its mind: settling is the way out.
    return _unconfirmed(row, "a second attempt was refused", now, reply)


def _perhaps_accepted(row: Row, reason: str, now: float, reply: Reply | None = None) -> Change:
    if not backend_module(row.backend).RESENDS:
        change = _unconfirmed(row, reason, now, reply)
        return dataclasses.replace(change, body=reply.text if reply is not None and reply.ok else None)
    if reply is None:
        return Change(noted(row, "no_connection", reason, now, pace.backoff(row.tries + 1)))
    return Change(troubled(row, "server", reply, now, pace.backoff(row.tries + 1), words=reason))


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


def _refused(kind: str, reply: Reply, now: float) -> dict[str, Any]:
    failure = {
        "kind": kind,
        "said": said(reply),
        "status": reply.status,
        "type": type_of(reply.body),
        "request_id": reply.request_id,
        "fields": fields_of(reply.body),
        "accepted": False,
    }
    if kind == "redirected":
        failure["reason"] = host_of(reply.headers.get("location", ""))
    return {**ended("failed", failure, now), "sending_at": None, "request_id": reply.request_id}
