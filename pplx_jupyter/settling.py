"""Settling an unconfirmed job: sent, the reply lost, perhaps billed. A person decides what becomes of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.receipt import DROPPED
from pplx_jupyter.settings import check_switches

if TYPE_CHECKING:
    from pplx_jupyter.api.wire import Reply
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session

__all__ = ["settle"]

_ASK_SECONDS = 10.0


def settle(session: Session, job_id: str, *, ask_again: bool, remote_id: str, yes: bool) -> Row:
    """Write what a person decided; see `pplx_jupyter.session.Session.settle`."""
    check_switches("", {"ask_again": ask_again, "yes": yes})
    row = session.ledger.get(job_id)
    if row is None or row.state != "unconfirmed":
        raise _nothing_to_settle(job_id)
    # Two windows may ask at once: the first alone finds it unconfirmed.
    if remote_id:
        _check_remote(session, row, remote_id)
        changes = {**_found(remote_id), "account": session.account}
        settled = session.ledger.write(job_id, changes, states=["unconfirmed"])
    elif ask_again:
        changes = {**_once_more(row), "account": session.account}
        settled = session.ledger.intend_again(job_id, changes, budget=session.settings.budget, allowed=yes)
    else:
        settled = session.ledger.write(job_id, _dropped(), states=["unconfirmed"])
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
    return {
        "sending_at": None,
        "failure": None,
        "due_at": time.time(),
        "tries": 0,
        "cancel": "",
        # The first may have been billed all the same: no sum forgets that.
        "lost": row.lost + 1,
    }


def _dropped() -> dict[str, Any]:
    now = time.time()
    failure = {"kind": "cancelled", "reason": DROPPED, "accepted": True, "at": now}
    return {"state": "cancelled", "failure": failure, "settled_at": now, "accepted_at": now}


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
