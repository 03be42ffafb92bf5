"""Finding jobs in SQLite: by their words, state, notebook, time and cost.

Words are kept in a table of their own, and in an FTS5 index of it where this SQLite has FTS5; both
change in the transaction that changes the row. Without FTS5 the table is read from end to end, which
finds the same. The jobs of an older ledger are read in a few at a time, when a search is made.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger.records import REUSABLE
from pplx_jupyter.ledger.sqlite.columns import IS_OPEN, row_of
from pplx_jupyter.ledger.wanted import Spent
from pplx_jupyter.ledger.words import match_of, phrases_of, text_of

if TYPE_CHECKING:
    import sqlite3

    from pplx_jupyter.ledger.records import Row
    from pplx_jupyter.ledger.wanted import Wanted

__all__ = [
    "INDEX",
    "TEXT",
    "counter",
    "create",
    "drop",
    "follow",
    "has_fts",
    "is_indexed",
    "keep",
    "page",
    "read_anew",
    "read_in",
    "spent",
    "tidy",
    "total",
    "unread",
]

INDEX = "word_index"
"""Name of the FTS5 table."""

TEXT = "text_n"
"""Column of a job: the number of its words among the texts; NULL as long as they are not read, 0 where they were forgotten."""

_STALE = "words changed without their index"
_MAY_COST = f"cost IS NULL AND NOT {IS_OPEN} AND (accepted_at IS NOT NULL OR sending_at IS NOT NULL)"
_HAD = f"({IS_OPEN} OR cost IS NOT NULL OR accepted_at IS NOT NULL OR sending_at IS NOT NULL)"
_SUMS = (
    "count(*), coalesce(sum(cost) FILTER (WHERE NOT cost_estimated), 0),"
    " coalesce(sum(cost) FILTER (WHERE cost_estimated), 0),"
    f" count(*) FILTER (WHERE {_MAY_COST})"
)
_AT_ONCE = 50
_PAGES_AT_ONCE = 500


def has_fts(db: sqlite3.Connection) -> bool:
    """Whether this Python's SQLite has FTS5."""
    return db.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone() is not None


def create(db: sqlite3.Connection) -> None:
    """Make the tables; the jobs that are there wait to be read in."""
    db.execute("CREATE TABLE texts (n INTEGER PRIMARY KEY, words TEXT NOT NULL)")
    db.execute(f"ALTER TABLE jobs ADD COLUMN {TEXT} INTEGER")
    db.execute(f"CREATE INDEX jobs_unread ON jobs (created_at) WHERE {TEXT} IS NULL")
    db.execute(
        "CREATE INDEX jobs_history ON jobs (created_at, state, notebook, cost, cost_estimated, sending_at, accepted_at,"
        f" {TEXT}, id)"
    )
    if has_fts(db):
        _make_index(db)
    else:
        _set_stale(db)


def read_anew(db: sqlite3.Connection) -> None:
    """Let all jobs be read in, where they were written by other ways than `keep`."""
    db.execute(f"UPDATE jobs SET {TEXT} = NULL")  # noqa: S608 - a constant, as all names below


def follow(db: sqlite3.Connection, before: Row, after: Row) -> None:
    """Keep the words of a row that has changed, where the change is about them."""
    if after.forgotten_at is not None:
        drop(db, after.id)
        return
    answered = after.state in REUSABLE and before.state not in REUSABLE
    if answered or (before.name, before.request) != (after.name, after.request):
        keep(db, after)


def keep(db: sqlite3.Connection, row: Row) -> None:
    """Keep the words of a row, and of its body as it is now."""
    found = db.execute("SELECT body FROM bodies WHERE job_id = ?", (row.id,)).fetchone()
    words = text_of(row, None if found is None else str(found[0]))
    before = _drop(db, row.id)
    number = db.execute("INSERT INTO texts (n, words) VALUES (?, ?)", (before, words)).lastrowid
    if before is None:
        db.execute(f"UPDATE jobs SET {TEXT} = ? WHERE id = ?", (number, row.id))  # noqa: S608
    if is_indexed(db):
        db.execute(f"INSERT INTO {INDEX} (rowid, words) VALUES (?, ?)", (number, words))  # noqa: S608
    else:
        _set_stale(db)


