"""What a reply that is no success means: pure functions of the reply.

The table is the service's own, gathered from its documents and recorded replies: see ``docs/errors.md``.
"""

from __future__ import annotations

import email.utils
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.key import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.api.wire import Reply

__all__ = ["fields_of", "host_of", "kind_of", "retry_after", "said", "type_of"]

_RETIRED_TYPES = {"chat_completions_not_available", "agent_api_migration_required"}
_KINDS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    407: "proxy",
    408: "server",
    425: "server",
    429: "rate_limited",
    # Another page tells what came of it, or the client was thought to have gone: it may have been taken.
    303: "server",
    499: "server",
}


def kind_of(reply: Reply) -> str:
    """Give the kind of a refusal, in the vocabulary of `pplx_jupyter.receipt.Failure`.

    Besides those: ``retired`` (this account's sonar API) and ``server`` (a proxy's or the
    service's own passing trouble: 303, 408, 425, 499, 5xx, 524).
    """
    if reply.status == 403 and type_of(reply.body) in _RETIRED_TYPES:
        return "retired"
    if reply.status >= 500:
        return "server"
    if 300 <= reply.status < 400 and reply.status not in _KINDS:
        return "redirected"
    return _KINDS.get(reply.status, "invalid")


def type_of(body: Any) -> str:
    """Give the service's error type, or an empty text."""
    error = body.get("error") if isinstance(body, dict) else None
    found = error.get("type") if isinstance(error, dict) else None
    return redact(found)[:100] if isinstance(found, str) else ""


def host_of(location: str) -> str:
    """Give the host that a redirect leads to; empty where it stays on the same one, or cannot be read."""
    try:
        return urllib.parse.urlsplit(location).hostname or ""
    except ValueError:
        return ""


def said(reply: Reply) -> str:
    """Give the server's own words, at most 500 characters: hostile text, to be cleaned where it is shown."""
    return redact(_words(reply)).strip()[:500]


def _words(reply: Reply) -> str:
    body = reply.body
    if not reply.is_json:
        return _title(reply.text)
    if isinstance(body, dict):
        error = body.get("error")
        if isinstance(error, dict) and isinstance(error.get("message"), str):
            return str(error["message"])
        if isinstance(body.get("detail"), list):
            return "; ".join(_detail(item) for item in body["detail"][:5])
        for name in ("detail", "message", "error_message", "failed_reason", "error"):
            if isinstance(body.get(name), str):
                return str(body[name])
    return reply.text[:500]


def _detail(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    return f"{_place(item)}: {item.get('msg', '')}".strip(": ")


def _place(item: Mapping[str, Any]) -> str:
    loc = item.get("loc")
    parts = [str(p) for p in loc if str(p) not in {"body", "request"}] if isinstance(loc, list) else []
    return ".".join(parts)


def fields_of(body: Any) -> list[str]:
    """Give the names of the fields that a 422 complains of."""
    detail = body.get("detail") if isinstance(body, dict) else None
    items = detail if isinstance(detail, list) else []
    return [place for item in items if isinstance(item, dict) and (place := _place(item))]


def _title(page: str) -> str:
    """Give a proxy's HTML page in a few words: its title, else its beginning."""
    import html
    import re

    found = re.search(r"<title[^>]*>(.{1,200}?)</title", page[:5000], re.IGNORECASE | re.DOTALL)
    text = found.group(1) if found else re.sub(r"<[^>]{0,500}>", " ", page[:2000])
    return " ".join(html.unescape(text).split())[:200]


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Give the seconds until the service takes the next request, where it says so.

    ``Retry-After`` in seconds or as a date comes first, else ``x-ratelimit-reset`` in epoch seconds.
    """
    now = time.time() if now is None else now
    given = headers.get("retry-after", "").strip()
    if given:
        try:
            return _sane(float(given))
        except ValueError:
            try:
                return _sane(email.utils.parsedate_to_datetime(given).timestamp() - now)
            except (TypeError, ValueError):
                pass
    try:
        return _sane(float(headers.get("x-ratelimit-reset", "")) - now)
    except ValueError:
        return None


def _sane(seconds: float) -> float | None:
    """Take only what a rate limit can mean: a header may hold anything."""
    return max(0.0, seconds) if -60 <= seconds <= 86_400 else None
