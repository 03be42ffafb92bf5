"""The sonar API (the async chat completions): submit, get, list, cancel.

The same routes have two names, and a gateway may know only one of them. A 404 or 405 to one path
is therefore asked of the other before it counts; a POST may be repeated so, because it goes out
under the same idempotency key, and because such a reply creates nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.api.http import Client
    from pplx_jupyter.api.wire import Reply

__all__ = ["PATHS", "RESENDS", "cancel", "get", "jobs", "submit"]

PATHS = ("/async/chat/completions", "/v1/async/sonar")
RESENDS = True
"""A POST may be sent again: the service knows it by its idempotency key."""

_NO_SUCH_ROUTE = {404, 405}


async def submit(client: Client, body: Mapping[str, Any], idempotency_key: str) -> Reply:
    """Send the question; the reply's body holds the job's id."""
    return await _either(client, "POST", "", body={**body, "idempotency_key": idempotency_key})


async def get(client: Client, remote_id: str) -> Reply:
    """Ask for a job's state, or its answer."""
    return await _either(client, "GET", f"/{quote(remote_id, safe='')}")


async def cancel(client: Client, remote_id: str) -> Reply:
    """Ask the service to cancel; not every deployment offers it (404, 405)."""
    return await _either(client, "DELETE", f"/{quote(remote_id, safe='')}")


async def jobs(client: Client, *, limit: int = 20, next_token: str | None = None) -> Reply:
    """List the account's jobs, newest first, without their answers."""
    params: dict[str, Any] = {"limit": limit}
    if next_token:
        params["next_token"] = next_token
    return await _either(client, "GET", "", params=params)


async def _either(
    client: Client,
    method: str,
    rest: str,
    *,
    body: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
) -> Reply:
    first = await client.send(method, PATHS[0] + rest, body=body, params=params)
    if first.status not in _NO_SUCH_ROUTE:
        return first
    second = await client.send(method, PATHS[1] + rest, body=body, params=params)
    return first if second.status in _NO_SUCH_ROUTE else second