def drop(db: sqlite3.Connection, job_id: str) -> None:
    """Take the words of a job away; `tidy` takes their traces out of the index."""
    _drop(db, job_id)
    db.execute(f"UPDATE jobs SET {TEXT} = 0 WHERE id = ?", (job_id,))  # noqa: S608


def _drop(db: sqlite3.Connection, job_id: str) -> int | None:
    """Take the words of a job away; give their number, where it had any."""
    sql = f"SELECT n, words FROM jobs JOIN texts ON n = {TEXT} WHERE id = ?"  # noqa: S608
    found = db.execute(sql, (job_id,)).fetchone()
    if found is None:
        return None
    number, words = found
    if is_indexed(db):
        sql = f"INSERT INTO {INDEX} ({INDEX}, rowid, words) VALUES ('delete', ?, ?)"  # noqa: S608
        db.execute(sql, (number, words))
    else:
        _set_stale(db)
    db.execute("DELETE FROM texts WHERE n = ?", (number,))
    return int(number)


def tidy(db: sqlite3.Connection) -> str:
    """Leave nothing of dropped words in the index; give why that cannot be, or an empty text."""
    if not _has_index(db):
        return ""
    if not has_fts(db):
        return "its index of words needs an SQLite with FTS5, and this Python's has none"
    if _is_stale(db):
        _mend_index(db)
        return ""
    # The words of what is deleted stay until the parts of the index are joined: bit by bit, so that nobody waits long.
    pages = -_PAGES_AT_ONCE
    while True:
        before = db.total_changes
        db.execute(f"INSERT INTO {INDEX} ({INDEX}, rank) VALUES ('merge', ?)", (pages,))  # noqa: S608
        if db.total_changes - before < 2:
            return ""
        pages = _PAGES_AT_ONCE


def read_in(db: sqlite3.Connection, seconds: float) -> int:
    """Read words of jobs that a search does not reach yet, the newest first; give how many are left."""
    if _is_stale(db) and has_fts(db):
        _mend_index(db)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sql = f"SELECT * FROM jobs WHERE {TEXT} IS NULL ORDER BY created_at DESC LIMIT ?"  # noqa: S608
        found = db.execute(sql, (_AT_ONCE,)).fetchall()
        if not found:
            break
        for item in found:
            row = row_of(item)
            if row.forgotten_at is None:
                keep(db, row)
            else:
                drop(db, row.id)
    return unread(db)


def unread(db: sqlite3.Connection) -> int:
    """Count the jobs that a search does not reach yet."""
    return int(db.execute(f"SELECT count(*) FROM jobs WHERE {TEXT} IS NULL").fetchone()[0])  # noqa: S608


Total = tuple[int, float, float, int]
"""How many jobs fit, what they cost as reported and as estimated, and how many have an unknown cost."""


def total(db: sqlite3.Connection, wanted: Wanted) -> Total:
    """Sum up the jobs that fit."""
    where, values = _conditions(db, wanted)
    found = db.execute(f"SELECT {_SUMS} FROM jobs INDEXED BY jobs_history WHERE {where}", values).fetchone()  # noqa: S608
    count, reported, estimated, unknown = found
    return count, reported, estimated, unknown


