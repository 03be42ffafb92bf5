"""The outermost layer: request ids, the record of requests, and the faults of the way."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import uuid
from typing import TYPE_CHECKING, Any

from pplx_jupyter.simulator.faults import Fault, Faults, traits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

__all__ = ["Wire"]

_PAGE = "<!doctype html><html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>proxy</body></html>"
_BEFORE = frozenset({"status", "html"})


class Wire:
    """An ASGI layer around the simulated service. It must see the server's own `send`, to drop connections."""

    def __init__(self, app: App, faults: Faults) -> None:
        self._app = app
        self._faults = faults
        self._held: set[asyncio.Event] = set()
        self.requests: list[tuple[str, str]] = []

    @property
    def held(self) -> int:
        """How many replies are kept back now."""
        return len(self._held)

    def release(self) -> None:
        """Let all replies go that are kept back; to be called in the server's loop."""
        for event in self._held:
            event.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with what the faults make of it."""
        if scope["type"] != "http":
            return
        stamped = _stamped(send)
        method, path = scope["method"], scope["path"]
        if path.startswith("/simulator"):
            await self._app(scope, receive, stamped)
            return
        self.requests.append((method, path))
        hits = self._faults.for_reply(traits(method, path))
        await asyncio.sleep(sum(fault.value for fault in hits if fault.kind == "latency"))
        if all(fault.kind == "latency" for fault in hits):
            await self._app(scope, receive, stamped)
            return
        spoiler = next((fault for fault in hits if fault.kind not in {"latency", "hold"}), Fault("none"))
        await self._spoilt(spoiler, any(fault.kind == "hold" for fault in hits), scope, receive, send)

    async def _spoilt(self, fault: Fault, hold: bool, scope: Scope, receive: Receive, send: Send) -> None:
        reply = _made(fault)
        if fault.kind == "reset-before" or fault.kind in _BEFORE:
            await _drain(receive)
        else:
            reply = _changed(fault, await _reply_of(self._app, scope, receive))
        if hold:
            await self._hold()
        if fault.kind.startswith("reset"):
            _reset(send)
            # The server sends a 500 of its own unless the connection is known to be gone.
            await _drain(receive, until="http.disconnect")
            return
        await _send_reply(_stamped(send), *reply)

    async def _hold(self) -> None:
        event = asyncio.Event()
        self._held.add(event)
        try:
            await event.wait()
        finally:
            self._held.discard(event)


Reply = tuple[int, list[tuple[bytes, bytes]], bytes]


def _stamped(send: Send) -> Send:
    stamp = (b"x-request-id", str(uuid.uuid4()).encode())

    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), stamp]
        await send(message)

    return stamped


def _made(fault: Fault) -> Reply:
    """Make the reply that a fault gives without the service."""
    status = int(fault.value) or 200
    if fault.kind.startswith("html"):
        return (
            status,
            [(b"content-type", b"text/html")],
            _PAGE.format(f"{status} Simulated proxy error").encode(),
        )
    kind = {401: "invalid_api_key", 403: "forbidden", 404: "not_found", 429: "rate_limit_exceeded"}.get(
        status
    )
    kind = kind or ("invalid_request" if status < 500 else "internal_server_error")
    error = {"message": f"Simulated error {status}.", "type": kind, "code": status}
    return status, [(b"content-type", b"application/json")], json.dumps({"error": error}).encode()


def _changed(fault: Fault, reply: Reply) -> Reply:
    """Spoil a reply of the service."""
    status, headers, body = reply
    if fault.kind in {"status-after", "html-after"}:
        return _made(fault)
    if fault.kind == "truncate":
        body = body[: len(body) // 2]
    elif fault.kind == "malformed":
        status, body = 200, b"<<< this is no JSON >>>"
    elif fault.kind == "list":
        body = b"[" + body + b"]"
    return status, headers, body


async def _reply_of(app: App, scope: Scope, receive: Receive) -> Reply:
    start: Message = {}
    body = bytearray()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    return start["status"], headers, bytes(body)


async def _send_reply(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _drain(receive: Receive, until: str = "") -> None:
    while True:
        message = await receive()
        if message["type"] in {until, "http.disconnect"} or not (until or message.get("more_body")):
            return


def _reset(send: Send) -> None:
    # uvicorn's own `send` is a method of its request cycle, which knows the transport.
    transport = send.__self__.transport  # type: ignore[attr-defined]
    with_reset = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, with_reset)
    transport.abort()
