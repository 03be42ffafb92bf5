"""Rows found: by question, by name, by what changed, by words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger.records import OPEN, REUSABLE, Attempts, Row
from pplx_jupyter.ledger.sqlite import search
from pplx_jupyter.ledger.sqlite.columns import IS_OPEN, bind, row_of
from pplx_jupyter.ledger.sqlite.rows import Rows, marks
from pplx_jupyter.ledger.wanted import Found
from pplx_jupyter.ledger.words import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pplx_jupyter.ledger.wanted import Spent, Wanted

__all__ = ["Finding"]

_SERVING = (*REUSABLE, *OPEN)


class Finding(Rows):
    """Finds jobs, and what is kept of them."""

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
            f"SELECT * FROM jobs WHERE fingerprint = ? AND base_url = ? AND state IN ({marks(REUSABLE)})"  # noqa: S608
            " ORDER BY created_at DESC",
            (fingerprint, base_url, *REUSABLE),
        )
        wanted = (fingerprint, base_url)
        return self._merged(
            found, lambda row: (row.fingerprint, row.base_url) == wanted and row.state in REUSABLE
        )

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

    def unshown(self, notebook: str, base_url: str, limit: int) -> list[Row]:
        """Give the rows of a notebook whose end nobody has been shown."""
        return self._rows(
            "SELECT * FROM jobs INDEXED BY jobs_unshown WHERE notebook = ? AND base_url = ? AND shown_at IS NULL"
            " ORDER BY created_at DESC LIMIT ?",
            (notebook, base_url, limit),
        )

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
            conditions.append(IS_OPEN)
        elif states is not None:
            conditions.append(f"state IN ({marks(states)})")
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


def _attempts(found: Sequence[Row]) -> Attempts:
    """Sort out the rows of one question, newest first."""
    # An answer serves before an attempt that came later and gave none.
    serving = (row for row in found if row.state in _SERVING)
    last = found[0] if found else None
    return Attempts(best=next(serving, last), last=last)
