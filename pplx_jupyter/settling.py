"""Settling an unconfirmed job: sent, the reply lost, perhaps billed. A person decides what becomes of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import BudgetExceeded, RequestError
from pplx_jupyter.ledger.budgets import day_of
from pplx_jupyter.ledger.expected import expected_of

if TYPE_CHECKING:
    from pplx_jupyter.api.wire import Reply
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session

__all__ = ["settle"]

_ASK_SECONDS = 10.0


def settle(session: Session, job_id: str, *, ask_again: bool, remote_id: str, yes: bool) -> Row:
    """Write what a person decided; see `pplx_jupyter.session.Session.settle`."""
    row = session.ledger.get(job_id)
    if row is None or row.state != "unconfirmed":
        raise _nothing_to_settle(job_id)
    if remote_id:
        _check_remote(session, row, remote_id)
        changes = _found(remote_id)
    elif ask_again:
        if not yes:
            _check_budget(session, row)
        changes = _once_more(row)
    else:
        changes = _dropped()
    if remote_id or ask_again:
        changes["account"] = session.account
    # Two windows may ask at once: the first alone finds it unconfirmed.
    settled = session.ledger.write(job_id, changes, states=["unconfirmed"])
    if settled is None:
        raise _nothing_to_settle(job_id)
    return settled


def _nothing_to_settle(job_id: str) -> RequestError:
    return RequestError(
        f"{job_id} is not unconfirmed, so there is nothing to settle; %pplx jobs lists the states."
    )


def _found(remote_id: str) -> dict[str, Any]:
    now = time.time()
    return {
        "state": "running",
        "remote_id": remote_id,
        "accepted_at": now,
        "failure": None,
        "due_at": now,
        "tries": 0,
        "cancel": "",
    }


def _once_more(row: Row) -> dict[str, Any]:
    now = time.time()
    return {
        "state": "submitting",
        "sending_at": None,
        "failure": None,
        "due_at": now,
        # What is sent today counts today: the budget that was looked at is today's.
        "day": day_of(now),
        "tries": 0,
        "cancel": "",
        # The first may have been billed all the same: no sum forgets that.
        "lost": row.lost + 1,
    }


def _dropped() -> dict[str, Any]:
    now = time.time()
    failure = {"kind": "cancelled", "reason": "dropped, unconfirmed", "accepted": True, "at": now}
    return {"state": "cancelled", "failure": failure, "settled_at": now, "accepted_at": now}


def _check_budget(session: Session, row: Row) -> None:
    usual = expected_of(row.expected, row.backend, row.asked_model)
    refusal = session.ledger.refusal(
        row.notebook, row.run, row.base_url, usual.to_json(), session.settings.budget
    )
    if refusal is not None:
        raise BudgetExceeded(refusal.line(), refusal=refusal)


def _check_remote(session: Session, row: Row, remote_id: str) -> None:
    """Ask the service whether it knows this id: a mistyped one would be followed for days."""
    from pplx_jupyter.api.choice import backend_module
    from pplx_jupyter.watch.thread import run_in_background

    async def ask() -> Reply:
        from pplx_jupyter.api.http import Client

        client = Client(session.base_url, session.key, transport=session.transport)
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                reply: Reply = await backend_module(row.backend).get(client, remote_id)
                return reply
        finally:
            await client.close()

    try:
        reply = run_in_background(ask()).result()
    except TimeoutError:
        raise RequestError(
            f"the service did not answer within {_ASK_SECONDS:g} s; nothing is settled."
        ) from None
    if reply.status in {400, 404, 422}:
        raise RequestError(f"the service knows no job “{remote_id}” with this key; nothing is settled.")
