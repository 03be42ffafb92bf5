"""One request to the service for one row, and what its reply makes of the row."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from pplx_jupyter.api.bodies import agent_body, agent_gaps, sonar_body
from pplx_jupyter.api.choice import backend_module
from pplx_jupyter.api.threads import continued
from pplx_jupyter.api.wire import Lost, Unsent
from pplx_jupyter.errors import LedgerError, RequestError
from pplx_jupyter.ledger.expected import HISTORY, expected
from pplx_jupyter.ledger.records import GIVEN_IN_CLEAR
from pplx_jupyter.request import Request
from pplx_jupyter.watch import outcomes
from pplx_jupyter.watch.history import spelled_out, thread_of
from pplx_jupyter.watch.pace import KEPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from pplx_jupyter.api.http import Client
    from pplx_jupyter.api.wire import Reply
    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.watch.writing import Writer

__all__ = ["Exchange"]

log = logging.getLogger("pplx_jupyter")


class Exchange:
    """Talks to the service: submits, asks and cancels.

    Parameters
    ----------
    ledger
        Read for what a submit depends on: the account's limits, its budget, the answers that a question follows.
    writer
        Writes the mark without which no first byte leaves.
    owner
        The id under which the rows are held.
    client, secret_of, budget
        See `pplx_jupyter.watch.watcher.Watcher`.
    """

    def __init__(
        self,
        ledger: Ledger,
        writer: Writer,
        owner: str,
        *,
        client: Callable[[], Client],
        secret_of: Callable[[str], str | None],
        budget: Callable[[], float | None],
    ) -> None:
        self._ledger = ledger
        self._writer = writer
        self._owner = owner
        self._make_client = client
        self._secret_of = secret_of
        self._budget = budget
        self._client: Client | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def act(self, row: Row, under_way: int) -> outcomes.Change | None:
        """Do what a row needs next; give what came of it, or None where it is another's by now.

        Parameters
        ----------
        under_way
            How many jobs the account has under way, which share the pace.
        """
        if row.state == "submitting":
            return await self._submit(row)
        if row.cancel == "asked":
            return await self._cancel(row)
        return await self._ask(row, under_way)

    async def _submit(self, row: Row) -> outcomes.Change | None:
        again = row.sending_at is not None
        if again and not backend_module(row.backend).RESENDS:
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
        put_off = None if again else self._put_off(row, gaps, time.time())
        return put_off or await self._send(row, client, body, gaps)

    def _put_off(self, row: Row, gaps: Sequence[str], now: float) -> outcomes.Change | None:
        """Say what becomes of a question that the service is known to refuse now; None where it can be sent."""
        if row.backend == "sonar" and not row.pinned and not gaps and self._is_retired(row, now):
            # Since it was asked another was refused for good: a thousand of a batch need not be, in turn.
            return self._within_budget(row, outcomes.to_agent(now))
        free_at = self._ledger.free_at(row.account, row.backend, now)
        return outcomes.held_back(row, free_at, now) if free_at > now else None

    async def _send(
        self, row: Row, client: Client, body: Mapping[str, Any], gaps: Sequence[str]
    ) -> outcomes.Change | None:
        again = row.sending_at is not None
        # Committed before the first byte leaves: from here on the job may exist.
        sending = outcomes.Change({"sending_at": row.sending_at or time.time()})
        written = self._writer.write(row, sending)
        if written is None:
            return None
        if written.cancel == "asked" and not again:
            return outcomes.dropped(time.time())
        try:
            reply = await backend_module(row.backend).submit(client, body, row.idempotency_key)
        except Unsent as error:
            return outcomes.after_unsent(row, str(error), client.host, time.time(), again=again)
        except Lost as error:
            return outcomes.after_lost(row, str(error), time.time(), error.part)
        try:
            return self._learnt(row, client, body, reply, gaps)
        except LedgerError:
            raise
        except Exception:
            # Whatever a reply holds that nobody thought of: it may name what was bought, and so is kept.
            log.exception("job %s: its reply", row.id)
            return outcomes.after_lost(row, "the reply could not be read", time.time(), reply)

    def _learnt(
        self, row: Row, client: Client, body: Mapping[str, Any], reply: Reply, gaps: Sequence[str]
    ) -> outcomes.Change:
        spelled = spelled_out(row, body, reply.status, time.time())
        if spelled is not None:
            return outcomes.Change(spelled)
        again = row.sending_at is not None
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

    async def _ask(self, row: Row, under_way: int) -> outcomes.Change:
        try:
            reply = await backend_module(row.backend).get(self._http(), row.remote_id)
        except (Unsent, Lost) as error:
            return outcomes.ask_unreached(row, str(error), time.time())
        return outcomes.after_ask(row, reply, time.time(), under_way=under_way)

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
