"""What of a batch may leave, and how fast an account may ask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger.gate import PARKED
from pplx_jupyter.ledger.rates import free_at
from pplx_jupyter.ledger.sqlite import parking
from pplx_jupyter.ledger.sqlite.columns import IS_OPEN, row_of
from pplx_jupyter.ledger.sqlite.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.ledger.gate import Gate


__all__ = ["Gates"]


class Gates(Rows):
    """Lets parked intents out."""

    def gate(self, batch: str) -> Gate | None:
        """Give how a batch's questions leave."""
        with self._file.reading() as db:
            return parking.gate_of(db, batch)

    def set_gate(self, batch: str, gate: Gate, job_ids: Sequence[str] = ()) -> None:
        """Set how a batch's questions leave, and take these into it."""
        with self._writing() as db:
            for row in parking.unsent_elsewhere(db, batch, job_ids) if job_ids else ():
                self._set(db, row, {"batch": batch})
            parking.set_gate(db, batch, gate)

    def release(self, account: str, now: float) -> int:
        """Make the parked intents due whose turn it is."""
        with self._file.reading() as db:
            # Looked at without a lock first: most ticks find nothing.
            if not parking.release(db, account, now):
                return 0
        with self._writing() as db:
            return parking.release(db, account, now)

    def drop_parked(self, job_ids: Sequence[str], changes: Mapping[str, Any]) -> int:
        """Write into rows that are parked still, in one transaction."""
        with self._writing() as db:
            found = db.execute(
                f"SELECT * FROM jobs WHERE {IS_OPEN} AND due_at >= ? AND id IN (SELECT value FROM json_each(?))",  # noqa: S608
                (PARKED, json.dumps(list(job_ids))),
            ).fetchall()
            for each in found:
                self._set(db, row_of(each), changes)
            return len(found)

    def free_at(self, account: str, backend: str, now: float) -> float:
        """Give when a question may leave."""
        with self._file.reading() as db:
            return free_at(*parking.rate_and_sent(db, account, backend, now), now)

    def slow_down(self, account: str, backend: str, now: float, told: float | None) -> None:
        """Keep what a 429 teaches."""
        with self._writing() as db:
            parking.slow_down(db, account, backend, now, told)
