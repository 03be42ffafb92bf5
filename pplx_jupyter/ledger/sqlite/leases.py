"""What a watcher does with rows: leases, what it learns, jobs that were asked elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.adopted import draft_of, progress_of, trace_of
from pplx_jupyter.ledger.budgets import day_of
from pplx_jupyter.ledger.gate import PARKED
from pplx_jupyter.ledger.records import REUSABLE, Owner, Row
from pplx_jupyter.ledger.sqlite import search, totals
from pplx_jupyter.ledger.sqlite.columns import IS_OPEN, row_of
from pplx_jupyter.ledger.sqlite.intents import Intents
from pplx_jupyter.ledger.sqlite.rows import marks
from pplx_jupyter.ledger.sqlite.unwritten import keep_body

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.ledger.records import Adoptable

__all__ = ["Leases"]


class Leases(Intents):
    """Holds leases, and writes what the service says."""

    def write(
        self,
        job_id: str,
        changes: Mapping[str, Any],
        *,
        body: str | None = None,
        owner: str | None = None,
        states: Sequence[str] | None = None,
    ) -> Row | None:
        """Change a row and keep a body, in one transaction; None where the conditions do not hold."""
        with self._writing() as db:
            found = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
            row = row_of(found) if found else None
            if (
                row is None
                or (owner is not None and row.owner != owner)
                or (states is not None and row.state not in states)
            ):
                return None
            if changes.get("remote_id"):
                self._drop_adopted(db, str(changes["remote_id"]), row)
            if body is not None:
                keep_body(db, job_id, body)
            after = self._set(db, row, changes)
            if body is not None and row.state in REUSABLE and after.forgotten_at is None:
                search.keep(db, after)
            return after

    def hold(self, row: Row, changes: Mapping[str, Any], *, body: str | None = None, why: str = "") -> Row:
        """Keep in memory what could not be written, until it can."""
        return self._unwritten.hold(self.get(row.id) or row, changes, body, why)

    def claim(
        self, owner: str, free: Sequence[str], accounts: Sequence[str], now: float, limit: int
    ) -> list[Row]:
        """Take the lease of rows that are due and free."""
        holders = ["", owner, *free]
        where = (
            f"{IS_OPEN} AND due_at <= ? AND account IN ({marks(accounts)})"  # noqa: S608 - marks only
            f" AND (owner IN ({marks(holders)}) OR owner NOT IN (SELECT id FROM owners))"
        )
        values = (now, *accounts, *holders)
        # Looked at without a lock first: most ticks find nothing.
        if not self._file.one(f"SELECT 1 FROM jobs WHERE {where} LIMIT 1", values):  # noqa: S608
            return []
        sql = f"SELECT * FROM jobs WHERE {where} ORDER BY due_at LIMIT ?"  # noqa: S608
        try:
            with self._writing() as db:
                found = db.execute(sql, (*values, limit)).fetchall()
                rows = [row_of(item) for item in found]
                db.executemany("UPDATE jobs SET owner = ? WHERE id = ?", [(owner, row.id) for row in rows])
        except LedgerError:
            # Where nothing can be written no lease is needed to ask what became of a job: it changes nothing.
            rows = self._rows(sql, (*values, limit))
            rows = [row for row in rows if row.is_open and row.remote_id and row.due_at <= now]
            if not rows:
                raise
        return rows

    def under_way(self, accounts: Sequence[str], now: float) -> tuple[int, float | None]:
        """Count the open rows of these accounts, and give when the next that is not due yet will be."""
        found = self._file.one(
            "SELECT count(*), min(CASE WHEN due_at > ? THEN due_at END) FROM jobs"  # noqa: S608
            f" WHERE {IS_OPEN} AND due_at < ? AND account IN ({marks(accounts)})",
            (now, PARKED, *accounts),
        )
        # What could not be written is under way at least until it is.
        count = max(int(found[0]), len(self._unwritten))
        return count, None if found[1] is None else float(found[1])

    def owners(self) -> list[Owner]:
        """Give all owners of leases."""
        return [
            Owner(*item) for item in self._file.all("SELECT id, host, boot, pid, started, until FROM owners")
        ]

    def renew(self, owner: Owner) -> None:
        """Write until when a process holds its leases; owners that ended a day ago are dropped."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO owners (id, host, boot, pid, started, until) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET until = excluded.until",
                (owner.id, owner.host, owner.boot, owner.pid, owner.started, owner.until),
            )
            db.execute("DELETE FROM owners WHERE until < ?", (time.time() - 86_400,))

    def retired_until(self, account: str) -> float | None:
        """Give until when the sonar API counts as retired for this account."""
        found = self._file.one("SELECT until FROM retired WHERE account = ?", (account,))
        return float(found[0]) if found else None

    def retire(self, account: str, until: float | None) -> None:
        """Remember, or forget, that the sonar API is retired for this account."""
        with self._writing() as db:
            db.execute("DELETE FROM retired WHERE account = ?", (account,))
            if until is not None:
                db.execute("INSERT INTO retired (account, until) VALUES (?, ?)", (account, until))

    def listing_due(self, account: str, now: float, every: float) -> bool:
        """Whether the service's list is to be asked for again."""
        name = f"listed {account}"
        with self._writing() as db:
            found = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
            # A time to come is a clock that was set back.
            if found is not None and 0 <= now - float(found[0]) < every:
                return False
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, str(now)))
            return True

    def adopt(self, found: Sequence[Adoptable], account: str, base_url: str) -> list[Row] | None:
        """Insert rows for jobs that no row knows, in one transaction."""
        with self._writing() as db:
            on_its_way = (
                f"SELECT 1 FROM jobs WHERE {IS_OPEN} AND base_url = ? AND backend = 'sonar'"  # noqa: S608
                " AND state = 'submitting' AND sending_at IS NOT NULL"
            )
            if db.execute(on_its_way, (base_url,)).fetchone():
                return None
            return [
                self._take_in(db, each, account, base_url)
                for each in found
                if not self._is_known(db, each.remote_id, base_url)
            ]

    def _is_known(self, db: sqlite3.Connection, remote_id: str, base_url: str) -> bool:
        names = (remote_id, trace_of(remote_id, self._salt), base_url)
        sql = "SELECT 1 FROM jobs WHERE remote_id IN (?, ?) AND base_url = ?"
        return db.execute(sql, names).fetchone() is not None

    def _take_in(self, db: sqlite3.Connection, found: Adoptable, account: str, base_url: str) -> Row:
        asked_at = min(found.created_at, time.time())
        row = self._insert(db, draft_of(found, account, base_url), day_of(asked_at))
        return self._set(db, row, progress_of(found, asked_at))

    def _drop_adopted(self, db: sqlite3.Connection, remote_id: str, row: Row) -> None:
        """Take an adopted row away: its job turns out to be that of a question of ours."""
        sql = "SELECT * FROM jobs WHERE remote_id = ? AND base_url = ? AND id != ?"
        for found in db.execute(sql, (remote_id, row.base_url, row.id)).fetchall():
            adopted = row_of(found)
            if not adopted.is_adopted:
                continue
            totals.remove(db, adopted)
            search.drop(db, adopted.id)
            for table in ("bodies", "forms", "pictures"):
                db.execute(f"DELETE FROM {table} WHERE job_id = ?", (adopted.id,))  # noqa: S608
            db.execute("DELETE FROM jobs WHERE id = ?", (adopted.id,))
