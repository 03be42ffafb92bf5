"""An answer's own images, fetched from where it says they are.

The addresses come from outside: whoever writes them must not make this machine ask others in its own
network. Only https is spoken, and only with public addresses: a name is looked up here, every address that
it has is checked, and the connection goes to one of these, so that a second look-up cannot lead elsewhere.
A redirect is checked in the same way.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import ipaddress
import logging
import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pplx_jupyter.api.http import Stranger
from pplx_jupyter.api.wire import Lost
from pplx_jupyter.pixels import HEAD, MAX_IMAGE, MAX_IMAGES, image_type

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pplx_jupyter.api.http import Found

__all__ = ["MOST", "Place", "fetch_pictures", "is_public", "place_of"]

log = logging.getLogger("pplx_jupyter")

MOST = 30
"""So many images of one answer are tried."""

_REDIRECTS = 3
_TRIED_ADDRESSES = 2
_AT_ONCE = 4
_MAX_URL = 2000
_REDIRECTING = (301, 302, 303, 307, 308)
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?\.?|[0-9a-f:.]+:[0-9a-f:.]*")

# Where addresses for everybody are, and what in there is none: documentation that older tables do not know,
# and ways through which an IPv4 address is reached, which may be a private one.
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_NOT_GLOBAL_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NOT_GLOBAL_4 = tuple(
    map(ipaddress.IPv4Network, ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24"))
)


class _Refused(Exception):
    """An image is not taken; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where an image is: the name of its server, and the path with its query."""

    host: str
    target: str


def place_of(url: str) -> Place | None:
    """Read the address of an image; None where it is none that is fetched: https on its own port, without user."""
    if len(url) > _MAX_URL or _CONTROL.search(url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        name = host if ":" in host else host.encode("idna").decode("ascii").lower()
    except (ValueError, UnicodeError):
        return None
    bracketed = "[" in parts.netloc
    if bracketed != (":" in name):
        return None
    if parts.scheme != "https" or "@" in parts.netloc or port not in {None, 443} or not _HOST.fullmatch(name):
        return None
    return Place(name, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network: not of this machine, its network, or a special purpose."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    special = (
        ip.is_private
        or ip.is_loopback
        or ip.is_link_local
        or ip.is_multicast
        or ip.is_reserved
        or ip.is_unspecified
    )
    if special or not ip.is_global:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _NOT_GLOBAL_4)
    # This leaves out IPv4-mapped and translated addresses, too.
    return ip in _GLOBAL_6 and ip.scope_id is None and not any(ip in network for network in _NOT_GLOBAL_6)


async def look_up(host: str) -> Sequence[str]:
    """Give the IP addresses of a name; raises OSError where it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def fetch_pictures(
    urls: Sequence[str],
    *,
    seconds: float,
    transport: Any = None,
    resolve: Callable[[str], Awaitable[Sequence[str]]] = look_up,
) -> dict[str, bytes]:
    """Fetch images; give those that came in time and may be shown, by their addresses, in the order given.

    Parameters
    ----------
    urls
        Their addresses, as the service sent them.
    seconds
        How long that may take in all.
    transport, resolve
        What stands in for the network and for the look-up of names, in tests. What is looked up is checked either way.
    """
    stranger = Stranger(transport=transport)
    found: dict[str, bytes] = {}
    turn = asyncio.Semaphore(_AT_ONCE)

    async def fetch(url: str) -> None:
        async with turn:
            try:
                found[url] = await _fetch(url, functools.partial(_get, stranger, resolve))
            except _Refused as error:
                log.debug("the image %s: %s", url[:200], error)

    wanted = list(dict.fromkeys(urls))[:MOST]
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(fetch(url) for url in wanted))
    except TimeoutError:
        log.debug("images: %s of %s in %s s", len(found), len(wanted), seconds)
    finally:
        await stranger.close()
    return _fitting({url: found[url] for url in wanted if url in found})


def _fitting(found: dict[str, bytes]) -> dict[str, bytes]:
    """Give what one answer may carry, in its order."""
    left, kept = MAX_IMAGES, {}
    for url, data in found.items():
        if len(data) <= left:
            kept[url] = data
            left -= len(data)
    return kept


async def _fetch(url: str, get: Callable[[Place], Awaitable[Found]]) -> bytes:
    for _ in range(_REDIRECTS + 1):
        place = place_of(url)
        if place is None:
            raise _Refused("it is not fetched from such an address")
        found = await get(place)
        if found.status == 200:
            return _checked(found.data)
        if found.status not in _REDIRECTING or not found.location:
            raise _Refused(f"HTTP {found.status}")
        try:
            url = urljoin(url, found.location)
        except ValueError as error:
            raise _Refused("it is sent on to what is no address") from error
    raise _Refused("it is sent on too often")


def _checked(data: bytes) -> bytes:
    if not image_type(data):
        raise _Refused("it is no PNG, JPEG, GIF or WebP")
    if len(data) > MAX_IMAGE:
        raise _Refused(f"it has more than {MAX_IMAGE:,} bytes")
    return data


async def _get(stranger: Stranger, resolve: Callable[[str], Awaitable[Sequence[str]]], place: Place) -> Found:
    """Ask a server at one of its addresses, all of which must be public."""
    try:
        addresses = list(dict.fromkeys(await resolve(place.host)))
    except (OSError, UnicodeError) as error:
        raise _Refused("the name cannot be resolved") from error
    if not addresses or not all(map(is_public, addresses)):
        raise _Refused("its server is not in the public network")
    why = ""
    for address in addresses[:_TRIED_ADDRESSES]:
        try:
            return await stranger.get(place.host, place.target, address, most=MAX_IMAGE, wanted=_may_be_shown)
        except Lost as error:
            why = str(error)
    raise _Refused(why)


def _may_be_shown(data: bytes) -> bool:
    return len(data) < HEAD or bool(image_type(data))
