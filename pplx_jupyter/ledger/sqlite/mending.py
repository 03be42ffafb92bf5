"""Putting a broken ledger aside, whole, and going on with a new one that holds what could be read.

The broken file is only read and renamed. Of several processes that find it broken at once, one
mends; the others go on with the new file.
"""

from __future__ import annotations

import contextlib
import glob
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.sqlite.opening import identity
from pplx_jupyter.ledger.sqlite.pages import version_of
from pplx_jupyter.ledger.sqlite.salvage import fill, salvaged
from pplx_jupyter.ledger.sqlite.schema import VERSION
from pplx_jupyter.ledger.sqlite.troubles import why

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplx_jupyter.ledger.sqlite.opening import Identity
    from pplx_jupyter.ledger.sqlite.salvage import Salvage

__all__ = ["mend", "put_aside"]

_LOCK_SECONDS = 120.0
_LOG = "-wal"
_BESIDE = (_LOG, "-shm", "-journal")
_ASIDE = ".broken-"
_READINGS = 5


def mend(path: Path, reason: str, seen: Identity | None) -> str | None:
    """Put a broken ledger aside, and put what can be read of it into a new one.

    Parameters
    ----------
    reason
        What is wrong with it, in SQLite's words.
    seen
        Which file was found broken: where another stands there by now, somebody was quicker.

    Returns
    -------
    str or None
        The line for a person; None where another process has mended it, or it is no ledger of ours.

    Raises
    ------
    LedgerError
        It cannot be put aside; it stands as it was.
    """
    try:
        with _alone(path):
            if seen is None or identity(path) != seen or version_of(path) > VERSION:
                return None
            return _mended(path, reason)
    except (sqlite3.Error, OSError) as error:
        told = (error.strerror or str(error)) if isinstance(error, OSError) else why(error)
        raise LedgerError(
            f"the ledger {path} is broken ({reason}), and cannot be put aside: {told}. It is left as it is: move it away, or name"
            " another file in PPLX_JUPYTER_LEDGER. Nothing was sent.",
            why=f"broken: {reason}",
        ) from error


def put_aside(where: str) -> list[Path]:
    """Give the files of a ledger that was broken once: what is forgotten since is in them still."""
    path = Path(where)
    return sorted(path.parent.glob(f"{glob.escape(path.name + _ASIDE)}*"))


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from mending at the same time; a process that dies lets go of it."""
    lock = path.with_name(f"{path.name}.mending")
    os.close(os.open(lock, os.O_CREAT | os.O_RDWR, 0o600))
    with contextlib.closing(sqlite3.connect(lock, timeout=_LOCK_SECONDS, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        yield


def _mended(path: Path, reason: str) -> str | None:
    log = _beside(path, _LOG)
    fresh = path.with_name(f"{path.name}.new")
    aside = _free_name(path)
    for _ in range(_READINGS):
        before = _stamp(path), _stamp(log)
        found = salvaged(path, log)
        if not found.is_ledger and path.stat().st_size:
            return None
        line = _line(path, aside, reason, found)
        _build(fresh, found, line)
        # Another process may still have written to it.
        if before == (_stamp(path), _stamp(log)):
            break
    _swap(path, fresh, aside)
    return line


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def _free_name(path: Path) -> Path:
    stem = f"{path.name}{_ASIDE}{time.strftime('%Y%m%d-%H%M%S')}"
    names = [path.with_name(stem), *(path.with_name(f"{stem}-{n}") for n in range(2, 1_000))]
    return next(name for name in names if not any(_beside(name, end).exists() for end in ("", *_BESIDE)))


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _line(path: Path, aside: Path, reason: str, found: Salvage) -> str:
    jobs, answers = _counted(len(found.jobs), "job"), _counted(found.answers, "answer")
    read = f"{jobs} and {answers} could be read from it" if found.jobs else "No job could be read from it"
    return f"the ledger {path} was broken ({reason}). It is kept as {aside.name}; {read}. What is missing would be bought again."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _build(fresh: Path, found: Salvage, line: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            fill(db, found, line)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _swap(path: Path, fresh: Path, aside: Path) -> None:
    """Put the new file in the broken one's place; at no moment is there none."""
    for ending in _BESIDE:
        # First of all: SQLite must not take the old log for the new file's.
        with contextlib.suppress(FileNotFoundError):
            _beside(path, ending).rename(_beside(aside, ending))
    try:
        os.link(path, aside)
    except OSError:
        # No hard links there.
        path.rename(aside)
    fresh.replace(path)
