"""Opening the file behind a ledger: one that its owner alone may read, and that this version may touch.

Write-ahead logging, so that readers never wait for a writer; ``synchronous=FULL``, because a lost
*sending* mark after a power cut would be a second purchase.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.sqlite import schema
from pplx_jupyter.ledger.sqlite.columns import RowBroken
from pplx_jupyter.ledger.sqlite.troubles import SQLITE_ERRORS, cannot

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BUSY_SECONDS", "Identity", "connect", "connect_to_read", "identity", "is_emptied", "make"]

BUSY_SECONDS = 10.0
"""How long another process's writing is waited for."""

_EMPTY_SECONDS = 10.0
"""An empty file of this age was not made just now by another process, which is about to fill it."""

_TABLES = {"jobs", "bodies", "owners", "retired", "meta", "totals", "budgets", "forms", "pictures"}
_ENOUGH = 3
"""So many tables of these names make a ledger in which others are missing."""

Identity = tuple[int, int]
"""Tells a file from another one of the same name."""


def identity(path: Path) -> Identity | None:
    """Give which file stands at a path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make(path: Path) -> bool:
    """See that a file stands there, in a folder; whether this call has made it.

    Raises
    ------
    LedgerError
        It cannot be made, or is no ordinary file.
    """
    made = False
    what = "its folder"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        what = "it"
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            made = True
    except OSError as error:
        reason = f"{what} cannot be made ({error.strerror or error})"
        raise cannot(path, reason, unsent=True) from error
    if not path.is_file():
        # A device that is put aside, or written to, would be everybody's loss.
        raise cannot(path, "it is no ordinary file", unsent=True)
    return made


def is_emptied(path: Path) -> bool:
    """Whether nothing is left of a file that held something."""
    found = path.stat()
    if found.st_size:
        return False
    log = path.with_name(f"{path.name}-wal")
    # SQLite would delete such a log, and with it the rows in it.
    left = log.is_file() and log.stat().st_size > 0
    return left or abs(time.time() - found.st_mtime) > _EMPTY_SECONDS


def connect(path: Path) -> sqlite3.Connection:
    """Open a file to read and write."""
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        _check(path, db)
        _log_ahead(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        db.close()
        raise
    db.row_factory = sqlite3.Row
    return db


def connect_to_read(path: Path) -> sqlite3.Connection | None:
    """Open a file in which nothing can be written; None where it cannot be read, either."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    log = path.with_name(f"{path.name}-wal")
    # Without a log all is in the file, and SQLite need not make the files beside it.
    for ending in ("", *(() if log.exists() and log.stat().st_size else ("&immutable=1",))):
        try:
            db = sqlite3.connect(address + ending, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
            try:
                _check(path, db)
                db.execute("SELECT 1 FROM meta").fetchall()
            except BaseException:
                db.close()
                raise
        except SQLITE_ERRORS:
            continue
        db.row_factory = sqlite3.Row
        return db
    return None


def _check(path: Path, db: sqlite3.Connection) -> None:
    """Refuse a file that this version must not touch, before anything is changed in it."""
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if names and not {"jobs", "meta"} <= names:
        if len(names & _TABLES) >= _ENOUGH:
            raise RowBroken("its tables are not those that were made")
        raise cannot(path, "it is another program's database", unsent=True)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > schema.VERSION:
        raise LedgerError(
            f"the ledger {path} was written by a newer version of pplx_jupyter (its format is {version}, this one knows"
            f" {schema.VERSION}): upgrade with pip install -U pplx-jupyter, or name another ledger in PPLX_JUPYTER_LEDGER."
        )


def _log_ahead(db: sqlite3.Connection) -> None:
    until = time.monotonic() + BUSY_SECONDS
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
