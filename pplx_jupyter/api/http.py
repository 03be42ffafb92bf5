"""The one module that knows httpx: sends a request, gives its reply or says why none came.

httpx's line has stalled and a successor with the same interface exists, so nothing else imports it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import json
import socket
import ssl
from typing import TYPE_CHECKING, Any, cast

import httpx

from pplx_jupyter.api.key import redact
from pplx_jupyter.api.wire import Lost, Reply, Unsent

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Generator, Iterator, Mapping

    from pplx_jupyter.api.key import Secret

__all__ = ["Client", "Found", "Stranger"]

# The service may take its time to accept a job; five seconds to connect is the official SDK's own.
_TIMEOUT = httpx.Timeout(60.0, connect=5.0, pool=30.0)

_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
    # The client itself refuses to write the header; it holds the key.
    httpx.LocalProtocolError,
)

_WHOLE_SECONDS = 120.0
"""For one request and its whole reply: what comes a byte at a time never runs into the limit of a single read."""

_MOST_BYTES = 64 * 2**20
"""Far more than any answer, and less than what would fill a machine: a few bytes can unpack to gigabytes."""

_SHORTEST_KEY = 8
"""A shorter key could be a word of the answer."""


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

    def __init__(
        self, base_url: str, key: Secret, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.host = httpx.URL(base_url).host
        self.key_origin = key.origin
        self._key = key
        self._http = httpx.AsyncClient(
            base_url=base_url,
            auth=_Bearer(key),
            timeout=_TIMEOUT,
            transport=transport,
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=10),
            headers={"Accept": "application/json", "User-Agent": "pplx_jupyter"},
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Send one request once.

        Raises
        ------
        Unsent
            No connection was made, or the request cannot be written at all.
        Lost
            The connection broke, or took too long, after the request had begun to leave; what had come of the reply by
            then is in it.
        """
        try:
            request = self._http.build_request(method, path, json=body, params=params)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the address or the body
            # Nothing has left yet.
            raise Unsent(self._withheld(f"{type(error).__name__}: {error}")[:200]) from None
        response: httpx.Response | None = None
        content = bytearray()
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                response = await self._http.send(request, stream=True)
                try:
                    await _read(response, content)
                finally:
                    await response.aclose()
        except _NEVER_LEFT as error:
            raise Unsent(self._withheld(reason_of(error))) from error
        except (httpx.TransportError, httpx.DecodingError, TimeoutError, _TooLong) as error:
            part = None if response is None else self._reply(response, bytes(content))
            raise Lost(self._withheld(reason_of(error)), part) from error
        return self._reply(response, bytes(content))

    def _reply(self, response: httpx.Response, content: bytes) -> Reply:
        """Read what came; nothing that a server, or a proxy on the way, sends makes it fail: the reply may name what was bought."""
        text = self._withheld(_decoded(content, response.charset_encoding))
        try:
            decoded, is_json = json.loads(text), True
        except (ValueError, RecursionError):
            decoded, is_json = None, False
        if is_json and "\\u00" in text:
            text, decoded = self._unescaped(text, decoded)
        # A proxy may put any bytes into a header of its own.
        headers = {name: self._withheld(value) for name, value in response.headers.items()}
        return Reply(response.status_code, httpx.Headers(headers, encoding="utf-8"), text, decoded, is_json)

    def _unescaped(self, text: str, decoded: Any) -> tuple[str, Any]:
        """Take the key out where it was written with JSON's escapes."""
        plain = json.dumps(decoded, ensure_ascii=False)
        cleaned = self._withheld(plain)
        if cleaned == plain:
            return text, decoded
        decoded = json.loads(cleaned)
        return json.dumps(decoded), decoded

    def _withheld(self, text: str) -> str:
        """Take the key out of what a server, or an error, says: it may repeat the header, and is kept."""
        key = self._key.reveal()
        return text.replace(key, "[withheld]") if len(key) >= _SHORTEST_KEY else text

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class _TooLong(Exception):
    """A reply is longer than any can be."""


async def _read(response: httpx.Response, content: bytearray) -> None:
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > _MOST_BYTES:
            raise _TooLong(f"the reply is longer than {_MOST_BYTES // 2**20} MB")


