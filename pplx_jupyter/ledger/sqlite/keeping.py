"""What is kept beside an answer, and what is not kept any more."""

from __future__ import annotations

import json
import logging
import time
import zlib
from typing import TYPE_CHECKING, Any, TypeVar

from pplx_jupyter.ledger.adopted import trace_of
from pplx_jupyter.ledger.records import REUSABLE, SETTLED, Row
from pplx_jupyter.ledger.sqlite import search
from pplx_jupyter.ledger.sqlite.columns import bind, row_of
from pplx_jupyter.ledger.sqlite.connection import Busy
from pplx_jupyter.ledger.sqlite.rows import Rows, marks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence


__all__ = ["Keeping"]

log = logging.getLogger("pplx_jupyter")
_Written = TypeVar("_Written")

_PATIENCE_SECONDS = 0.2
"""How long another process's writing is waited for with what is only convenient: a cell stands still meanwhile."""


class Keeping(Rows):
    """Keeps forms and images; notes names and what was shown; forgets."""

    def forms(self, job_id: str, version: str) -> Mapping[str, Any] | None:
        """Give the kept forms of a job, where this version of the renderer made them."""
        found = self._file.one("SELECT forms FROM forms WHERE job_id = ? AND version = ?", (job_id, version))
        return None if found is None else dict(json.loads(zlib.decompress(found[0])))

    def keep_forms(self, job_id: str, version: str, forms: Mapping[str, Any]) -> None:
        """Keep the forms of a job beside its body; not while another process is writing."""
        packed = zlib.compress(json.dumps(forms).encode(), level=1)
        self._when_free(
            "the forms of an answer",
            lambda db: db.execute(
                "INSERT INTO forms (job_id, version, forms) SELECT id, ?, ? FROM jobs WHERE id = ? AND forgotten_at IS NULL"
                " ON CONFLICT (job_id) DO UPDATE SET version = excluded.version, forms = excluded.forms",
                (version, packed, job_id),
            ),
        )

    def _when_free(self, what: str, write: Callable[[sqlite3.Connection], _Written]) -> _Written | None:
        """Write what is only convenient, unless another process goes on writing."""
        try:
            with self._writing(patience=_PATIENCE_SECONDS) as db:
                return write(db)
        except Busy as error:
            log.info("not kept: %s: %s", what, error)
            return None

    def rename(self, job_id: str, name: str) -> Row | None:
        """Give a job another name; not while another process is writing."""

        def write(db: sqlite3.Connection) -> Row | None:
            found = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
            return self._set(db, row_of(found), {"name": name}) if found else None

        return self._when_free(f"the name {name}", write)

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
            db.executemany("INSERT OR REPLACE INTO pictures (job_id, n, url, data) VALUES (?, ?, ?, ?)", kept)
            self._set(db, row, {"pictures_until": None})

    def note_shown(self, job_ids: Sequence[str], now: float) -> None:
        """Note that the ends of these jobs were shown, in one transaction; not while another process is writing.

        No view need read it.
        """
        self._when_free(
            "that answers were shown",
            lambda db: db.execute(
                f"UPDATE jobs SET shown_at = ? WHERE shown_at IS NULL AND state IN ({marks(SETTLED)})"  # noqa: S608
                " AND id IN (SELECT value FROM json_each(?))",
                (now, *SETTLED, json.dumps(list(job_ids))),
            ),
        )

    def first(self, what: str) -> bool:
        """Say whether nobody has asked this before."""
        with self._writing() as db:
            return db.execute("INSERT OR IGNORE INTO meta VALUES (?, '')", (f"once {what}",)).rowcount == 1

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
