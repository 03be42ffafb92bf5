"""The watcher: takes due rows from the ledger by lease, and sees that each gets what it needs next.

There is no recovery path: a row that another process left behind is a row like any other, and what
it says about itself (*sending* without an id, an id without an answer) decides what is done next.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.gate import is_parked
from pplx_jupyter.ledger.once import warn_once
from pplx_jupyter.ledger.records import OPEN
from pplx_jupyter.watch import outcomes
from pplx_jupyter.watch.exchange import Exchange
from pplx_jupyter.watch.lease import RENEW_SECONDS, free_owners, this_owner
from pplx_jupyter.watch.pace import Share
from pplx_jupyter.watch.pictures import Pictures
from pplx_jupyter.watch.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.api.http import Client
    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.watch.bell import Bell

__all__ = ["Watcher"]

log = logging.getLogger("pplx_jupyter")

_AT_ONCE = 40
"""Rows under a request at the same time: below the client's pool of connections."""

_A_FEW, _A_MOMENT = 3, 0.05
"""Rows that are begun at a time, and seconds until the next, where the thread has done much of late."""

_OTHERS_SECONDS = 2.0
"""How often the ledger is looked at for what other processes wrote."""

_RELEASE_SECONDS = 0.1
"""How often it is looked whose turn it is in a batch: each reply rings the bell, hundreds a second."""

_BREATH = 0.002
"""Seconds for which a busy watcher leaves the interpreter to others between two pieces of work."""

_LONGEST_TOLD = 86_400.0
"""Seconds that a refusal may ask to wait; see `pplx_jupyter.api.refusals.retry_after`."""

_LONGEST_WAIT = 2 * 3600.0
"""No pace waits so long by itself: a row that is due later was put off by a clock that ran ahead."""


class Watcher:
    """Follows the open rows of one account on one ledger.

    Parameters
    ----------
    ledger
        The record; called from the background thread only.
    bell
        Rung after every change.
    account
        Whose rows these are.
    client
        Makes the client, on the background thread.
    secret_of
        Gives a question's literal webhook secret, by its fingerprint, while this process still has it:
        it is never written down.
    budget
        Gives the setting `budget` as it is now: a job that moves to the other API must fit it anew.
    pictures
        Fetches the images of answers, where they were asked for.
    """

    def __init__(
        self,
        ledger: Ledger,
        bell: Bell,
        *,
        account: str,
        client: Callable[[], Client],
        secret_of: Callable[[str], str | None] = lambda _fingerprint: None,
        budget: Callable[[], float | None] = lambda: None,
        pictures: Pictures | None = None,
    ) -> None:
        self._ledger = ledger
        self._bell = bell
        self._account = account
        self._pictures = Pictures(ledger, bell) if pictures is None else pictures
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._mark = secrets.token_hex(4)
        self._owner = this_owner(self._mark).id
        self._writer = Writer(ledger, bell, self._owner)
        self._exchange = Exchange(
            ledger, self._writer, self._owner, client=client, secret_of=secret_of, budget=budget
        )
        self._renewed = self._released = 0.0
        self._share = Share()
        self._under_way = 0
        self._closing = False

    async def run(self) -> None:
        """Follow rows until `close` is called; what is in flight then still ends."""
        heard = 0
        while not self._closing or self._in_flight or self._pictures.under_way:
            wait = _OTHERS_SECONDS
            try:
                wait = self._tick()
            except LedgerError as error:
                warn_once(str(error))
            except Exception:
                # The border of the thread: one look's fault must not leave all jobs unwatched.
                log.exception("the watcher")
            heard = await self._bell.listen(heard, wait)
        try:
            self._ledger.renew(dataclasses.replace(this_owner(self._mark), until=0.0))
        except LedgerError as error:
            log.warning("%s", error)
        await self._exchange.close()

    def close(self) -> None:
        """End `run` after what is in flight, and give up its leases; call from any thread."""
        self._closing = True
        self._bell.ring()

    def _tick(self) -> float:
        """Start what is due; give the seconds until the next look."""
        now = time.time()
        rest = self._share.wait(time.monotonic(), time.thread_time())
        if rest:
            # A thousand jobs at once must not make the cells slow; nor may another process take them meanwhile.
            if self._under_way and abs(now - self._renewed) >= RENEW_SECONDS:
                self._renew(now, None)
            return min(rest, _OTHERS_SECONDS)
        if abs(now - self._released) >= _RELEASE_SECONDS and not self._closing:
            self._released = now
            self._release(now)
        self._under_way, due = self._ledger.under_way([self._account], now)
        if not self._under_way:
            return _OTHERS_SECONDS
        if abs(now - self._renewed) >= RENEW_SECONDS:
            self._renew(now, due)
        if self._closing or len(self._in_flight) >= _AT_ONCE:
            # The end of each rings the bell.
            return _OTHERS_SECONDS
        free = [owner for owner in free_owners(self._ledger.owners()) if owner != self._owner]
        most = _AT_ONCE if self._share.is_rested else len(self._in_flight) + _A_FEW
        for row in self._ledger.claim(self._owner, free, [self._account], now, min(most, _AT_ONCE)):
            if row.id not in self._in_flight and len(self._in_flight) < most:
                self._in_flight[row.id] = asyncio.get_running_loop().create_task(self._step(row))
        if most < _AT_ONCE:
            return _A_MOMENT
        # What is due already is in flight, and its end rings the bell, or is another process's.
        return _OTHERS_SECONDS if due is None else min(due - now, _OTHERS_SECONDS)

    def _release(self, now: float) -> None:
        try:
            self._ledger.release(self._account, now)
        except LedgerError as error:
            # What is under way is asked about all the same.
            warn_once(str(error))

    def _renew(self, now: float, due: float | None) -> None:
        try:
            self._ledger.renew(this_owner(self._mark))
            self._renewed = now
            if due is not None and due - now > _LONGEST_WAIT:
                self._pull_in(now)
        except LedgerError as error:
            # Jobs that have an id are asked about all the same: see `claim`.
            warn_once(str(error))

    def _pull_in(self, now: float) -> None:
        """Look now at what a clock that ran ahead had put off: the service keeps answers for a few days only."""
        for row in self._ledger.jobs(states=OPEN, limit=_AT_ONCE):
            told = min(float((row.trouble or {}).get("wait") or 0.0), _LONGEST_TOLD)
            far = not is_parked(row.due_at) and row.due_at - now > max(told, _LONGEST_WAIT)
            if row.account == self._account and far:
                self._ledger.write(row.id, {"due_at": now}, states=OPEN)

    async def _step(self, row: Row) -> None:
        """Do what one row needs next."""
        try:
            try:
                change = await self._exchange.act(row, self._under_way)
                if row.remote_id and not self._share.is_rested:
                    # Reading a reply and writing it down are two bites: a cell that waits comes in between.
                    # Not so with the reply to a submit: its id is told once.
                    await asyncio.sleep(_BREATH)
                await self._writer.keep(row, change)
                if change is not None and change.pictures:
                    self._pictures.fetch(row.id, change.pictures)
            except LedgerError:
                raise
            except Exception as error:
                # The border of the thread: one row's fault must not end the others'.
                log.exception("job %s", row.id)
                reason = f"{type(error).__name__}: {error}"
                await self._writer.keep(row, outcomes.ask_unreached(row, reason, time.time()))
        except LedgerError as error:
            warn_once(f"job {row.id}: {error}")
            if row.state == "submitting":
                self._writer.hold(row, outcomes.unwritten(row, error.why or str(error), time.time()), error)
        finally:
            del self._in_flight[row.id]
            self._bell.ring()
