"""The ledger in one SQLite file."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pplx_jupyter.errors import BudgetExceeded, LedgerError
from pplx_jupyter.ledger import batches, search, totals
from pplx_jupyter.ledger.adopted import draft_of, progress_of, trace_of
from pplx_jupyter.ledger.batches import PARKED, is_parked
from pplx_jupyter.ledger.budgets import day_of, keys_of
from pplx_jupyter.ledger.columns import bind, row_of
from pplx_jupyter.ledger.connection import Database
from pplx_jupyter.ledger.expected import Expected, Past, expected_of, together
from pplx_jupyter.ledger.protocol import OPEN, REUSABLE, SETTLED, Attempts, Decision, Draft, Owner, Row
from pplx_jupyter.ledger.rates import free_at
from pplx_jupyter.ledger.totals import refusal_of
from pplx_jupyter.ledger.unwritten import Unwritten, keep_body
from pplx_jupyter.ledger.wanted import Found
from pplx_jupyter.ledger.words import text_of

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pplx_jupyter.ledger.budgets import Budget, Refusal, Sums
    from pplx_jupyter.ledger.protocol import Adoptable
    from pplx_jupyter.ledger.wanted import Spent, Wanted

__all__ = ["SqliteLedger", "default_path"]

_SERVING = (*REUSABLE, *OPEN)
_IS_OPEN = "state IN ('submitting', 'queued', 'running')"
"""In words, not as parameters: SQLite takes an index of open rows only for a condition that it can read."""


def default_path() -> str:
    """Give the ledger's path in the user's data directory."""
    import platformdirs

    return str(Path(platformdirs.user_data_dir("pplx_jupyter", appauthor=False)) / "ledger.sqlite")


class SqliteLedger:
    """A `pplx_jupyter.ledger.Ledger` in a file that its owner alone may read.

    Parameters
    ----------
    path
        The file; it and its folder are made where missing.

    Raises
    ------
    LedgerError
        The file cannot be opened, is no ledger, or was written by a newer version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = Database(path)
        self._unwritten = Unwritten(self._write_held)
        self._summed: tuple[Any, search.Total] | None = None
        self._salt = str(self._file.one("SELECT value FROM meta WHERE name = 'salt'")[0])

    @property
    def where(self) -> str:
        """The file's path."""
        return str(self._file.path)

    @property
    def salt(self) -> str:
        """A random text made with the file."""
        return self._salt

    def attempts(self, fingerprint: str, base_url: str, backend: str | None = None) -> Attempts:
        """Give the rows of a question."""
        only = "" if backend is None else " AND backend = ?"
        found = self._rows(
            f"SELECT * FROM jobs WHERE fingerprint = ? AND base_url = ?{only} ORDER BY created_at DESC",  # noqa: S608
            (fingerprint, base_url, *([] if backend is None else [backend])),
        )
        return _attempts(found)

    def attempts_of(
        self, fingerprints: Sequence[str], base_url: str, backend: str | None = None
    ) -> dict[str, Attempts]:
        """Give the rows of many questions, by fingerprint."""
        only = "" if backend is None else " AND backend = ?"
        found = self._rows(
            "SELECT * FROM jobs WHERE fingerprint IN (SELECT value FROM json_each(?)) AND base_url = ?"  # noqa: S608
            f"{only} ORDER BY created_at DESC",
            (json.dumps(list(fingerprints)), base_url, *([] if backend is None else [backend])),
        )
        by_question: dict[str, list[Row]] = {}
        for row in found:
            by_question.setdefault(row.fingerprint, []).append(row)
        return {fingerprint: _attempts(rows) for fingerprint, rows in by_question.items()}

    def answered(self, fingerprint: str, base_url: str) -> list[Row]:
        """Give the answers to a question, newest first."""
        found = self._rows(
            f"SELECT * FROM jobs WHERE fingerprint = ? AND base_url = ? AND state IN ({_marks(REUSABLE)})"  # noqa: S608
            " ORDER BY created_at DESC",
            (fingerprint, base_url, *REUSABLE),
        )
        wanted = (fingerprint, base_url)
        return self._merged(
            found, lambda row: (row.fingerprint, row.base_url) == wanted and row.state in REUSABLE
        )

    def intend(
        self,
        draft: Draft,
        decide: Callable[[Attempts], Decision],
        *,
        budget: float | None = None,
        allowed: bool = False,
    ) -> tuple[Row, Decision]:
        """Find, arm or insert, in one transaction: two kernels that ask the same get the same row."""
        with self._writing(intent=True) as db:
            decision = decide(
                self.attempts(draft.fingerprint, draft.base_url, draft.backend if draft.pinned else None)
            )
            if decision.what == "keep" and decision.row is not None:
                return decision.row, decision
            day = day_of(time.time())
            if decision.what == "arm" and decision.row is not None:
                # Where the asking tells no notebook, its cost still counts for the one that asked first.
                draft = dataclasses.replace(draft, notebook=draft.notebook or decision.row.notebook)
            if not allowed:
                keys = keys_of(draft.notebook, day, draft.run)
                refusal = refusal_of(db, keys, draft.base_url, Expected.from_json(draft.expected), budget)
                if refusal is not None:
                    raise BudgetExceeded(refusal.line(), refusal=refusal)
            else:
                draft = dataclasses.replace(draft, expected={**draft.expected, "yes": True})
            if decision.what == "arm" and decision.row is not None:
                return self._arm(db, decision.row, draft, day), decision
            return self._insert(db, draft, day), decision

    def intend_all(
        self,
        drafts: Sequence[Draft],
        decide: Callable[[Attempts], Decision],
        *,
        gate: batches.Gate,
        budget: float | None = None,
    ) -> list[tuple[Row, Decision]]:
        """Find, arm or park all, in one transaction with the budgets."""
        if not drafts:
            return []
        with self._writing(intent=True) as db:
            found = self.attempts_of(
                [draft.fingerprint for draft in drafts],
                drafts[0].base_url,
                drafts[0].backend if drafts[0].pinned else None,
            )
            decisions = [decide(found.get(draft.fingerprint, Attempts())) for draft in drafts]
            bought = [d for d, decision in zip(drafts, decisions, strict=True) if decision.what != "keep"]
            day = day_of(time.time())
            if bought:
                usual = together([Expected.from_json(draft.expected) for draft in bought])
                keys = keys_of(bought[0].notebook, day, bought[0].run)
                refusal = refusal_of(db, keys, bought[0].base_url, usual, budget)
                if refusal is not None:
                    raise BudgetExceeded(refusal.line(len(bought)), refusal=refusal)
            batches.set_gate(db, drafts[0].batch, gate)
            rows = [
                self._park(db, draft, decision, day)
                for draft, decision in zip(drafts, decisions, strict=True)
            ]
            new = [row for row, d in zip(rows, decisions, strict=True) if d.what == "new"]
            totals.add_all(db, new)
        return list(zip(rows, decisions, strict=True))

    def _park(self, db: sqlite3.Connection, draft: Draft, decision: Decision, day: str) -> Row:
        row = decision.row
        if row is None:
            return self._insert(db, draft, day, counted=False)
        if decision.what == "arm":
            return self._arm(db, row, draft, day)
        if row.is_open and is_parked(row.due_at):
            return self._set(db, row, {"batch": draft.batch, "account": draft.account})
        return row

    def gate(self, batch: str) -> batches.Gate | None:
        """Give how a batch's questions leave."""
        with self._file.reading() as db:
            return batches.gate_of(db, batch)

    def set_gate(self, batch: str, gate: batches.Gate) -> None:
        """Set how a batch's questions leave."""
        with self._writing() as db:
            batches.set_gate(db, batch, gate)

    def release(self, account: str, now: float) -> int:
        """Make the parked intents due whose turn it is."""
        with self._file.reading() as db:
            # Looked at without a lock first: most ticks find nothing.
            if not batches.release(db, account, now):
                return 0
        with self._writing() as db:
            return batches.release(db, account, now)

    def drop_parked(self, job_ids: Sequence[str], changes: Mapping[str, Any]) -> int:
        """Write into rows that are parked still, in one transaction."""
        with self._writing() as db:
            found = db.execute(
                f"SELECT * FROM jobs WHERE {_IS_OPEN} AND due_at >= ? AND id IN (SELECT value FROM json_each(?))",  # noqa: S608
                (PARKED, json.dumps(list(job_ids))),
            ).fetchall()
            for each in found:
                self._set(db, row_of(each), changes)
            return len(found)

    def note_shown(self, job_ids: Sequence[str], now: float) -> None:
        """Note that the ends of these jobs were shown, in one transaction; no view need read it."""
        with self._writing() as db:
            db.execute(
                f"UPDATE jobs SET shown_at = ? WHERE shown_at IS NULL AND state IN ({_marks(SETTLED)})"  # noqa: S608
                " AND id IN (SELECT value FROM json_each(?))",
                (now, *SETTLED, json.dumps(list(job_ids))),
            )

    def free_at(self, account: str, backend: str, now: float) -> float:
        """Give when a question may leave."""
        with self._file.reading() as db:
            return free_at(*batches.rate_and_sent(db, account, backend, now), now)

    def slow_down(self, account: str, backend: str, now: float, told: float | None) -> None:
        """Keep what a 429 teaches."""
        with self._writing() as db:
            batches.slow_down(db, account, backend, now, told)

    def rehold(
        self, job_id: str, expected: Mapping[str, Any], *, owner: str, budget: float | None
    ) -> Refusal | None:
        """Set aside another amount for a job, where that fits."""
        with self._writing() as db:
            row = self._read(db, job_id)
            if row.owner != owner:
                return None
            keys = keys_of(row.notebook, row.day, row.run)
            usual = Expected.from_json(expected)
            if not row.expected.get("yes"):
                before = expected_of(row.expected, row.backend, row.asked_model).set_aside
                refusal = refusal_of(db, keys, row.base_url, usual, budget, freed=before)
                if refusal is not None:
                    return refusal
            kept = {name: row.expected[name] for name in ("yes",) if name in row.expected}
            self._set(db, row, {"expected": {**expected, **kept}})
            return None

    def _insert(self, db: sqlite3.Connection, draft: Draft, day: str, *, counted: bool = True) -> Row:
        now = time.time()
        while True:
            job_id = secrets.token_hex(3)
            if not db.execute("SELECT 1 FROM jobs WHERE id = ?", (job_id,)).fetchone():
                break
        values = {
            "id": job_id,
            "seq": self._next_seq(db),
            "state": "submitting",
            "fingerprint": draft.fingerprint,
            "request": dict(draft.request),
            "base_url": draft.base_url,
            "account": draft.account,
            "backend": draft.backend,
            "pinned": draft.pinned,
            "model": draft.model,
            "effort": draft.effort,
            "question": draft.question,
            "name": draft.name,
            "notebook": draft.notebook,
            "cell": draft.cell,
            "filled": dict(draft.filled),
            "idempotency_key": _new_key(job_id),
            "created_at": now,
            "due_at": PARKED if draft.batch else now,
            "day": day,
            "run": draft.run,
            "asked_model": draft.model,
            "expected": dict(draft.expected),
            "batch": draft.batch,
        }
        columns = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        db.execute(f"INSERT INTO jobs ({columns}) VALUES ({marks})", [bind(k, v) for k, v in values.items()])  # noqa: S608
        row = self._read(db, job_id)
        if counted:
            totals.add(db, row)
        search.keep(db, row)
        return row

    def _arm(self, db: sqlite3.Connection, row: Row, draft: Draft, day: str) -> Row:
        """Make a refused submission an intent again; a new key, since a service may remember the refusal by the old one."""
        now = time.time()
        changes = {
            "state": "submitting",
            "failure": None,
            "trouble": None,
            "tries": 0,
            "cancel": "",
            "moved": False,
            "settled_at": None,
            "remote_status": "",
            "created_at": now,
            "due_at": PARKED if draft.batch else now,
            "batch": draft.batch,
            "owner": "",
            "request_id": "",
            "account": draft.account,
            "backend": draft.backend,
            "pinned": draft.pinned,
            "model": draft.model,
            "effort": draft.effort,
            "question": draft.question,
            "filled": dict(draft.filled),
            "request": dict(draft.request),
            "idempotency_key": _new_key(row.id),
            "notebook": draft.notebook,
            "cell": draft.cell or row.cell,
            "name": draft.name or row.name,
            "day": day,
            "run": draft.run,
            "asked_model": draft.model,
            "expected": dict(draft.expected),
            "shown_at": None,
        }
        return self._set(db, row, changes)

    def get(self, job_id: str) -> Row | None:
        """Give the row of this id."""
        found = self._rows("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return found[0] if found else self._unwritten.row(job_id)

    def find(self, text: str) -> list[Row]:
        """Give the rows that this text names, newest first."""
        text = bind("name", text)
        by_id = "SELECT * FROM jobs WHERE id >= ? AND id < ?"
        others = "SELECT * FROM jobs WHERE name = ? UNION SELECT * FROM jobs WHERE remote_id = ?"
        return self._rows(
            f"SELECT * FROM ({by_id} UNION {others}) ORDER BY created_at DESC LIMIT 50",  # noqa: S608
            (text, text + "\U0010ffff", text, text),
        )

    def body(self, job_id: str) -> str | None:
        """Give the last body of this job, as it came."""
        held = self._unwritten.body(job_id)
        if held is not None:
            return held
        found = self._file.one("SELECT body FROM bodies WHERE job_id = ?", (job_id,))
        return str(found[0]) if found else None

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

    def unshown(self, notebook: str, base_url: str, limit: int) -> list[Row]:
        """Give the rows of a notebook whose end nobody has been shown."""
        return self._rows(
            "SELECT * FROM jobs INDEXED BY jobs_unshown WHERE notebook = ? AND base_url = ? AND shown_at IS NULL"
            " ORDER BY created_at DESC LIMIT ?",
            (notebook, base_url, limit),
        )

    def first(self, what: str) -> bool:
        """Say whether nobody has asked this before."""
        with self._writing() as db:
            return db.execute("INSERT OR IGNORE INTO meta VALUES (?, '')", (f"once {what}",)).rowcount == 1

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
                f"SELECT 1 FROM jobs WHERE {_IS_OPEN} AND base_url = ? AND backend = 'sonar'"  # noqa: S608
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

    def changed(self, after: int, ids: Iterable[str] | None = None) -> list[Row]:
        """Give the rows changed since `after`, of `ids` only where given."""
        if ids is None:
            found = self._rows("SELECT * FROM jobs WHERE seq > ? ORDER BY seq", (after,))
            return self._merged(found, lambda row: row.seq > after, by="seq")
        wanted = set(ids)
        found = self._rows(
            "SELECT * FROM jobs WHERE seq > ? AND id IN (SELECT value FROM json_each(?)) ORDER BY seq",
            (after, json.dumps(sorted(wanted))),
        )
        return self._merged(found, lambda row: row.seq > after and row.id in wanted, by="seq")

    def jobs(
        self,
        *,
        states: Sequence[str] | None = None,
        notebook: str | None = None,
        cell: str | None = None,
        base_url: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Row]:
        """Give rows that fit every condition given, newest first."""
        conditions: list[str] = ["1"]
        values: list[Any] = []
        if states is not None and tuple(states) == OPEN:
            conditions.append(_IS_OPEN)
        elif states is not None:
            conditions.append(f"state IN ({_marks(states)})")
            values.extend(states)
        for column, value in (("notebook", notebook), ("cell", cell), ("base_url", base_url)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        where = " AND ".join(conditions)
        found = self._rows(
            f"SELECT * FROM jobs WHERE {where} ORDER BY created_at DESC LIMIT ? OFFSET ?",  # noqa: S608
            (*values, limit, offset),
        )
        given = {"notebook": notebook, "cell": cell, "base_url": base_url}
        return self._merged(
            found,
            lambda row: (
                (states is None or row.state in states)
                and all(value is None or getattr(row, name) == value for name, value in given.items())
            ),
        )

    def found(self, wanted: Wanted, *, limit: int = 50, offset: int = 0) -> Found:
        """Find jobs, newest first."""
        with self._file.reading() as db:
            # Turning pages changes nothing that is summed up.
            left = search.unread(db)
            at = (wanted, search.counter(db), left)
            known = self._summed
            total = known[1] if known is not None and known[0] == at else search.total(db, wanted)
            self._summed = (at, total)
            page = search.page(db, wanted, limit, offset, total[0])
            rows = [self._unwritten.over(row_of(item)) for item in page]
        rows = self._merged(rows, lambda row: wanted.fits(row, text_of(row, self.body(row.id))))
        return Found(rows, *total, left)

    def read_in(self, seconds: float) -> int:
        """Read the words of jobs that a search does not reach yet; give how many are left."""
        with self._file.reading() as db:
            if not search.unread(db):
                return 0
        with self._writing() as db:
            return search.read_in(db, seconds)

    def spent(self, base_url: str, since: float | None = None, until: float | None = None) -> list[Spent]:
        """Give what jobs cost by day, notebook, model and effort."""
        with self._file.reading() as db:
            return search.spent(db, base_url, since, until)

    def claim(
        self, owner: str, free: Sequence[str], accounts: Sequence[str], now: float, limit: int
    ) -> list[Row]:
        """Take the lease of rows that are due and free."""
        holders = ["", owner, *free]
        where = (
            f"{_IS_OPEN} AND due_at <= ? AND account IN ({_marks(accounts)})"  # noqa: S608 - marks only
            f" AND (owner IN ({_marks(holders)}) OR owner NOT IN (SELECT id FROM owners))"
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
            f" WHERE {_IS_OPEN} AND due_at < ? AND account IN ({_marks(accounts)})",
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
                "INSERT INTO owners VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET until = excluded.until",
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
                db.execute("INSERT INTO retired VALUES (?, ?)", (account, until))

    # -- money ----------------------------------------------------------------------------------

    def refusal(
        self, notebook: str, run: str, base_url: str, expected: Mapping[str, Any], budget: float | None
    ) -> Refusal | None:
        """Give why one more question would not fit the budgets now."""
        keys = keys_of(notebook, day_of(time.time()), run)
        usual = Expected.from_json(expected)
        with self._file.reading() as db:
            return refusal_of(db, keys, base_url, usual, budget)

    def past(self, base_url: str, backend: str, model: str, effort: str, limit: int) -> list[Past]:
        """Give the newest settled jobs of this kind whose cost the service reported."""
        found = self._file.all(
            "SELECT cost, settled_at - created_at FROM jobs INDEXED BY jobs_past WHERE base_url = ? AND backend = ?"
            " AND asked_model = ? AND effort = ? AND state IN ('completed', 'incomplete') AND cost IS NOT NULL"
            " AND cost_estimated = 0 AND settled_at IS NOT NULL ORDER BY settled_at DESC LIMIT ?",
            (base_url, backend, model, effort, limit),
        )
        return [Past(float(cost), max(0.0, float(seconds))) for cost, seconds in found]

    def totals(self, scope: str, base_url: str, key: str | None = None) -> dict[str, Sums]:
        """Give the running totals of a scope by key."""
        with self._file.reading() as db:
            if key is not None:
                return {key: totals.sums_at(db, scope, base_url, key)}
            return totals.sums_by_key(db, scope, base_url)

    def budgets(self) -> list[Budget]:
        """Give the budgets that a person has set."""
        with self._file.reading() as db:
            return totals.budgets(db)

    def set_budget(self, scope: str, key: str, amount: float | None) -> None:
        """Set a budget, or take it away."""
        with self._writing() as db:
            db.execute("DELETE FROM budgets WHERE scope = ? AND key = ?", (scope, key))
            if amount is not None:
                db.execute("INSERT INTO budgets VALUES (?, ?, ?)", (scope, key, amount))

    # -- what is kept beside a body, and what is not kept any more ------------------------------------

    def forms(self, job_id: str, version: str) -> Mapping[str, Any] | None:
        """Give the kept forms of a job, where this version of the renderer made them."""
        found = self._file.one("SELECT forms FROM forms WHERE job_id = ? AND version = ?", (job_id, version))
        return None if found is None else dict(json.loads(zlib.decompress(found[0])))

    def keep_forms(self, job_id: str, version: str, forms: Mapping[str, Any]) -> None:
        """Keep the forms of a job beside its body."""
        packed = zlib.compress(json.dumps(forms).encode(), level=1)
        with self._writing() as db:
            db.execute(
                "INSERT INTO forms SELECT id, ?, ? FROM jobs WHERE id = ? AND forgotten_at IS NULL"
                " ON CONFLICT (job_id) DO UPDATE SET version = excluded.version, forms = excluded.forms",
                (version, packed, job_id),
            )

    def pictures(self, job_id: str) -> dict[str, bytes]:
        """Give the kept images of a job, by their addresses."""
        sql = "SELECT url, data FROM pictures WHERE job_id = ? ORDER BY n"
        return {str(url): bytes(data) for url, data in self._file.all(sql, (job_id,))}

    def keep_pictures(self, job_id: str, pictures: Mapping[str, bytes]) -> None:
        """Keep the images of a job beside its body; the row changes with them, so that every view sees them."""
        with self._writing() as db:
            found = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
            row = row_of(found) if found else None
            if row is None or row.state not in REUSABLE or row.forgotten_at is not None:
                return
            kept = [(job_id, n, bind("url", url), data) for n, (url, data) in enumerate(pictures.items())]
            db.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?)", kept)
            self._set(db, row, {"pictures_until": None})

    def forget(self, job_ids: Sequence[str]) -> int:
        """Delete what settled jobs asked and got, and write the file anew: no trace is left in it or its log."""
        gone = False
        forgotten = 0
        with self._writing() as db:
            for job_id in job_ids:
                found = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
                row = row_of(found) if found else None
                if row is None or row.state not in SETTLED:
                    continue
                gone = True
                if row.forgotten_at is not None:
                    continue
                for table in ("bodies", "forms", "pictures"):
                    db.execute(f"DELETE FROM {table} WHERE job_id = ?", (job_id,))  # noqa: S608
                kept_id = trace_of(row.remote_id, self._salt) if row.remote_id else ""
                self._set(db, row, {**_forgotten(row), "remote_id": kept_id})
                forgotten += 1
        if gone:
            # Those forgotten before, too: the file may not have been written anew then.
            self._file.scrub(search.tidy)
        return forgotten

    def close(self) -> None:
        """Close this thread's connection."""
        self._file.close()

    # -- rows ---------------------------------------------------------------------------------------

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        rows: list[Row] = self._file.all(sql, values, row_of)
        return [self._unwritten.over(row) for row in rows] if self._unwritten else rows

    def _merged(
        self, rows: list[Row], fits: Callable[[Row], bool], *, by: Literal["seq", "created_at"] = "created_at"
    ) -> list[Row]:
        """Give rows found with those that would be found if all were written, in their order."""
        if not self._unwritten:
            return rows
        return sorted(
            self._unwritten.merged(rows, fits), key=lambda row: getattr(row, by), reverse=by == "created_at"
        )

    @contextlib.contextmanager
    def _writing(self, *, intent: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a write transaction, which first writes what could not be written before."""
        with self._file.writing(intent=intent) as db:
            written = self._unwritten.put(db, self._set) if self._unwritten else ()
            yield db
        self._unwritten.drop(written)

    def _write_held(self) -> None:
        with self._writing():
            pass

    def _read(self, db: sqlite3.Connection, job_id: str) -> Row:
        return row_of(db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())

    def _set(self, db: sqlite3.Connection, row: Row, changes: Mapping[str, Any]) -> Row:
        values = {**changes, "seq": self._next_seq(db)}
        assigned = ", ".join(f"{name} = ?" for name in values)
        bound = [bind(name, value) for name, value in values.items()]
        db.execute(f"UPDATE jobs SET {assigned} WHERE id = ?", [*bound, row.id])  # noqa: S608
        after = self._read(db, row.id)
        totals.move(db, row, after)
        search.follow(db, row, after)
        return after

    @staticmethod
    def _next_seq(db: sqlite3.Connection) -> int:
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'seq'")
        return int(db.execute("SELECT value FROM meta WHERE name = 'seq'").fetchone()[0])


def _attempts(found: Sequence[Row]) -> Attempts:
    """Sort out the rows of one question, newest first."""
    # An answer serves before an attempt that came later and gave none.
    serving = (row for row in found if row.state in _SERVING)
    last = found[0] if found else None
    return Attempts(best=next(serving, last), last=last)


def _forgotten(row: Row) -> dict[str, Any]:
    """Give what takes the place of a row's own words; its fingerprint goes, too: it could be guessed at."""
    now = time.time()
    failure = row.failure and {k: v for k, v in row.failure.items() if k in {"kind", "accepted", "at"}}
    return {
        "fingerprint": f"forgotten:{row.id}",
        "request": {},
        "question": "",
        "name": "",
        "cell": "",
        "filled": {},
        "progress": {},
        "trouble": None,
        "failure": failure,
        "request_id": "",
        "shown_at": row.shown_at or now,
        "forgotten_at": now,
        "pictures_until": None,
    }


def _new_key(job_id: str) -> str:
    return f"pplx_jupyter-{job_id}-{secrets.token_hex(8)}"


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" for _ in values)
