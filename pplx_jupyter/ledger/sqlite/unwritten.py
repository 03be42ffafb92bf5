"""What a watcher has learnt and the ledger would not take: a full disk must not lose an id, or an answer, that was paid for.

It is kept in this process, stands over what the ledger says wherever this process reads it, and is
written with the next write that succeeds.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger.sqlite import search, totals
from pplx_jupyter.ledger.sqlite.columns import bind, row_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pplx_jupyter.ledger.records import Row

__all__ = ["Held", "Unwritten"]


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """What waits to be written into one row.

    Attributes
    ----------
    row
        The row as it would be.
    before
        The row as the ledger had it.
    """

    row: Row
    before: Row
    changes: Mapping[str, Any]
    body: str | None

    def holds_for(self, row: Row) -> bool:
        """Whether this is still news, where another process may have written to the row meanwhile."""
        if row.seq == self.before.seq:
            return True
        pending = row.is_open or row.state == "unconfirmed"
        return pending and bool(self.row.remote_id) and row.remote_id in {"", self.row.remote_id}

    def over(self, row: Row) -> Row:
        """Give a row of the ledger with this in it."""
        if not self.holds_for(row):
            return row
        seq = max(row.seq, self.row.seq)
        return dataclasses.replace(row, **{**self.changes, "seq": seq, "unwritten": self.row.unwritten})


class Unwritten:
    """What one process could not write into one ledger.

    Parameters
    ----------
    write
        Writes what is held, or raises; called once more when the process ends.
    """

    def __init__(self, write: Callable[[], None]) -> None:
        self._write = write
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._leaving_from: int | None = None

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, row: Row, changes: Mapping[str, Any], body: str | None, why: str) -> Row:
        """Keep a change of a row; give the row as it would be.

        Parameters
        ----------
        why
            Why it could not be written, in a few words.
        """
        with self._lock:
            known = self._held.get(row.id)
            now = row if known is None else known.row
            after = dataclasses.replace(now, **{**changes, "seq": now.seq + 1, "unwritten": why})
            self._held[row.id] = Held(
                after,
                row if known is None else known.before,
                {**(known.changes if known else {}), **changes},
                known.body if body is None and known else body,
            )
            if self._leaving_from != os.getpid():
                self._leaving_from = os.getpid()
                atexit.register(self._leave, os.getpid())
        return after

    def row(self, job_id: str) -> Row | None:
        """Give the row of a job that the ledger does not have at all."""
        held = self._held.get(job_id)
        return None if held is None else held.row

    def body(self, job_id: str) -> str | None:
        """Give the body that waits to be written for a job."""
        held = self._held.get(job_id)
        return None if held is None else held.body

    def over(self, row: Row) -> Row:
        """Give a row of the ledger with what waits to be written into it."""
        held = self._held.get(row.id)
        return row if held is None else held.over(row)

    def merged(self, rows: Iterable[Row], fits: Callable[[Row], bool]) -> list[Row]:
        """Give those that fit of the rows found, and of the rows that would be found if all were written."""
        found = {row.id: row for row in map(self.over, rows)}
        rest = {job_id: held.row for job_id, held in list(self._held.items()) if job_id not in found}
        return [row for row in [*found.values(), *rest.values()] if fits(row)]

    def put(
        self, db: sqlite3.Connection, change: Callable[[sqlite3.Connection, Row, Mapping[str, Any]], Row]
    ) -> Sequence[Held]:
        """Write all into an open transaction; give it, to be dropped after the commit.

        Parameters
        ----------
        change
            Changes a row.
        """
        with self._lock:
            waiting = list(self._held.values())
        top = max((held.row.seq for held in waiting), default=0)
        db.execute("UPDATE meta SET value = max(CAST(value AS INTEGER), ?) WHERE name = 'seq'", (top,))
        for held in waiting:
            found = db.execute("SELECT * FROM jobs WHERE id = ?", (held.row.id,)).fetchone()
            row = row_of(found) if found else _inserted(db, held.before)
            if not held.holds_for(row):
                continue
            if held.body is not None:
                keep_body(db, row.id, held.body)
            change(db, row, held.changes)
        return waiting

    def drop(self, written: Sequence[Held]) -> None:
        """Forget what is written, unless more has come for the same job."""
        with self._lock:
            for held in written:
                if self._held.get(held.row.id) is held:
                    del self._held[held.row.id]

    def _leave(self, pid: int) -> None:
        """Try once more at the end of the process; name what is lost with it."""
        if pid != os.getpid() or not self._held:
            return
        try:
            self._write()
        except Exception as error:  # noqa: BLE001 - the process ends; what it knows is told, whatever the reason
            for held in self._held.values():
                print(f"pplx_jupyter: {_lost(held)} ({error})", file=sys.stderr)  # noqa: T201


def keep_body(db: sqlite3.Connection, job_id: str, body: str) -> None:
    """Keep the last body of a job, in an open transaction."""
    db.execute(
        "INSERT INTO bodies (job_id, body, received_at) VALUES (?, ?, ?) ON CONFLICT (job_id) DO UPDATE"
        " SET body = excluded.body, received_at = excluded.received_at",
        (job_id, body.encode("utf-8", "replace").decode(), time.time()),
    )


def _inserted(db: sqlite3.Connection, row: Row) -> Row:
    """Insert a row that was lost with a broken ledger."""
    names = [field.name for field in dataclasses.fields(row) if field.name != "unwritten"]
    marks = ", ".join("?" for _ in names)
    values = [bind(name, getattr(row, name)) for name in names]
    db.execute(f"INSERT INTO jobs ({', '.join(names)}) VALUES ({marks})", values)  # noqa: S608
    totals.add(db, row)
    search.keep(db, row)
    return row


def _lost(held: Held) -> str:
    row = held.row
    there = f" Perplexity keeps it for 7 days as {row.remote_id}." if row.remote_id else ""
    return f"what became of {row.label} is not written to the ledger.{there}"
