"""The watcher: takes due rows from the ledger by lease, talks to the service, writes what it learns.

There is no recovery path: a row that another process left behind is a row like any other, and what
it says about itself (*sending* without an id, an id without an answer) decides what is done next.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import secrets
import time
from typing import TYPE_CHECKING

from pplx_jupyter.api.bodies import agent_body, agent_gaps, sonar_body
from pplx_jupyter.api.choice import backend_module
from pplx_jupyter.api.threads import continued
from pplx_jupyter.api.wire import Lost, Unsent
from pplx_jupyter.errors import LedgerError, RequestError
from pplx_jupyter.ledger.batches import is_parked
from pplx_jupyter.ledger.expected import HISTORY, expected
from pplx_jupyter.ledger.protocol import GIVEN_IN_CLEAR, OPEN
from pplx_jupyter.ledger.troubles import warn_once
from pplx_jupyter.request import Request
from pplx_jupyter.watch import outcomes
from pplx_jupyter.watch.history import spelled_out, thread_of
from pplx_jupyter.watch.lease import RENEW_SECONDS, free_owners, this_owner
from pplx_jupyter.watch.pace import KEPT_SECONDS, Share
from pplx_jupyter.watch.pictures import Pictures

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

_A_FEW, _A_MOMENT = 3, 0.05
"""Rows that are begun at a time, and seconds until the next, where the thread has done much of late."""

_OTHERS_SECONDS = 2.0
"""How often the ledger is looked at for what other processes wrote."""

_WRITE_PAUSES = (0.5, 1.5)
"""Seconds between attempts to write down what a reply said, before it is kept in memory."""

_RELEASE_SECONDS = 0.1
"""How often it is looked whose turn it is in a batch: each reply rings the bell, hundreds a second."""

_BREATH = 0.002
"""Seconds for which a busy watcher leaves the interpreter to others between two pieces of work."""

_STOPPING = {"unauthorized", "forbidden", "unsupported", "invalid", "no_connection", "budget"}
"""Refusals that every further question of a batch would meet: it pauses, or a thousand would be refused in turn."""

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
        self._make_client = client
        self._secret_of = secret_of
        self._budget = budget
        self._pictures = Pictures(ledger, bell) if pictures is None else pictures
        self._client: Client | None = None
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._mark = secrets.token_hex(4)
        self._owner = ""
        self._renewed = self._released = 0.0
        self._share = Share()
        self._under_way = 0
        self._closing = False

    async def run(self) -> None:
        """Follow rows until `close` is called; what is in flight then still ends."""
        heard = 0
        self._owner = this_owner(self._mark).id
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
        if self._client is not None:
            await self._client.close()

    def close(self) -> None:
        """End `run` after what is in flight, and give up its leases; call from any thread."""
        self._closing = True
        self._bell.ring()

    def _tick(self) -> float:
        """Start what is due; give the seconds until the next look."""
        rest = self._share.wait(time.monotonic(), time.thread_time())
        if rest:
            # A thousand jobs at once must not make the cells slow.
            return min(rest, _OTHERS_SECONDS)
        now = time.time()
        if abs(now - self._released) >= _RELEASE_SECONDS and not self._closing:
            self._released = now
            self._ledger.release(self._account, now)
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
            told = float((row.trouble or {}).get("wait") or 0.0)
            far = not is_parked(row.due_at) and row.due_at - now > max(told, _LONGEST_WAIT)
            if row.account == self._account and far:
                self._ledger.write(row.id, {"due_at": now}, states=OPEN)

    async def _step(self, row: Row) -> None:
        """Do what one row needs next."""
        try:
            try:
                change = await self._act(row)
                if row.remote_id and not self._share.is_rested:
                    # Reading a reply and writing it down are two bites: a cell that waits comes in between.
                    # Not so with the reply to a submit: its id is told once.
                    await asyncio.sleep(_BREATH)
                await self._keep(row, change)
                if change is not None and change.pictures:
                    self._pictures.fetch(row.id, change.pictures)
            except LedgerError:
                raise
            except Exception as error:
                # The border of the thread: one row's fault must not end the others'.
                log.exception("job %s", row.id)
                reason = f"{type(error).__name__}: {error}"
                await self._keep(row, outcomes.ask_unreached(row, reason, time.time()))
        except LedgerError as error:
            warn_once(f"job {row.id}: {error}")
            if row.state == "submitting":
                self._hold(row, outcomes.unwritten(row, error.why or str(error), time.time()), error)
        finally:
            del self._in_flight[row.id]
            self._bell.ring()

    async def _keep(self, row: Row, change: outcomes.Change | None) -> None:
        """Write what was learnt, trying again while the ledger is locked or full.

        An id has been paid for, and the agent API tells it once: what the ledger does not take is kept in
        memory, and goes with its next write.
        """
        remote_id = "" if change is None else str(change.changes.get("remote_id") or "")
        for pause in (*(() if row.unwritten else _WRITE_PAUSES), None):
            try:
                self._write(row, change)
            except LedgerError as error:
                warn_once(f"job {row.id}: {_unwritten(error, remote_id)}")
                if pause is None:
                    self._hold(row, change, error)
                else:
                    await asyncio.sleep(pause)
            else:
                return

    def _hold(self, row: Row, change: outcomes.Change | None, error: LedgerError) -> None:
        if change is not None:
            self._ledger.hold(row, change.changes, body=change.body, why=error.why or str(error))
            self._bell.ring()

    def _write(self, row: Row, change: outcomes.Change | None) -> Row | None:
        if change is None:
            return None
        if change.retired_for is not None:
            self._ledger.retire(row.account, time.time() + change.retired_for)
        if change.limited:
            self._ledger.slow_down(row.account, row.backend, time.time(), change.limited_until)
        written = self._ledger.write(row.id, change.changes, body=change.body, owner=self._owner)
        if written is None:
            written = self._write_late(row, change)
        learnt = change.body or change.changes.get("remote_id")
        # An adopted row goes where its job turns out to be another row's.
        if written is None and learnt and not row.is_adopted and not self._knows(row):
            # Lost with a broken ledger, while its request was on its way.
            written = self._ledger.hold(row, change.changes, body=change.body, why="its row was lost")
        if written is not None and written.is_open and written.cancel == "asked" != row.cancel:
            # Asked for while a request was under way, whose end has just put the row off.
            written = self._ledger.write(row.id, {"due_at": time.time()}, owner=self._owner)
        failure = change.changes.get("failure") or {}
        if written is not None and written.batch and failure.get("kind") in _STOPPING:
            gate = self._ledger.gate(written.batch)
            if gate is not None and not gate.paused:
                paused = dataclasses.replace(gate, paused=str(failure["kind"]))
                self._ledger.set_gate(written.batch, paused)
        self._bell.ring()
        return written

    def _knows(self, row: Row) -> bool:
        return self._ledger.get(row.id) is not None

    def _write_late(self, row: Row, change: outcomes.Change) -> Row | None:
        """Write what a POST came to, where its reply outlived the lease: a machine that slept."""
        if change.changes.get("remote_id"):
            # It settles what another gave up, or is about to: whoever holds the row now has no id, and loses it.
            found = {"failure": None, **change.changes, "owner": ""}
            written = self._ledger.write(
                row.id, found, body=change.body, states=["unconfirmed", "submitting"]
            )
            now = self._ledger.get(row.id) if written is None else None
            if now is not None and now.remote_id != found["remote_id"]:
                # Dropped or asked anew by a person meanwhile: the run is there all the same, and may be billed.
                log.warning("job %s: the service has it as %s, too", row.id, found["remote_id"])
            return written
        if change.changes.get("state") == "failed" and "sending_at" in change.changes:
            # The first POST is certain to have created nothing: there is nothing to confirm.
            return self._ledger.write(row.id, change.changes, states=["unconfirmed"])
        return None

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
        if row.sending_at is not None and time.time() - row.sending_at >= KEPT_SECONDS:
            return outcomes.unanswered(row, time.time(), kept=False)
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
        gaps = agent_gaps(request) if row.backend == "sonar" else ()
        if not again:
            now = time.time()
            if row.backend == "sonar" and not row.pinned and not gaps and self._is_retired(row, now):
                # Since it was asked another was refused for good: a thousand of a batch need not be, in turn.
                return self._within_budget(row, outcomes.to_agent(now))
            free_at = self._ledger.free_at(row.account, row.backend, now)
            if free_at > now:
                return outcomes.held_back(row, free_at, now)
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
        spelled = spelled_out(row, body, reply.status, time.time())
        if spelled is not None:
            return outcomes.Change(spelled)
        learnt = outcomes.after_submit(row, reply, time.time(), again=again, gaps=gaps)
        change = self._within_budget(row, learnt)
        if change.changes.get("failure"):
            change.changes["failure"]["key_from"] = client.key_origin
        return change

    def _is_retired(self, row: Row, now: float) -> bool:
        until = self._ledger.retired_until(row.account)
        return until is not None and until > now

    def _within_budget(self, row: Row, change: outcomes.Change) -> outcomes.Change:
        """Look at the budget again where a job moves to the other API: its usual cost there is another."""
        if change.changes.get("backend") != "agent":
            return change
        try:
            past = self._ledger.past(row.base_url, "agent", row.asked_model, row.effort, HISTORY)
            usual = expected(past, "agent", row.asked_model).to_json()
            refusal = self._ledger.rehold(row.id, usual, owner=self._owner, budget=self._budget())
        except LedgerError as error:
            # The first POST's 403 has created nothing: it may be sent anew when the budget can be looked at.
            put_off = outcomes.unwritten(row, error.why or str(error), time.time())
            return outcomes.Change({**put_off.changes, "sending_at": None})
        return change if refusal is None else outcomes.over_budget(change, refusal, usual, time.time())

    def _body(self, row: Row, request: Request) -> Mapping[str, Any]:
        alone = (
            agent_body(request) if row.backend == "agent" else sonar_body(request, self._webhook_secret(row))
        )
        try:
            thread = thread_of(self._ledger, row.request, account=row.account, backend=row.backend)
        except RequestError as error:
            raise RequestError(str(error).removesuffix(". Nothing was sent.")) from error
        return alone if thread is None else continued(alone, row.backend, thread)

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


def _unwritten(error: LedgerError, remote_id: str) -> str:
    """Say what could not be written; an id that only this process knows is named."""
    if not remote_id:
        return str(error)
    why = str(error).removesuffix("Nothing was sent.").strip()
    return f"the service has accepted it as {remote_id}, which cannot be written down yet: {why}"