def page(db: sqlite3.Connection, wanted: Wanted, limit: int, offset: int, count: int) -> list[Any]:
    """Give a page of the `count` jobs that fit, newest first, as they are kept."""
    limit = max(0, min(limit, count - offset))
    if not limit:
        return []
    where, values = _conditions(db, wanted)
    # What is nearer to the oldest is reached from there.
    order, skipped = ("DESC", offset) if offset <= count / 2 else ("ASC", count - offset - limit)
    ids = f"SELECT id FROM jobs INDEXED BY jobs_history WHERE {where} ORDER BY created_at {order} LIMIT ? OFFSET ?"  # noqa: S608
    return db.execute(
        f"SELECT * FROM jobs WHERE id IN ({ids}) ORDER BY created_at DESC",  # noqa: S608
        (*values, limit, skipped),
    ).fetchall()


def counter(db: sqlite3.Connection) -> str:
    """Give the number of the last change to any row."""
    return str(db.execute("SELECT value FROM meta WHERE name = 'seq'").fetchone()[0])


def spent(db: sqlite3.Connection, base_url: str, since: float | None, until: float | None) -> list[Spent]:
    """Give what jobs asked in a time cost, by day, notebook, model and effort; they count as in the running totals."""
    found = db.execute(
        f"SELECT day, notebook, asked_model, effort, {_SUMS},"  # noqa: S608
        f" count(*) FILTER (WHERE {IS_OPEN}), count(*) FILTER (WHERE {_HAD}) + sum(lost) AS had, sum(lost)"
        " FROM jobs WHERE created_at >= ? AND created_at < ?"
        " AND base_url = ? GROUP BY day, notebook, asked_model, effort HAVING had",
        (since or 0.0, 1e15 if until is None else until, base_url),
    )
    return [
        Spent(day, notebook, model, effort, had, reported, estimated, running, unknown + lost)
        for day, notebook, model, effort, _, reported, estimated, unknown, running, had, lost in map(
            tuple, found
        )
    ]


def _conditions(db: sqlite3.Connection, wanted: Wanted) -> tuple[str, list[Any]]:
    conditions: list[str] = ["1"]
    values: list[Any] = []
    if wanted.states is not None:
        conditions.append(f"state IN ({', '.join('?' for _ in wanted.states)})")
        values.extend(wanted.states)
    for condition, value in (
        ("notebook = ?", wanted.notebook),
        ("created_at >= ?", wanted.since),
        ("created_at < ?", wanted.until),
        ("cost >= ?", wanted.cost_from),
        ("cost <= ?", wanted.cost_to),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if wanted.cost_unknown:
        conditions.append(_MAY_COST)
    phrases = phrases_of(wanted.search)
    if wanted.search.strip() and not phrases:
        # Signs alone: no text holds them as words.
        conditions.append("0")
    elif phrases and is_indexed(db):
        conditions.append(f"{TEXT} IN (SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH ?)")  # noqa: S608
        values.append(match_of(phrases))
    elif phrases:
        scan = " AND ".join("instr(' ' || words, ?)" for _ in phrases)
        conditions.append(f"{TEXT} IN (SELECT n FROM texts WHERE {scan})")  # noqa: S608
        values.extend(f" {phrase}" for phrase in phrases)
    return " AND ".join(conditions), values


def _make_index(db: sqlite3.Connection) -> None:
    # `ascii` takes every other character for a letter: what is folded into words is split at its spaces alone.
    db.execute(
        f"CREATE VIRTUAL TABLE {INDEX} USING fts5(words, content='texts', content_rowid='n', tokenize='ascii', prefix='1 2 3')"
    )


def _mend_index(db: sqlite3.Connection) -> None:
    if not _has_index(db):
        _make_index(db)
    db.execute(f"INSERT INTO {INDEX} ({INDEX}) VALUES ('rebuild')")  # noqa: S608
    db.execute("DELETE FROM meta WHERE name = ?", (_STALE,))


def _has_index(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (INDEX,)).fetchone() is not None


def _is_stale(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM meta WHERE name = ?", (_STALE,)).fetchone() is not None


def is_indexed(db: sqlite3.Connection) -> bool:
    """Whether the index is there, can be used, and holds what the texts hold."""
    return has_fts(db) and not _is_stale(db)


def _set_stale(db: sqlite3.Connection) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (_STALE,))
