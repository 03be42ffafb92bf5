"""What a broken ledger still holds, and how it goes into a new one.

Whatever cannot be told for certain is taken as the case in which nothing is bought twice: an intent
counts as perhaps sent, and a job whose answer is gone is asked about again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger.budgets import PERIODS
from pplx_jupyter.ledger.records import OPEN, REUSABLE, SETTLED
from pplx_jupyter.ledger.sqlite.columns import RowBroken, bind, row_of
from pplx_jupyter.ledger.sqlite.pages import records
from pplx_jupyter.ledger.sqlite.schema import MENDED, MIGRATIONS, VERSION, count_all
from pplx_jupyter.ledger.sqlite.search import read_anew

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplx_jupyter.ledger.sqlite.pages import Record

__all__ = ["Salvage", "fill", "salvaged"]

_STATES = {*OPEN, *SETTLED, "unconfirmed"}
_MARGIN = 1_000
"""By how much the counter of changes is moved on: what is lost may have been counted, too."""


@dataclasses.dataclass(slots=True)
class Salvage:
    """What could be read. Jobs are rows as SQLite keeps them, bodies and their times are by job, images by job and number.

    Attributes
    ----------
    about
        What the ledger knew of itself: its salt, its counter.
    """

    jobs: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    bodies: dict[str, tuple[str, float]] = dataclasses.field(default_factory=dict)
    pictures: dict[tuple[str, int], tuple[str, bytes]] = dataclasses.field(default_factory=dict)
    budgets: dict[tuple[str, str], float] = dataclasses.field(default_factory=dict)
    retired: dict[str, float] = dataclasses.field(default_factory=dict)
    owners: dict[str, Record] = dataclasses.field(default_factory=dict)
    about: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def is_ledger(self) -> bool:
        """Whether anything in it shows that it was a ledger, and not some other file."""
        return bool(self.jobs) or {"salt", "seq"} <= set(self.about)

    @property
    def answers(self) -> int:
        """How many jobs have their answer."""
        return sum(values["state"] in REUSABLE and job in self.bodies for job, values in self.jobs.items())


def salvaged(path: Path, log: Path) -> Salvage:
    """Read what can be read of a broken ledger and its log; neither is changed."""
    found = Salvage()
    columns = _columns()
    for record in records(path, log):
        if columns.first <= len(record) <= len(columns.defaults):
            _take_job(found, record)
        elif len(record) in _SHORT:
            _SHORT[len(record)](found, record)
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of the jobs.

    Attributes
    ----------
    first
        How many the first version had: rows that are older than a column end before it.
    defaults
        The value of each, by name, where a row does not have it.
    needed
        Those that are never NULL.
    """

    first: int
    defaults: dict[str, Any]
    needed: frozenset[str]


@functools.cache
def _columns() -> _Columns:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        counts = []
        for step in MIGRATIONS:
            step(db)
            columns = db.execute("PRAGMA table_info(jobs)").fetchall()
            counts.append(len(columns))
    defaults = {name: _default(kind, value) for _, name, kind, _, value, _ in columns}
    return _Columns(counts[0], defaults, frozenset(name for _, name, _, needed, _, _ in columns if needed))


def _default(kind: str, text: str | None) -> Any:
    if text is None:
        return None
    return text.strip("'") if kind == "TEXT" else float(text) if kind == "REAL" else int(text)


def _take_job(found: Salvage, record: Record) -> None:
    columns = _columns()
    values = {**columns.defaults, **dict(zip(columns.defaults, record, strict=False))}
    if any(values[name] is None for name in columns.needed) or not isinstance(values["id"], str):
        return
    try:
        row = row_of(values)
    except RowBroken:
        return
    texts = (row.fingerprint, row.base_url, row.remote_id, row.backend, row.model)
    times = (row.created_at, row.due_at, row.sending_at or 0, row.settled_at or 0, row.accepted_at or 0)
    counts = (row.seq, row.tries, row.lost)
    if row.state not in _STATES or not isinstance(row.request, dict):
        return
    if not all(isinstance(each, str) for each in texts) or not all(isinstance(each, int) for each in counts):
        return
    if not all(isinstance(each, int | float) for each in times):
        return
    known = found.jobs.get(row.id)
    # A page that was given up may hold an older copy.
    if known is None or known["seq"] < row.seq:
        found.jobs[row.id] = values


