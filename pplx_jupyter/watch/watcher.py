"""The watcher: takes due rows from the ledger by lease, talks to the service, writes what it learns.

There is no recovery path: a row that another process left behind is a row like any other, and what
it says about itself (*sending* without an id, an id without an answer) decides what is done next.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from typing import TYPE_CHECKING

from pplx_jupyter.api.bodies import agent_body, agent_gaps, sonar_body
from pplx_jupyter.api.choice import backend_module
from pplx_jupyter.api.wire import Lost, Unsent
from pplx_jupyter.errors import LedgerError, RequestError
from pplx_jupyter.ledger.protocol import GIVEN_IN_CLEAR
from pplx_jupyter.request import Request
from pplx_jupyter.watch import outcomes
from pplx_jupyter.watch.lease import RENEW_SECONDS, free_owners, this_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from pplx_jupyter.api.http import Client
    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.watch.bell import Bell

__all__ = ["Watcher"]

log = logging.getLogger("pplx_jupyter")

_AT_ONCE = 40
"""Rows under a request at the same time: below the client's pool of connections."""

_OTHERS_SECONDS = 2.0
"""How often the ledger is looked at for what other processes wrote."""

_WRITE_PAUSES = (1.0, 5.0, 15.0)
"""Seconds between attempts to write down what a reply said."""


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
    """

    def __init__(
        self,
        ledger: Ledger,
        bell: Bell,
        *,
        account: str,
        client: Callable[[], Client],
        secret_of: Callable[[str], str | None] = lambda _fingerprint: None,
    ) -> None:
        self._ledger = ledger
        self._bell = bell
        self._account = account
        self._make_client = client
        self._secret_of = secret_of
        self._client: Client | None = None
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._mark = secrets.token_hex(4)
        self._owner = ""
        self._renewed = 0.0
        self._under_way = 0
        self._closing = False

    async def run(self) -> None:
        """Follow rows until `close` is called; what is in flight then still ends."""
        heard = 0
        self._owner = this_owner(self._mark).id
        while not self._closing or self._in_flight:
            wait = _OTHERS_SECONDS
            try:
                wait = self._tick()
            except LedgerError as error:
                log.warning("%s", error)
            except Exception:
                # The border of the thread: one look's fault must not leave all jobs unwatched.
                log.exception("the watcher")
            heard = await self._bell.listen(heard, wait)
        try:
            self._ledger.renew(this_owner(self._mark, held=-1.0))
        except LedgerError as error:
            log.warning("%s", error)
        if self._client is not None:
            await self._client.close()

    def close(self) -> None:
        """End `run` after what is in flight, and give up its leases; call from any thread."""
        self._closing = True
        self._bell.ring()

    def _tick(self) -> float:
        """Start what is due; give the seconds until the next look."""
        now = time.time()
        self._under_way, due = self._ledger.under_way([self._account], now)
        if not self._under_way:
            return _OTHERS_SECONDS
        if abs(now - self._renewed) >= RENEW_SECONDS:
            self._ledger.renew(this_owner(self._mark))
            self._renewed = now
        if self._closing or len(self._in_flight) >= _AT_ONCE:
            # The end of each rings the bell.
            return _OTHERS_SECONDS
        free = [owner for owner in free_owners(self._ledger.owners()) if owner != self._owner]
        for row in self._ledger.claim(self._owner, free, [self._account], now, _AT_ONCE):
            if row.id not in self._in_flight and len(self._in_flight) < _AT_ONCE:
                self._in_flight[row.id] = asyncio.get_running_loop().create_task(self._step(row))
        # What is due already is in flight, and its end rings the bell, or is another process's.
        return _OTHERS_SECONDS if due is None else min(due - now, _OTHERS_SECONDS)

    async def _step(self, row: Row) -> None:
        """Do what one row needs next."""
        try:
            try:
                change = await self._act(row)
                await self._keep(row, change)
            except LedgerError:
                raise
            except Exception as error:
                # The border of the thread: one row's fault must not end the others'.
                log.exception("job %s", row.id)
                reason = f"{type(error).__name__}: {error}"
                await self._keep(row, outcomes.ask_unreached(row, reason, time.time()))
        except LedgerError as error:
            log.warning("job %s: %s", row.id, error)
        finally:
            del self._in_flight[row.id]
            self._bell.ring()

    async def _keep(self, row: Row, change: outcomes.Change | None) -> None:
        """Write what was learnt, trying again while the ledger is locked or full: an id may have been paid for."""
        for pause in _WRITE_PAUSES:
            try:
                self._write(row, change)
            except LedgerError as error:
                log.warning("job %s: %s", row.id, error)
                await asyncio.sleep(pause)
            else:
                return
        self._write(row, change)

    def _write(self, row: Row, change: outcomes.Change | None) -> Row | None:
        if change is None:
            return None
        if change.retired_for is not None:
            self._ledger.retire(row.account, time.time() + change.retired_for)
        written = self._ledger.write(row.id, change.changes, body=change.body, owner=self._owner)
        if written is None and change.changes.get("remote_id"):
            # A reply that outlived its lease (a machine that slept): the id settles what another gave up.
            found = {"failure": None, **change.changes}
            written = self._ledger.write(row.id, found, body=change.body, states=["unconfirmed"])
        if written is not None and written.is_open and written.cancel == "asked" != row.cancel:
            # Asked for while a request was under way, whose end has just put the row off.
            written = self._ledger.write(row.id, {"due_at": time.time()}, owner=self._owner)
        self._bell.ring()
        return written

    async def _act(self, row: Row) -> outcomes.Change | None:
        if row.state == "submitting":
            return await self._submit(row)
        if row.cancel == "asked":
            return await self._cancel(row)
        return await self._ask(row)

    async def _submit(self, row: Row) -> outcomes.Change | None:
        backend = backend_module(row.backend)
        again = row.sending_at is not None
        if again and not backend.RESENDS:
            return outcomes.unanswered(row, time.time())
        if row.cancel == "asked" and not again:
            return outcomes.dropped(time.time())
        try:
            request = Request.from_json(row.request)
            body = self._body(row, request)
            client = self._http()
        except Exception as error:  # noqa: BLE001 - of whatever kind: nothing has left, and trying again changes nothing
            return outcomes.after_unsent(
                row, str(error) or type(error).__name__, "", time.time(), again=again
            )
        # Committed before the first byte leaves: from here on the job may exist.
        sending = outcomes.Change({"sending_at": row.sending_at or time.time()})
        written = self._write(row, sending)
        if written is None:
            return None
        if written.cancel == "asked" and not again:
            return outcomes.dropped(time.time())
        try:
            reply = await backend.submit(client, body, row.idempotency_key)
        except Unsent as error:
            return outcomes.after_unsent(row, str(error), client.host, time.time(), again=again)
        except Lost as error:
            return outcomes.after_lost(row, str(error), time.time())
        gaps = agent_gaps(request) if row.backend == "sonar" else ()
        change = outcomes.after_submit(row, reply, time.time(), again=again, gaps=gaps)
        if change.changes.get("failure"):
            change.changes["failure"]["key_from"] = client.key_origin
        return change

    def _body(self, row: Row, request: Request) -> Mapping[str, Any]:
        if row.backend == "agent":
            return agent_body(request)
        return sonar_body(request, self._webhook_secret(row))

    def _webhook_secret(self, row: Row) -> str | None:
        """Give the secret that a row names, or that this process was given in clear."""
        named = str(row.request.get("webhook_secret") or "")
        secret = os.environ.get(named[1:]) if named else self._secret_of(row.fingerprint)
        if secret is None and named:
            raise RequestError(f"the variable {named} that holds the webhook's secret is not set here")
        if secret is None and row.request.get(GIVEN_IN_CLEAR):
            raise RequestError(
                "its webhook's secret was known only to the process that asked; ask again, or name a variable ($NAME)"
            )
        return secret

    async def _ask(self, row: Row) -> outcomes.Change:
        try:
            reply = await backend_module(row.backend).get(self._http(), row.remote_id)
        except (Unsent, Lost) as error:
            return outcomes.ask_unreached(row, str(error), time.time())
        return outcomes.after_ask(row, reply, time.time(), under_way=self._under_way)

    async def _cancel(self, row: Row) -> outcomes.Change:
        try:
            reply = await backend_module(row.backend).cancel(self._http(), row.remote_id)
        except (Unsent, Lost) as error:
            return outcomes.ask_unreached(row, str(error), time.time())
        return outcomes.after_cancel(row, reply, time.time())

    def _http(self) -> Client:
        if self._client is None:
            self._client = self._make_client()
        return self._client
