"""Which source of one answer is which of the other: matched by address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.answer import Source

__all__ = ["address", "match_sources"]

# What newsletters and advertisers add to tell their readers apart.
_TRACKING = re.compile(r"(?i)(?:utm_\w+|gclid|fbclid|msclkid|mc_cid|mc_eid)(?:=|$)")
_PORTS = {"http": ":80", "https": ":443"}


def address(url: str) -> str:
    """Give what two addresses of one page have in common.

    Scheme (http or https), case of the host, ``www.``, a default port, a slash at the end, tracking
    parameters and the fragment make no difference; a path's case does.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.scheme not in _PORTS:
        return url.partition("#")[0]
    host = parts.netloc.lower().removesuffix(_PORTS[parts.scheme]).removeprefix("www.")
    query = "&".join(item for item in parts.query.split("&") if item and not _TRACKING.match(item))
    return f"{host}{parts.path.rstrip('/')}{f'?{query}' if query else ''}"


def match_sources(
    old: Sequence[Source], new: Sequence[Source]
) -> tuple[list[Source], list[Source], list[tuple[Source, Source]]]:
    """Give the sources that are gone, those that are new, and those of both; of a page sent twice the first counts."""
    olds, news = _by_address(old), _by_address(new)
    gone = [source for page, source in olds.items() if page not in news]
    fresh = [source for page, source in news.items() if page not in olds]
    return gone, fresh, [(olds[page], source) for page, source in news.items() if page in olds]


def _by_address(sources: Sequence[Source]) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for source in sources:
        found.setdefault(address(source.url), source)
    return found
