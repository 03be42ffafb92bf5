"""What SQLite's errors mean for a ledger, in words for a person."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.sqlite.columns import RowBroken

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SQLITE_ERRORS", "cannot", "is_broken", "is_unwritable", "why"]

SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite's calls raise: the latter, too, where a message quotes a name out of a broken file."""

_WORDS = {
    sqlite3.SQLITE_FULL: "disk full",
    # Also what a quota, or a limit on the size of files, comes to.
    sqlite3.SQLITE_IOERR: "disk full or failing",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_READONLY_DIRECTORY: "its folder is read-only",
    sqlite3.SQLITE_CANTOPEN: "its files cannot be opened or made there",
    sqlite3.SQLITE_PERM: "not permitted",
}
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNDECODABLE = "Could not decode to UTF-8"


def _codes(error: Exception) -> tuple[int, int]:
    """Give the extended and the primary code; zeros where the error is Python's own."""
    extended = int(getattr(error, "sqlite_errorcode", 0) or 0)
    return extended, extended & 0xFF


def why(error: Exception) -> str:
    """Give the reason in a few words."""
    extended, primary = _codes(error)
    return _WORDS.get(extended) or _WORDS.get(primary) or str(error)


def is_broken(error: Exception) -> bool:
    """Whether what is in the file is not what SQLite, or this package, has written there."""
    if isinstance(error, RowBroken | UnicodeDecodeError) or str(error).startswith(_UNDECODABLE):
        return True
    return _codes(error)[1] in _BROKEN


def is_unwritable(error: Exception) -> bool:
    """Whether the file may well be read, but not written: then its answers can still be shown."""
    return _codes(error)[1] in _WORDS


def cannot(path: Path, reason: str, *, unsent: bool = False) -> LedgerError:
    """Give the error for a ledger that cannot be used.

    Parameters
    ----------
    unsent
        It kept a question from being sent, which the line then says.
    """
    sent = " Nothing was sent." if unsent else ""
    return LedgerError(
        f"the ledger {path} cannot be used: {reason}. Mend that, or name another file in PPLX_JUPYTER_LEDGER.{sent}",
        why=reason,
    )
