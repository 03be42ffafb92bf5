"""What the reply to a GET by id makes of a row: progress, an answer, an end, or a passing trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.refusals import kind_of, said
from pplx_jupyter.errors import RequestError
from pplx_jupyter.reading import read_answer, read_progress, read_status
from pplx_jupyter.request import Request
from pplx_jupyter.watch import pace
from pplx_jupyter.watch.adopt import ended_at
from pplx_jupyter.watch.outcomes.change import HOURLY, MINUTE, Change, ended, noted, troubled, until_free
from pplx_jupyter.watch.steps import steps_seen

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer
    from pplx_jupyter.api.wire import Reply
    from pplx_jupyter.ledger import Row

__all__ = ["after_ask", "answer_in", "ask_unreached", "learnt"]

_PICTURE_SECONDS = 12.0
"""How long, after an answer came, its images may still come; fetching them ends a little earlier."""

_NO_ANSWER = "no_answer"
_ANSWER_SECONDS = 600.0
"""How long a job that has finished is asked for an answer that its reply lacks: what is settled is final."""

_SETTLING_IN = 60.0
"""Seconds in which a 404 to a new job may only mean that the service's copies do not know it yet."""


def after_ask(row: Row, reply: Reply, now: float, *, under_way: int = 1) -> Change:
    """Read the reply to a GET by id."""
    if reply.ok and reply.is_json:
        return learnt(row, reply, now, under_way=under_way)
    if reply.ok:
        return Change(
            troubled(row, "server", reply, now, pace.backoff(row.tries + 1), words="the reply is not JSON")
        )
    kind = kind_of(reply)
    if kind == "not_found":
        return _gone(row, reply, now)
    if kind == "rate_limited":
        return Change(troubled(row, kind, reply, now, until_free(row, reply, now)))
    if kind in {"retired", "unauthorized", "forbidden"}:
        return Change(troubled(row, kind, reply, now, MINUTE if kind == "unauthorized" else HOURLY))
    return Change(troubled(row, "server", reply, now, pace.backoff(row.tries + 1)))


def ask_unreached(row: Row, reason: str, now: float) -> Change:
    """No reply came to a GET or a cancel: the job is not affected."""
    return Change(noted(row, "no_connection", reason, now, pace.backoff(row.tries + 1)))


def learnt(row: Row, reply: Reply, now: float, *, under_way: int = 1) -> Change:
    """Read what a body says of its job; one without any status is a passing trouble."""
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
        noted = troubled(
            row, "server", reply, now, pace.backoff(row.tries + 1), words="the reply has no status"
        )
        return Change(noted, reply.text)
    if status.state in {"completed", "incomplete"}:
        return _answered(row, changes, reply, now)
    if status.state in {"failed", "cancelled"}:
        return _without_answer(row, changes, status.message or _why(status.remote_status), reply, now)
    progress = read_progress(reply.body, row.backend, id=row.remote_id or None)
    changes["progress"] = {
        "searches": progress.searches,
        "sources": progress.sources,
        "latest": progress.latest,
        "asked": now,
        **steps_seen(row.progress, progress.steps, now - (row.accepted_at or row.created_at)),
        **{name: row.progress[name] for name in ("cancel",) if name in row.progress},
    }
    changes["due_at"] = now + pace.next_ask(now - (row.accepted_at or row.created_at), under_way)
    return Change(changes)


def _answered(row: Row, changes: dict[str, Any], reply: Reply, now: float) -> Change:
    answer = answer_in(row, reply)
    if changes["state"] == "completed" and not (answer.text or answer.thinking) and not _is_late(row, now):
        words = "finished, but the reply has no answer"
        later = troubled(row, _NO_ANSWER, reply, now, pace.backoff(row.tries + 1), words=words)
        return Change(later, reply.text)
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
        changes["pictures_until"] = now + _PICTURE_SECONDS
    return Change(changes, reply.text, pictures=pictures)


def _is_late(row: Row, now: float) -> bool:
    """Whether a finished job's answer has been waited for long enough: a copy of the service's may lag behind."""
    trouble = row.trouble or {}
    return trouble.get("kind") == _NO_ANSWER and not 0 <= now - trouble["since"] < _ANSWER_SECONDS


def _why(word: str) -> str:
    """Say why, where the service sends a word and no message."""
    return "" if word.lower() in {"failed", "cancelled", "canceled"} else f"The service's status is {word}."


def _without_answer(row: Row, changes: dict[str, Any], words: str, reply: Reply, now: float) -> Change:
    answer = answer_in(row, reply)
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


def answer_in(row: Row, reply: Reply) -> Answer:
    """Read a reply as an answer to a row's question, which names the model where the body does not."""
    try:
        request = Request.from_json(row.request)
    except RequestError:
        # Of a newer version: it is collected all the same.
        request = None
    return read_answer(reply.body, row.backend, request, id=row.remote_id or None)


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
        return Change(ended("cancelled", {**failure, "kind": "cancelled"}, now))
    if age >= pace.KEPT_SECONDS:
        return Change(ended("expired", {**failure, "kind": "expired"}, now))
    return Change(troubled(row, "not_found", reply, now, 2.0 if age < _SETTLING_IN else HOURLY))
