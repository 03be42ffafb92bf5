"""Reading and writing the file behind a ledger: opened once a thread, never carried over a fork, mended where broken.

Every write is one short ``BEGIN IMMEDIATE`` transaction. How a file is opened: `pplx_jupyter.ledger.sqlite.opening`.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.once import warn_once
from pplx_jupyter.ledger.sqlite import opening, schema
from pplx_jupyter.ledger.sqlite.troubles import SQLITE_ERRORS, cannot, is_broken, is_unwritable, why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Busy", "Database"]

_MAKESHIFT_SECONDS = 5.0
"""How long a file that cannot be written is read before that is tried again."""

_inherited: list[sqlite3.Connection | None] = []
"""Connections of a parent process, kept so that nothing closes them."""


class Busy(LedgerError):
    """Another process went on writing for longer than a write was worth waiting for."""


class _Mended(LedgerError):
    """The file was broken; another one, with what could be read, stands in its place now."""


class _Local(threading.local):
    """What a thread has of the file.

    Attributes
    ----------
    file
        Which file its connection is of.
    makeshift
        Why its connection can only read; empty where it can write.
    until
        When writing is tried again.
    """

    db: sqlite3.Connection | None = None
    pid: int | None = None
    file: opening.Identity | None = None
    makeshift: str = ""
    until: float = 0.0


class Database:
    """The file behind a ledger.

    A file that cannot be written is read as far as that goes. A broken one is put aside, see
    `pplx_jupyter.ledger.sqlite.mending`; the first intent after that is refused once, so that nobody buys
    in silence what was in it.

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
        self.path = Path(path).expanduser()
        self._local = _Local()
        self._opened = False
        self._prepare()
        self._opened = True

    def close(self) -> None:
        """Close this thread's connection."""
        if self._local.pid == os.getpid():
            self._drop()

    def _prepare(self) -> None:
        if not opening.make(self.path) and opening.is_emptied(self.path):
            self._local.file = opening.identity(self.path)
            self._mend("it is empty")
        if self.one("PRAGMA user_version")[0] < schema.VERSION:
            self._migrate()

    def _migrate(self) -> None:
        with self.writing() as db:
            # Read again under the lock: another process may have been quicker.
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            for number, step in enumerate(schema.MIGRATIONS[version:], start=version + 1):
                step(db)
                db.execute(f"PRAGMA user_version = {number}")

    def connection(self) -> sqlite3.Connection:
        """Give this thread's connection, to the file that stands at the path now."""
        local = self._local
        if local.pid != os.getpid():
            # SQLite's locks do not survive a fork: the parent's connection must not even be closed here.
            _inherited.append(local.db)
            local.db, local.pid = None, os.getpid()
        if local.db is not None and not local.db.in_transaction and self._is_outdated():
            self._drop()
        return local.db or self._open()

    def _is_outdated(self) -> bool:
        return self._has_moved() or bool(self._local.makeshift and time.monotonic() > self._local.until)

    def _has_moved(self) -> bool:
        """Whether the file of this connection was put aside by another process, or another thread."""
        there = opening.identity(self.path)
        return there is not None and there != self._local.file

    def _drop(self) -> None:
        db, self._local.db, self._local.makeshift = self._local.db, None, ""
        # Of a file that was put aside, SQLite notices that, and leaves the new one's log alone.
        if db is not None and not db.in_transaction:
            db.close()

    def _open(self) -> sqlite3.Connection:
        local = self._local
        local.file = opening.identity(self.path)
        try:
            local.db = opening.connect(self.path)
        except SQLITE_ERRORS as error:
            db = opening.connect_to_read(self.path) if is_unwritable(error) else None
            if db is None:
                raise
            local.db, local.makeshift = db, why(error)
            local.until = time.monotonic() + _MAKESHIFT_SECONDS
        return local.db

    @contextlib.contextmanager
    def writing(self, *, intent: bool = False, patience: float | None = None) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a write transaction; an error takes everything back.

        Parameters
        ----------
        intent
            Something is about to be bought: refused once after a ledger was mended.
        patience
            Seconds that another process's writing is waited for; default: ten.

        Raises
        ------
        Busy
            Another process wrote for longer than a `patience` that was given.
        LedgerError
            The file cannot be written.
        """
        if intent:
            self._tell_mended()
        try:
            db = self._writable()
            _begin(db, opening.BUSY_SECONDS if patience is None else patience)
        except SQLITE_ERRORS as error:
            if patience is not None and _is_busy(error):
                raise Busy(f"another process is writing the ledger {self.path}.") from error
            raise self._trouble(error, intent=intent) from error
        try:
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
            if isinstance(error, SQLITE_ERRORS):
                raise self._trouble(error, intent=intent) from error
            raise
        if self._has_moved():
            raise _Mended(f"the ledger {self.path} was put aside at this moment; try again.")

    def _writable(self) -> sqlite3.Connection:
        db = self.connection()
        if self._local.makeshift:
            self._drop()
            db = self.connection()
        if self._local.makeshift:
            raise sqlite3.OperationalError(self._local.makeshift)
        return db

    def _trouble(self, error: Exception, *, intent: bool = False) -> LedgerError:
        """Give the error that a person gets for one of SQLite's; a broken file is put aside first."""
        unsent = intent or not self._opened
        if not is_broken(error):
            return cannot(self.path, why(error), unsent=unsent)
        try:
            if not self._mend(str(error)):
                return cannot(self.path, str(error), unsent=unsent)
            line = self._take_news() if intent else ""
        except LedgerError as found:
            return found
        return _Mended(_again(line or f"the ledger {self.path} was broken, and has been mended.", unsent))

    def _mend(self, reason: str) -> bool:
        """Put a broken file aside; say whether another stands in its place now."""
        from pplx_jupyter.ledger.sqlite.mending import mend

        line = mend(self.path, reason, self._local.file)
        if line is not None:
            warn_once(line)
        moved = self._has_moved()
        if moved:
            self._drop()
        return moved

    def _tell_mended(self) -> None:
        line = self._take_news()
        if line:
            raise LedgerError(_again(line, True))

    def _take_news(self) -> str:
        """Give the line of a ledger that was mended, once."""
        wanted = "SELECT value FROM meta WHERE name = ?"
        if self.one(wanted, (schema.MENDED,)) is None:
            return ""
        with self.writing() as db:
            found = db.execute(wanted, (schema.MENDED,)).fetchone()
            db.execute("DELETE FROM meta WHERE name = ?", (schema.MENDED,))
        return "" if found is None else str(found[0])

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for several reads."""
        try:
            yield self.connection()
        except SQLITE_ERRORS as error:
            raise self._trouble(error) from error

    def scrub(self, tidy: Callable[[sqlite3.Connection], str]) -> None:
        """Write the file anew without what was deleted, and empty the log.

        Overwriting what is deleted is not enough: SQLite leaves copies of rows behind in pages that it has split.

        Parameters
        ----------
        tidy
            Called first, with no transaction open; gives why traces stay all the same, or an empty text.

        Raises
        ------
        LedgerError
            There is no room for a second copy, or another process goes on reading.
        """
        try:
            db = self.connection()
            told = tidy(db)
            db.execute("VACUUM")
            left = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            raise LedgerError(_not_scrubbed(self.path, str(error))) from error
        if told or left:
            raise LedgerError(_not_scrubbed(self.path, told or "another process is reading it"))

    def all(
        self, sql: str, values: Sequence[Any] = (), read: Callable[[Any], Any] | None = None
    ) -> list[Any]:
        """Read rows, each through `read`; once more where the file turns out to be broken, and is mended."""
        inside = self._local.db is not None and self._local.db.in_transaction
        try:
            return self._all(sql, values, read)
        except _Mended:
            if inside:
                raise
            return self._all(sql, values, read)

    def _all(self, sql: str, values: Sequence[Any], read: Callable[[Any], Any] | None) -> list[Any]:
        try:
            found = self.connection().execute(sql, values).fetchall()
            return found if read is None else [read(item) for item in found]
        except SQLITE_ERRORS as error:
            raise self._trouble(error) from error

    def one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Read the first row; None where there is none."""
        found = self.all(sql, values)
        return found[0] if found else None


def _is_busy(error: Exception) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF == sqlite3.SQLITE_BUSY


def _begin(db: sqlite3.Connection, patience: float) -> None:
    """Begin a write transaction, waiting for other writers by lot.

    SQLite's own way to wait sleeps the longer the longer it has waited: among twenty busy processes some
    would not come to their turn within ten seconds.
    """
    until = time.monotonic() + patience
    db.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > until:
                    raise
                time.sleep(random.uniform(0.001, 0.01))
            else:
                return
    finally:
        db.execute(f"PRAGMA busy_timeout = {opening.BUSY_SECONDS * 1000:.0f}")


def _not_scrubbed(path: Path, why: str) -> str:
    return f"deleted, but traces may be left in the file {path}, which could not be written anew: {why}. Forget the same once more, later."


def _again(line: str, unsent: bool) -> str:
    return f"{line} Run the cell again to go on.{' Nothing was sent.' if unsent else ''}"
