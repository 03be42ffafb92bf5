"""The agent API (background runs): submit, get, cancel. It has no list and no idempotency key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.api.http import Client
    from pplx_jupyter.api.wire import Reply

__all__ = ["PATH", "RESENDS", "cancel", "get", "submit"]

PATH = "/v1/responses"
RESENDS = False
"""A repeated POST would be a second, paid run."""


async def submit(client: Client, body: Mapping[str, Any], idempotency_key: str) -> Reply:  # noqa: ARG001 - it has none
    """Send the question once; the reply's body holds the run's id."""
    return await client.send("POST", PATH, body=body)


async def get(client: Client, remote_id: str) -> Reply:
    """Ask for a run's state, its steps so far, or its answer."""
    return await client.send("GET", f"{PATH}/{quote(remote_id, safe='')}")


async def cancel(client: Client, remote_id: str) -> Reply:
    """Ask the service to cancel; a run that has ended already is answered 400."""
    return await client.send("POST", f"{PATH}/{quote(remote_id, safe='')}/cancel")