def _take_two(found: Salvage, record: Record) -> None:
    name, value = record
    if not isinstance(name, str):
        return
    if isinstance(value, str):
        found.about[name] = value
    elif isinstance(value, int | float):
        found.retired[name] = float(value)


def _take_three(found: Salvage, record: Record) -> None:
    first, second, third = record
    if not isinstance(first, str) or not isinstance(second, str) or not isinstance(third, int | float):
        return
    if first in PERIODS:
        found.budgets[first, second] = float(third)
    elif first not in found.bodies or found.bodies[first][1] < third:
        found.bodies[first] = (second, float(third))


def _take_four(found: Salvage, record: Record) -> None:
    job, number, url, data = record
    if isinstance(job, str) and isinstance(number, int) and isinstance(url, str) and isinstance(data, bytes):
        found.pictures[job, number] = (url, data)


def _take_six(found: Salvage, record: Record) -> None:
    kinds = (str, str, str, int, str, (int, float))
    if all(isinstance(value, kind) for value, kind in zip(record, kinds, strict=True)):  # type: ignore[arg-type]
        found.owners[record[0]] = record


_SHORT: dict[int, Callable[[Salvage, Record], None]] = {
    2: _take_two,
    3: _take_three,
    4: _take_four,
    6: _take_six,
}


def fill(db: sqlite3.Connection, found: Salvage, line: str) -> None:
    """Make a new ledger of what was read.

    Parameters
    ----------
    db
        An empty database, with no transaction open.
    line
        What is to be told before anything is bought, see `MENDED`.
    """
    db.execute("BEGIN IMMEDIATE")
    for step in MIGRATIONS:
        step(db)
    db.execute(f"PRAGMA user_version = {VERSION}")
    for job, values in found.jobs.items():
        safe = _made_safe(values, has_body=job in found.bodies)
        marks = ", ".join("?" for _ in safe)
        db.execute(f"INSERT INTO jobs ({', '.join(safe)}) VALUES ({marks})", list(safe.values()))  # noqa: S608
    db.executemany(
        "INSERT INTO bodies VALUES (?, ?, ?)",
        [(job, *body) for job, body in found.bodies.items() if job in found.jobs],
    )
    db.executemany(
        "INSERT INTO pictures VALUES (?, ?, ?, ?)",
        [(*key, *picture) for key, picture in found.pictures.items() if key[0] in found.jobs],
    )
    db.executemany("INSERT INTO budgets VALUES (?, ?, ?)", [(*k, v) for k, v in found.budgets.items()])
    db.executemany("INSERT INTO retired VALUES (?, ?)", found.retired.items())
    db.executemany("INSERT INTO owners VALUES (?, ?, ?, ?, ?, ?)", found.owners.values())
    seqs = [values["seq"] for values in found.jobs.values()]
    with contextlib.suppress(ValueError):
        seqs.append(int(found.about.get("seq", "0")))
    about = {**found.about, "seq": str(max(seqs, default=0) + _MARGIN), MENDED: line}
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", about.items())
    count_all(db)
    read_anew(db)
    db.execute("COMMIT")


def _made_safe(values: dict[str, Any], *, has_body: bool) -> dict[str, Any]:
    """Give a job as it can be trusted: what was read may be older than what happened."""
    if values["state"] == "submitting" and values["sending_at"] is None:
        return {**values, "sending_at": values["created_at"]}
    if values["state"] not in REUSABLE or has_body or values["forgotten_at"] is not None:
        return values
    if values["remote_id"]:
        return {**values, "state": "running", "settled_at": None, "due_at": time.time(), "owner": ""}
    lost = {
        "kind": "failed",
        "said": "Its answer was lost with a broken ledger.",
        "accepted": True,
        "cost": values["cost"],
    }
    return {**values, "state": "failed", "failure": bind("failure", lost)}
