"""Looking, in the background, for jobs of this key that were asked elsewhere."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING

from pplx_jupyter.errors import PplxError
from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session

__all__ = ["adopted_since", "look_elsewhere"]

log = logging.getLogger("pplx_jupyter")

EVERY_SECONDS = 300.0
"""How often the service's list is asked for, over all processes on a ledger."""

_lock = threading.Lock()
_adopted: weakref.WeakKeyDictionary[Session, list[Row]] = weakref.WeakKeyDictionary()


def look_elsewhere(session: Session) -> Future[None] | None:
    """Begin to adopt what the service lists and the ledger does not know; give None where there is no key.

    Returns at once: the ledger is asked whether it is due, and the service for its list, in the background.
    What is found is followed from then on, and `adopted_since` tells of it.
    """
    if session.frozen or not session.has_key:
        return None
    return run_in_background(_look(session))


async def _look(session: Session) -> None:
    try:
        ledger, account, now = session.ledger, session.account, time.time()
        retired = ledger.retired_until(account)
        if (retired is not None and retired > now) or not ledger.listing_due(account, now, EVERY_SECONDS):
            return
        from pplx_jupyter.api.http import Client
        from pplx_jupyter.watch.adopt import adopt_others

        client = Client(session.base_url, session.key, transport=session.transport)
        try:
            rows = await adopt_others(ledger, client, account=account, base_url=session.base_url)
        finally:
            await client.close()
    except PplxError as error:
        # A ledger that cannot be written to: whoever asks the next question hears of it.
        log.debug("looking elsewhere: %s", error)
        return
    if rows:
        with _lock:
            _adopted.setdefault(session, []).extend(rows)
        session.watch()


def adopted_since(session: Session) -> str:
    """Say in one line what was adopted since this was last asked; empty where nothing was."""
    with _lock:
        rows = _adopted.pop(session, [])
    if not rows:
        return ""
    ids = ", ".join(row.id for row in rows[:5]) + (", …" if len(rows) > 5 else "")
    noun = (
        "1 job that was asked elsewhere is"
        if len(rows) == 1
        else f"{len(rows)} jobs that were asked elsewhere are"
    )
    return f"{noun} new in this ledger ({ids}); what has arrived is collected."
