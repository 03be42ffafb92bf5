"""Writing down what was learnt of a row: an id has been paid for, and is told once.

What the ledger does not take at first is tried again, then kept in memory; what comes after the row's lease
has gone to another is written where it settles something, and told where it does not.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.once import warn_once

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.watch.bell import Bell
    from pplx_jupyter.watch.outcomes import Change

__all__ = ["Writer"]

log = logging.getLogger("pplx_jupyter")

_WRITE_PAUSES = (0.5, 1.5)
"""Seconds between attempts to write down what a reply said, before it is kept in memory."""

_STOPPING = {
    "unauthorized", "forbidden", "unsupported", "invalid", "redirected", "proxy", "no_connection", "budget",
}  # fmt: skip
"""Refusals that every further question of a batch would meet: it pauses, or a thousand would be refused in turn."""


class Writer:
    """Writes changes of rows into the ledger, as the holder of their leases.

    Parameters
    ----------
    ledger
        The record.
    bell
        Rung after every change.
    owner
        The id under which the rows are held.
    """

    def __init__(self, ledger: Ledger, bell: Bell, owner: str) -> None:
        self._ledger = ledger
        self._bell = bell
        self._owner = owner

    async def keep(self, row: Row, change: Change | None) -> None:
        """Write what was learnt, trying again while the ledger is locked or full.

        An id has been paid for, and the agent API tells it once: what the ledger does not take is kept in
        memory, and goes with its next write.
        """
        remote_id = "" if change is None else str(change.changes.get("remote_id") or "")
        for pause in (*(() if row.unwritten else _WRITE_PAUSES), None):
            try:
                self.write(row, change)
            except LedgerError as error:
                warn_once(f"job {row.id}: {_unwritten(error, remote_id)}")
                if pause is None:
                    self.hold(row, change, error)
                else:
                    await asyncio.sleep(pause)
            else:
                return

    def hold(self, row: Row, change: Change | None, error: LedgerError) -> None:
        """Keep in memory what the ledger does not take; it goes with its next write."""
        if change is not None:
            self._ledger.hold(row, change.changes, body=change.body, why=error.why or str(error))
            self._bell.ring()

    def write(self, row: Row, change: Change | None) -> Row | None:
        """Write a change, and what it says of the account; give the row, or None where it is another's."""
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
        if written is not None and written.batch:
            self._pause_batch(written.batch, change)
        self._bell.ring()
        return written

    def _pause_batch(self, batch: str, change: Change) -> None:
        kind = str((change.changes.get("failure") or {}).get("kind") or "")
        gate = self._ledger.gate(batch) if kind in _STOPPING else None
        if gate is not None and not gate.paused:
            self._ledger.set_gate(batch, dataclasses.replace(gate, paused=kind))

    def _knows(self, row: Row) -> bool:
        return self._ledger.get(row.id) is not None

    def _write_late(self, row: Row, change: Change) -> Row | None:
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


def _unwritten(error: LedgerError, remote_id: str) -> str:
    """Say what could not be written; an id that only this process knows is named."""
    if not remote_id:
        return str(error)
    why = str(error).removesuffix("Nothing was sent.").strip()
    return f"the service has accepted it as {remote_id}, which cannot be written down yet: {why}"
