"""An SQLite file that its owner alone may read, opened once a thread, and never carried over a fork.

Write-ahead logging, so that readers never wait for a writer; ``synchronous=FULL``, because a lost
*sending* mark after a power cut would be a second purchase. Every write is one short
``BEGIN IMMEDIATE`` transaction.
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
from pplx_jupyter.ledger.columns import RowBroken
from pplx_jupyter.ledger.schema import MIGRATIONS, VERSION
from pplx_jupyter.ledger.troubles import SQLITE_ERRORS, cannot, is_broken, is_unwritable, warn_once, why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["MENDED", "Database", "Identity", "identity"]

_BUSY_SECONDS = 10.0
_MAKESHIFT_SECONDS = 5.0
"""How long a file that cannot be written is read before that is tried again."""

_EMPTY_SECONDS = 10.0
"""An empty file of this age was not made just now by another process, which is about to fill it."""

_TABLES = {"jobs", "bodies", "owners", "retired", "meta", "totals", "budgets", "forms", "pictures"}
_ENOUGH = 3
"""So many tables of these names make a ledger in which others are missing."""

_inherited: list[sqlite3.Connection | None] = []
"""Connections of a parent process, kept so that nothing closes them."""


Identity = tuple[int, int]
"""Tells a file from another one of the same name."""

MENDED = "mended"
"""Name, among what a ledger knows of itself, of the line that is to be told before anything is bought."""


def identity(path: Path) -> Identity | None:
    """Give which file stands at a path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


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
    file: Identity | None = None
    makeshift: str = ""
    until: float = 0.0


class Database:
    """The file behind a ledger.

    A file that cannot be written is read as far as that goes. A broken one is put aside, see
    `pplx_jupyter.ledger.mending`; the first intent after that is refused once, so that nobody buys
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
        made = False
        what = "its folder"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            what = "it"
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
                made = True
        except OSError as error:
            reason = f"{what} cannot be made ({error.strerror or error})"
            raise cannot(self.path, reason, unsent=True) from error
        if not self.path.is_file():
            # A device that is put aside, or written to, would be everybody's loss.
            raise cannot(self.path, "it is no ordinary file", unsent=True)
        if not made and self._is_emptied():
            self._local.file = identity(self.path)
            self._mend("it is empty")
        if self.one("PRAGMA user_version")[0] < VERSION:
            self._migrate()

    def _is_emptied(self) -> bool:
        """Whether nothing is left of a file that held something."""
        found = self.path.stat()
        if found.st_size:
            return False
        log = self.path.with_name(f"{self.path.name}-wal")
        # SQLite would delete such a log, and with it the rows in it.
        left = log.is_file() and log.stat().st_size > 0
        return left or abs(time.time() - found.st_mtime) > _EMPTY_SECONDS

    def _check(self, db: sqlite3.Connection) -> None:
        """Refuse a file that this version must not touch, before anything is changed in it."""
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if names and not {"jobs", "meta"} <= names:
            if len(names & _TABLES) >= _ENOUGH:
                raise RowBroken("its tables are not those that were made")
            raise cannot(self.path, "it is another program's database", unsent=True)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise LedgerError(
                f"the ledger {self.path} was written by a newer version of pplx_jupyter (its format is {version}, this one knows"
                f" {VERSION}): upgrade with pip install -U pplx-jupyter, or name another ledger in PPLX_JUPYTER_LEDGER."
            )

    def _migrate(self) -> None:
        with self.writing() as db:
            # Read again under the lock: another process may have been quicker.
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
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
        there = identity(self.path)
        return there is not None and there != self._local.file

    def _drop(self) -> None:
        db, self._local.db, self._local.makeshift = self._local.db, None, ""
        # Of a file that was put aside, SQLite notices that, and leaves the new one's log alone.
        if db is not None and not db.in_transaction:
            db.close()

    def _open(self) -> sqlite3.Connection:
        local = self._local
        local.file = identity(self.path)
        try:
            local.db = self._connect()
        except SQLITE_ERRORS as error:
            db = self._connect_to_read() if is_unwritable(error) else None
            if db is None:
                raise
            local.db, local.makeshift = db, why(error)
            local.until = time.monotonic() + _MAKESHIFT_SECONDS
        return local.db

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
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

    def _connect_to_read(self) -> sqlite3.Connection | None:
        """Open a file in which nothing can be written; None where it cannot be read, either."""
        address = f"{self.path.absolute().as_uri()}?mode=ro"
        log = self.path.with_name(f"{self.path.name}-wal")
        # Without a log all is in the file, and SQLite need not make the files beside it.
        for ending in ("", *(() if log.exists() and log.stat().st_size else ("&immutable=1",))):
            try:
                db = sqlite3.connect(address + ending, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
                try:
                    self._check(db)
                    db.execute("SELECT 1 FROM meta").fetchall()
                except BaseException:
                    db.close()
                    raise
            except SQLITE_ERRORS:
                continue
            db.row_factory = sqlite3.Row
            return db
        return None

    @contextlib.contextmanager
    def writing(self, *, intent: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a write transaction; an error takes everything back.

        Parameters
        ----------
        intent
            Something is about to be bought: refused once after a ledger was mended.
        """
        if intent:
            self._tell_mended()
        try:
            db = self._writable()
            _begin(db)
        except SQLITE_ERRORS as error:
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
        from pplx_jupyter.ledger.mending import mend

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
        if self.one(wanted, (MENDED,)) is None:
            return ""
        with self.writing() as db:
            found = db.execute(wanted, (MENDED,)).fetchone()
            db.execute("DELETE FROM meta WHERE name = ?", (MENDED,))
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


def _begin(db: sqlite3.Connection) -> None:
    """Begin a write transaction, waiting for other writers by lot.

    SQLite's own way to wait sleeps the longer the longer it has waited: among twenty busy processes some
    would not come to their turn within ten seconds.
    """
    until = time.monotonic() + _BUSY_SECONDS
    db.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                busy = (error.sqlite_errorcode or 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > until:
                    raise
                time.sleep(random.uniform(0.001, 0.01))
            else:
                return
    finally:
        db.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000:.0f}")


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


def _not_scrubbed(path: Path, why: str) -> str:
    return f"deleted, but traces may be left in the file {path}, which could not be written anew: {why}. Forget the same once more, later."


def _again(line: str, unsent: bool) -> str:
    return f"{line} Run the cell again to go on.{' Nothing was sent.' if unsent else ''}"
