"""A network of test pictures: what names at pictures.example lead to, without leaving this machine.

Whoever uses it goes through everything that a real fetch goes through, the look-up and the check of the
address included: only the last step, the connection, is another.
"""

from __future__ import annotations

import asyncio
import socket
import zlib
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PUBLIC", "Network", "lead_to", "png"]

PUBLIC = "93.184.216.34"


def png(grey: int = 128, side: int = 8) -> bytes:
    """Give a small grey square."""

    def part(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = part(b"IHDR", side.to_bytes(4) * 2 + bytes([8, 0, 0, 0, 0]))
    rows = zlib.compress((b"\0" + bytes([grey]) * side) * side)
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", rows) + part(b"IEND", b"")


class Network(httpx.AsyncBaseTransport):
    """Asks this machine's servers as ever, and answers for pictures.example itself.

    Parameters
    ----------
    answer
        Gives what a path has: an image, a status, or seconds to wait first.
    """

    def __init__(self, answer: Callable[[str], bytes | int | float] = lambda _path: png()) -> None:
        self.asked: list[str] = []
        self._answer = answer
        self._real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != PUBLIC:
            return await self._real.handle_async_request(request)
        self.asked.append(request.url.path)
        found = self._answer(request.url.path)
        if isinstance(found, float):
            await asyncio.sleep(found)
            found = png()
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, content=found)

    async def aclose(self) -> None:
        await self._real.aclose()


def lead_to(address: str = PUBLIC) -> Any:
    """Give a look-up of names that knows pictures.example, to take the place of `socket.getaddrinfo`."""
    known = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        return known(address if host == "pictures.example" else host, port, *rest, **more)

    return look_up
