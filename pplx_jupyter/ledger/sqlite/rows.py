"""What all that the ledger does rests on: reading rows, writing under a lock, and what could not be written yet."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal

from pplx_jupyter.ledger.sqlite import search, totals
from pplx_jupyter.ledger.sqlite.columns import bind, row_of
from pplx_jupyter.ledger.sqlite.connection import Database
from pplx_jupyter.ledger.sqlite.unwritten import Unwritten

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pplx_jupyter.ledger.records import Row


__all__ = ["Rows", "marks"]


class Rows:
    """Rows of a file, with what this process could not write into it yet.

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

    def close(self) -> None:
        """Close this thread's connection."""
        self._file.close()

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
    def _writing(
        self, *, intent: bool = False, patience: float | None = None
    ) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a write transaction, which first writes what could not be written before."""
        with self._file.writing(intent=intent, patience=patience) as db:
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


def marks(values: Sequence[Any]) -> str:
    """Give a parameter mark for each value."""
    return ", ".join("?" for _ in values)
