"""The one module that knows httpx: sends a request, gives its reply or says why none came.

httpx's line has stalled and a successor with the same interface exists, so nothing else imports it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from pplx_jupyter.api.key import redact
from pplx_jupyter.api.wire import Lost, Reply, Unsent

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from pplx_jupyter.api.key import Secret

__all__ = ["Client"]

# The service may take its time to accept a job; five seconds to connect is the official SDK's own.
_TIMEOUT = httpx.Timeout(60.0, connect=5.0, pool=30.0)


class _Bearer(httpx.Auth):
    """Puts the key into the header at the last moment, so that no record of the request holds it."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


class Client:
    """One connection pool to one address with one key; lives on the watcher's loop.

    Parameters
    ----------
    base_url
        The service's address, without a trailing slash.
    key
        The API key.
    transport
        An httpx transport in place of the network, for tests.
    """

    def __init__(self, base_url: str, key: Secret, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.host = httpx.URL(base_url).host
        self._http = httpx.AsyncClient(
            base_url=base_url,
            auth=_Bearer(key),
            timeout=_TIMEOUT,
            transport=transport,
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=10),
            headers={"Accept": "application/json", "User-Agent": "pplx_jupyter"},
        )

    async def send(self, method: str, path: str, *, body: Mapping[str, Any] | None = None, params: Mapping[str, Any] | None = None) -> Reply:
        """Send one request once.

        Raises
        ------
        Unsent
            No connection was made.
        Lost
            The connection broke, or took too long, after the request had begun to leave.
        """
        try:
            response = await self._http.request(method, path, json=body, params=params)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError) as error:
            raise Unsent(reason_of(error)) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Lost(reason_of(error)) from error
        try:
            decoded, is_json = json.loads(response.text), True
        except (ValueError, RecursionError):
            decoded, is_json = None, False
        return Reply(response.status_code, response.headers, response.text, decoded, is_json)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def reason_of(error: Exception) -> str:
    """Give a transport error in a few words, such as ``connection refused``."""
    text = str(error.__cause__ or error).lower()
    for sign, words in (
        ("refused", "connection refused"),
        ("all connection attempts failed", "connection refused"),
        ("name or service not known", "the name cannot be resolved"),
        ("getaddrinfo", "the name cannot be resolved"),
        ("temporary failure in name resolution", "the name cannot be resolved"),
        ("nodename nor servname", "the name cannot be resolved"),
        ("certificate", "its certificate is not accepted"),
        ("unreachable", "the network is unreachable"),
    ):
        if sign in text:
            return words
    if isinstance(error, httpx.TimeoutException):
        return "no reply in time"
    if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError | httpx.WriteError):
        return "the connection broke"
    return redact(str(error))[:200] or type(error).__name__
