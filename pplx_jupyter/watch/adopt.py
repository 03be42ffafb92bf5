"""Jobs that the service lists and the ledger does not know: asked from another machine, or by another program.

They get a row each, and are followed like any other: an answer that nobody fetches within seven days is lost.
"""

from __future__ import annotations

import datetime
import logging
import math
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api import sonar
from pplx_jupyter.api.wire import Lost, Unsent
from pplx_jupyter.ledger.records import Adoptable
from pplx_jupyter.reading import read_status
from pplx_jupyter.watch.pace import KEPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.api.http import Client
    from pplx_jupyter.ledger import Ledger, Row

__all__ = ["adopt_others", "ended_at", "listed"]

log = logging.getLogger("pplx_jupyter")

_PAGE = 100
_MOST_PAGES = 20


async def adopt_others(ledger: Ledger, client: Client, *, account: str, base_url: str) -> list[Row]:
    """Ask for the service's list, newest first, until a page holds nothing new; give the rows that were made.

    Where the list cannot be had, nothing is adopted: it is asked for again another time.
    """
    adopted: list[Row] = []
    token: str | None = None
    for _ in range(_MOST_PAGES):
        try:
            reply = await sonar.jobs(client, limit=_PAGE, next_token=token)
        except (Unsent, Lost) as error:
            log.debug("the service's list: %s", error)
            break
        if not reply.ok or not reply.is_json:
            log.debug("the service's list: HTTP %s", reply.status)
            break
        found = listed(reply.body, time.time())
        rows = ledger.adopt(found, account, base_url) if found else None
        adopted += rows or ()
        following = reply.body.get("next_token") if isinstance(reply.body, dict) else None
        if not rows or not isinstance(following, str) or following in {"", token}:
            break
        token = following
    return adopted


def listed(body: Any, now: float) -> Sequence[Adoptable]:
    """Read a page of the service's list; never raises for any JSON value.

    Jobs that are too old to be fetched are left out.
    """
    entries = body.get("requests") if isinstance(body, dict) else body
    found = []
    for entry in entries if isinstance(entries, list) else ():
        status = read_status(entry, "sonar") if isinstance(entry, dict) else None
        if status is None or not status.remote_id:
            continue
        asked_at = _seconds(entry.get("created_at"))
        asked_at = now if asked_at is None else asked_at
        if now - asked_at < KEPT_SECONDS:
            model = entry.get("model")
            found.append(
                Adoptable(
                    status.remote_id, asked_at, model if isinstance(model, str) else "", status.remote_status
                )
            )
    return found


def ended_at(row: Row, body: Any, now: float) -> float:
    """Give when a job ended: our own clock's word, but the service's for a job that it ended before we knew of it."""
    if not row.is_adopted or not isinstance(body, dict):
        return now
    told = (_seconds(body.get(name)) for name in ("completed_at", "failed_at"))
    ended = next((moment for moment in told if moment is not None), now)
    return min(max(ended, row.created_at), now)


def _seconds(value: Any) -> float | None:
    """Read a moment: seconds since the epoch, or ISO 8601; None where it is neither."""
    if isinstance(value, str):
        try:
            return datetime.datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 < value < 1e11 else None
