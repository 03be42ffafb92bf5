"""What a request to cancel makes of a row: the service may take it, refuse it, or come too late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.refusals import kind_of
from pplx_jupyter.reading import read_status
from pplx_jupyter.watch import pace
from pplx_jupyter.watch.outcomes.change import MINUTE, Change, ended, troubled, until_free

if TYPE_CHECKING:
    from pplx_jupyter.api.wire import Reply
    from pplx_jupyter.ledger import Row

__all__ = ["after_cancel", "dropped"]

_CANCEL_TRIES = 5
"""After so many errors of the service's the cancel counts as not offered: the answer must still be collected."""


def after_cancel(row: Row, reply: Reply, now: float) -> Change:
    """Read the reply to a request to cancel; the row is asked again at once either way."""
    if reply.ok:
        status = read_status(reply.body, row.backend)
        if status.state == "cancelled":
            failure = {"kind": "cancelled", "request_id": reply.request_id, "accepted": True}
            told = {"remote_status": status.remote_status, "cancel": "sent"}
            return Change({**ended("cancelled", failure, now), **told}, reply.text)
        return Change({"cancel": "sent", "due_at": now + 1.0, **_told_of_cancel(row, reply, now)})
    kind = kind_of(reply)
    if kind == "rate_limited":
        return Change(troubled(row, kind, reply, now, until_free(row, reply, now)))
    if kind == "unauthorized":
        return Change(troubled(row, kind, reply, now, MINUTE))
    if kind == "server" and reply.status != 501 and row.tries < _CANCEL_TRIES:
        return Change(troubled(row, kind, reply, now, pace.backoff(row.tries + 1)))
    late = kind == "invalid" and reply.status != 405
    said_no = {"cancel": "late" if late else "refused", "tries": 0, "due_at": now}
    return Change({**said_no, **_told_of_cancel(row, reply, now)})


def _told_of_cancel(row: Row, reply: Reply, now: float) -> dict[str, Any]:
    """Note when the service was asked to cancel, and what it answered, for whoever watches."""
    return {"progress": {**row.progress, "cancel": {"at": now, "status": reply.status}}}


def dropped(now: float) -> Change:
    """End an intent that the user cancelled before it was sent."""
    failure = {"kind": "cancelled", "accepted": False}
    return Change({**ended("cancelled", failure, now), "sending_at": None})
