"""The ledger in one SQLite file.

Write-ahead logging, so that readers never wait for a writer; ``synchronous=FULL``, because a lost
*sending* mark after a power cut would be a second purchase. One connection a thread, and none is
carried over a fork. Every write is one short ``BEGIN IMMEDIATE`` transaction.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.protocol import OPEN, REUSABLE, Draft, Owner, Row
from pplx_jupyter.ledger.schema import MIGRATIONS, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["SqliteLedger", "default_path"]

_JSON = {"request", "filled", "trouble", "failure", "progress"}
_BOOL = {"pinned", "moved", "cost_estimated"}
_BUSY_SECONDS = 10.0
_SERVING = (*REUSABLE, *OPEN)
_inherited: list[sqlite3.Connection | None] = []
"""Connections of a parent process, kept so that nothing closes them."""


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
        self._path = Path(path).expanduser()
        self._local = threading.local()
        self._prepare()
        self._salt = str(self._one("SELECT value FROM meta WHERE name = 'salt'")[0])

    @property
    def where(self) -> str:
        """The file's path."""
        return str(self._path)

    @property
    def salt(self) -> str:
        """A random text made with the file."""
        return self._salt

    def newest(self, fingerprint: str, base_url: str, backend: str | None = None) -> Row | None:
        """Give the row that a second run of a question gets."""
        only = "" if backend is None else " AND backend = ?"
        found = self._one(
            # An answer serves before an attempt that came later and gave none.
            f"SELECT * FROM jobs WHERE fingerprint = ? AND base_url = ?{only}"  # noqa: S608
            f" ORDER BY state IN ({_marks(_SERVING)}) DESC, created_at DESC LIMIT 1",
            (fingerprint, base_url, *([] if backend is None else [backend]), *_SERVING),
        )
        return _row(found) if found else None

    def intend(self, draft: Draft, *, fresh: bool = False) -> tuple[Row, bool]:
        """Find or insert, in one transaction: two kernels that ask the same get the same row."""
        with self._writing() as db:
            found = (
                None
                if fresh
                else self.newest(draft.fingerprint, draft.base_url, draft.backend if draft.pinned else None)
            )
            if found is None:
                return self._insert(db, draft), True
            if (
                found.state in {"failed", "cancelled"}
                and found.accepted_at is None
                and found.sending_at is None
            ):
                return self._arm(db, found, draft), False
            return found, False

    def _insert(self, db: sqlite3.Connection, draft: Draft) -> Row:
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
            "due_at": now,
        }
        columns = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        db.execute(f"INSERT INTO jobs ({columns}) VALUES ({marks})", [_bind(k, v) for k, v in values.items()])  # noqa: S608
        return self._read(db, job_id)

    def _arm(self, db: sqlite3.Connection, row: Row, draft: Draft) -> Row:
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
            "due_at": now,
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
            "notebook": draft.notebook or row.notebook,
            "cell": draft.cell or row.cell,
            "name": draft.name or row.name,
        }
        self._set(db, row.id, changes)
        return self._read(db, row.id)

    def get(self, job_id: str) -> Row | None:
        """Give the row of this id."""
        found = self._one("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return _row(found) if found else None

    def find(self, text: str) -> list[Row]:
        """Give the rows that this text names, newest first."""
        text = _bind("name", text)
        begin = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        return self._rows(
            "SELECT * FROM jobs WHERE id LIKE ? ESCAPE '\\' OR name = ? OR remote_id = ? ORDER BY created_at DESC LIMIT 50",
            (begin, text, text),
        )

    def body(self, job_id: str) -> str | None:
        """Give the last body of this job, as it came."""
        found = self._one("SELECT body FROM bodies WHERE job_id = ?", (job_id,))
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
            found = db.execute("SELECT owner, state FROM jobs WHERE id = ?", (job_id,)).fetchone()
            if (
                not found
                or (owner is not None and found[0] != owner)
                or (states is not None and found[1] not in states)
            ):
                return None
            if body is not None:
                db.execute(
                    "INSERT INTO bodies VALUES (?, ?, ?) ON CONFLICT (job_id) DO UPDATE"
                    " SET body = excluded.body, received_at = excluded.received_at",
                    (job_id, body.encode("utf-8", "replace").decode(), time.time()),
                )
            self._set(db, job_id, changes)
            return self._read(db, job_id)

    def changed(self, after: int, ids: Iterable[str] | None = None) -> list[Row]:
        """Give the rows changed since `after`, of `ids` only where given."""
        if ids is None:
            return self._rows("SELECT * FROM jobs WHERE seq > ? ORDER BY seq", (after,))
        wanted = json.dumps(sorted(ids))
        return self._rows(
            "SELECT * FROM jobs WHERE seq > ? AND id IN (SELECT value FROM json_each(?)) ORDER BY seq",
            (after, wanted),
        )

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
        if states is not None:
            conditions.append(f"state IN ({', '.join('?' for _ in states)})")
            values.extend(states)
        for column, value in (("notebook", notebook), ("cell", cell), ("base_url", base_url)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        where = " AND ".join(conditions)
        return self._rows(
            f"SELECT * FROM jobs WHERE {where} ORDER BY created_at DESC LIMIT ? OFFSET ?",  # noqa: S608
            (*values, limit, offset),
        )

    def claim(
        self, owner: str, free: Sequence[str], accounts: Sequence[str], now: float, limit: int
    ) -> list[Row]:
        """Take the lease of rows that are due and free."""
        holders = ["", owner, *free]
        where = (
            f"state IN ({_marks(OPEN)}) AND due_at <= ? AND account IN ({_marks(accounts)})"  # noqa: S608 - marks only
            f" AND (owner IN ({_marks(holders)}) OR owner NOT IN (SELECT id FROM owners))"
        )
        values = (*OPEN, now, *accounts, *holders)
        # Looked at without a lock first: most ticks find nothing.
        if not self._one(f"SELECT 1 FROM jobs WHERE {where} LIMIT 1", values):  # noqa: S608
            return []
        with self._writing() as db:
            sql = f"SELECT * FROM jobs WHERE {where} ORDER BY due_at LIMIT ?"  # noqa: S608
            found = db.execute(sql, (*values, limit)).fetchall()
            rows = [_row(item) for item in found]
            db.executemany("UPDATE jobs SET owner = ? WHERE id = ?", [(owner, row.id) for row in rows])
        return rows

    def under_way(self, accounts: Sequence[str], now: float) -> tuple[int, float | None]:
        """Count the open rows of these accounts, and give when the next that is not due yet will be."""
        found = self._one(
            "SELECT count(*), min(CASE WHEN due_at > ? THEN due_at END) FROM jobs"  # noqa: S608
            f" WHERE state IN ({_marks(OPEN)}) AND account IN ({_marks(accounts)})",
            (now, *OPEN, *accounts),
        )
        return int(found[0]), None if found[1] is None else float(found[1])

    def owners(self) -> list[Owner]:
        """Give all owners of leases."""
        return [Owner(*item) for item in self._all("SELECT id, host, boot, pid, started, until FROM owners")]

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
        found = self._one("SELECT until FROM retired WHERE account = ?", (account,))
        return float(found[0]) if found else None

    def retire(self, account: str, until: float | None) -> None:
        """Remember, or forget, that the sonar API is retired for this account."""
        with self._writing() as db:
            db.execute("DELETE FROM retired WHERE account = ?", (account,))
            if until is not None:
                db.execute("INSERT INTO retired VALUES (?, ?)", (account, until))

    def close(self) -> None:
        """Close this thread's connection."""
        if getattr(self._local, "pid", None) != os.getpid():
            return
        db, self._local.db = self._local.db, None
        if db is not None:
            db.close()

    # -- the file ---------------------------------------------------------------------------

    def _prepare(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise LedgerError(_cannot(self._path, error.strerror or str(error))) from error
        if self._one("PRAGMA user_version")[0] < VERSION:
            self._migrate()

    def _check(self, db: sqlite3.Connection) -> None:
        """Refuse a file that this version must not touch, before anything is changed in it."""
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if names and not {"jobs", "meta"} <= names:
            raise LedgerError(_cannot(self._path, "it is another program's database"))
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise LedgerError(
                f"the ledger {self._path} was written by a newer version of pplx_jupyter (its format is {version}, this one knows"
                f" {VERSION}): upgrade with pip install -U pplx-jupyter, or name another ledger in PPLX_JUPYTER_LEDGER."
            )

    def _migrate(self) -> None:
        with self._writing() as db:
            # Read again under the lock: another process may have been quicker.
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
                step(db)
                db.execute(f"PRAGMA user_version = {number}")

    def _connection(self) -> sqlite3.Connection:
        if getattr(self._local, "pid", None) != os.getpid():
            # SQLite's locks do not survive a fork: the parent's connection must not even be closed here.
            _inherited.append(getattr(self._local, "db", None))
            self._local.db, self._local.pid = None, os.getpid()
        db: sqlite3.Connection | None = self._local.db
        if db is None:
            db = self._connect()
            self._local.db = db
        return db

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            self._check(db)
            _log_ahead(db)
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            db.close()
            raise
        db.row_factory = sqlite3.Row
        return db

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise LedgerError(_cannot(self._path, str(error))) from error
        try:
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise LedgerError(_cannot(self._path, str(error))) from error
            raise

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._connection().execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(_cannot(self._path, str(error))) from error

    def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        found = self._all(sql, values)
        return found[0] if found else None

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return [_row(item) for item in self._all(sql, values)]

    def _read(self, db: sqlite3.Connection, job_id: str) -> Row:
        return _row(db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())

    def _set(self, db: sqlite3.Connection, job_id: str, changes: Mapping[str, Any]) -> None:
        values = {**changes, "seq": self._next_seq(db)}
        assigned = ", ".join(f"{name} = ?" for name in values)
        bound = [_bind(name, value) for name, value in values.items()]
        db.execute(f"UPDATE jobs SET {assigned} WHERE id = ?", [*bound, job_id])  # noqa: S608

    @staticmethod
    def _next_seq(db: sqlite3.Connection) -> int:
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'seq'")
        return int(db.execute("SELECT value FROM meta WHERE name = 'seq'").fetchone()[0])


def _log_ahead(db: sqlite3.Connection) -> None:
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            # Two processes that open a new file at once can meet here, where no busy timeout applies.
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            locked = "locked" in str(error)
            if locked and time.monotonic() < until:
                time.sleep(0.02)
                continue
            if not locked and "disk I/O" not in str(error):
                raise
            # Network file systems have no shared memory for a write-ahead log.
            db.execute("PRAGMA journal_mode = DELETE")
        return


def _new_key(job_id: str) -> str:
    return f"pplx_jupyter-{job_id}-{secrets.token_hex(8)}"


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" for _ in values)


def _bind(column: str, value: Any) -> Any:
    if column in _JSON and value is not None:
        return json.dumps(value, ensure_ascii=True, default=str)
    if isinstance(value, str):
        # Half a surrogate pair, which JSON can carry, would make SQLite refuse the whole row.
        return value.encode("utf-8", "replace").decode()
    return int(value) if column in _BOOL else value


def _row(found: sqlite3.Row) -> Row:
    values = dict(found)
    for name in _JSON:
        if values[name] is not None:
            values[name] = json.loads(values[name])
    for name in _BOOL:
        values[name] = bool(values[name])
    return Row(**values)


def _cannot(path: Path, why: str) -> str:
    return f"the ledger {path} cannot be used: {why}. Mend that, or name another file in PPLX_JUPYTER_LEDGER. Nothing was sent."