def _decoded(content: bytes, charset: str | None) -> str:
    """Decode a body: JSON is UTF-8 (RFC 8259), whatever the header says, and may begin with a mark of that."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return content.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        # No encoding of texts has that name.
        return content.decode("utf-8", "replace")


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What a stranger's server sent.

    Attributes
    ----------
    location
        Where else it sends us; empty where it does not.
    data
        The content; cut where it was too long, or no longer wanted.
    """

    status: int
    location: str = ""
    data: bytes = b""


class Stranger:
    """Gets single files from servers that an answer names, and tells them nothing of us.

    It has no key, no cookies and no referrer, follows no redirect, takes no proxy of the environment,
    and unpacks nothing. It connects to the network address that it is given and to no other, whatever
    the name means by then; the certificate must be the name's.

    Parameters
    ----------
    transport
        An httpx transport in place of the network, for tests.
    """

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._own = transport is None
        # The environment may name further certificates (SSL_CERT_FILE), but no proxy.
        self._transport = transport or httpx.AsyncHTTPTransport(
            verify=httpx.create_ssl_context(),
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def get(
        self, host: str, target: str, address: str, *, most: int, wanted: Callable[[bytes], bool]
    ) -> Found:
        """Get a file over https.

        Parameters
        ----------
        host, target
            The server's name, and the path with its query.
        address
            Where the server is: an IP address.
        most
            How many bytes are read at most; one more tells that there are more.
        wanted
            Called with what has come so far: whether to go on reading.

        Raises
        ------
        Lost
            The connection could not be made, or broke.
        """
        place = f"[{address}]" if ":" in address else address
        headers = {
            "Host": f"[{host}]" if ":" in host else host,
            "User-Agent": "pplx_jupyter",
            "Accept": "image/png, image/jpeg, image/gif, image/webp",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        patience = httpx.Timeout(10.0, connect=3.0).as_dict()
        more = {"sni_hostname": host, "timeout": patience}
        try:
            request = httpx.Request("GET", f"https://{place}{target}", headers=headers, extensions=more)
            response = await self._transport.handle_async_request(request)
            try:
                data = await _beginning(response, most, wanted) if response.status_code == 200 else b""
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
            raise Lost(reason_of(error)) from error
        return Found(response.status_code, response.headers.get("location", ""), data)

    async def close(self) -> None:
        """Close the connections."""
        if self._own:
            await self._transport.aclose()


async def _beginning(response: httpx.Response, most: int, wanted: Callable[[bytes], bool]) -> bytes:
    """Read a response as it comes over the wire, until it is too long or no longer wanted."""
    data = b""
    async for chunk in cast("AsyncIterable[bytes]", response.stream):
        data += chunk
        if len(data) > most or not wanted(data):
            break
    return data[: most + 1]


def reason_of(error: BaseException) -> str:
    """Give a transport error in a few words, such as ``connection refused``."""
    for cause in _causes(error):
        words = _in_words(cause)
        if words:
            return words
    text = str(error).lower()
    if "all connection attempts failed" in text:
        return "no connection could be made"
    return next((words for sign, words in _SIGNS if sign in text), "") or _last_words(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what lies beneath it: the system's own reason is under two libraries' wrappings."""
    waiting, seen = [error], set()
    while waiting:
        found = waiting.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        below = [found.__cause__ or found.__context__, *getattr(found, "exceptions", ())]
        waiting.extend(each for each in below if each is not None)


def _in_words(error: BaseException) -> str:
    """Say what a system error means; empty where its type does not tell."""
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not accepted"
    if isinstance(error, ssl.SSLError):
        return "no secure connection (TLS) could be made"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}:
        return "the network is unreachable"
    return ""


_SIGNS = (
    ("connection refused", "connection refused"),
    ("name or service not known", "the name cannot be resolved"),
    ("getaddrinfo", "the name cannot be resolved"),
    ("temporary failure in name resolution", "the name cannot be resolved"),
    ("nodename nor servname", "the name cannot be resolved"),
    ("certificate", "its certificate is not accepted"),
    ("unreachable", "the network is unreachable"),
)


def _last_words(error: BaseException) -> str:
    if isinstance(error, httpx.LocalProtocolError):
        # Its own words quote the header, and so the key.
        return "the key holds characters that no request may hold"
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return "no connection in time"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "no reply in time"
    if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError | httpx.WriteError):
        return "the connection broke"
    return redact(str(error))[:200] or type(error).__name__
