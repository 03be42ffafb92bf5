"""Batches in SQLite: intents that are parked until it is their turn, and the gate that lets them out.

A parked intent is never due. It is let out when fewer of its batch are under way than the gate allows,
and the account's rate has room: whichever process watches does it, so that a batch outlives its kernel.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Self

from pplx_jupyter.ledger import totals
from pplx_jupyter.ledger.budgets import day_of
from pplx_jupyter.ledger.columns import row_of
from pplx_jupyter.ledger.rates import WINDOW, Rate, Sent, learnt, room

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "PARKED",
    "Gate",
    "gate_of",
    "is_parked",
    "rate_and_sent",
    "release",
    "set_gate",
    "slow_down",
]

PARKED = 32_503_680_000.0
"""When a parked intent is due: in the year 3000."""

_OPEN = "state IN ('submitting', 'queued', 'running')"


@dataclasses.dataclass(frozen=True, slots=True)
class Gate:
    """How a batch's questions leave.

    Attributes
    ----------
    at_once
        How many of them are under way at most.
    paused
        Why none leaves: ``""`` (they do), ``"user"``, or the kind of the refusal that every further one would meet.
    began
        When its latest run that asks all anew began, in seconds since the epoch; 0 for one that reuses answers.
    """

    at_once: int = 10
    paused: str = ""
    began: float = 0.0

    @classmethod
    def from_text(cls, kept: str) -> Self:
        """Read what the ledger kept; what a newer version kept besides is left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in json.loads(kept).items() if name in known})


def is_parked(due_at: float) -> bool:
    """Whether an intent waits for its turn in a batch."""
    return due_at >= PARKED


def gate_of(db: sqlite3.Connection, batch: str) -> Gate | None:
    """Give a batch's gate; None where there is no such batch."""
    found = db.execute("SELECT value FROM meta WHERE name = ?", (f"batch {batch}",)).fetchone()
    return None if found is None else Gate.from_text(found[0])


def set_gate(db: sqlite3.Connection, batch: str, gate: Gate) -> None:
    """Set a batch's gate."""
    text = json.dumps(dataclasses.asdict(gate))
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"batch {batch}", text))


def release(db: sqlite3.Connection, account: str, now: float) -> int:
    """Make the parked intents due whose turn it is, oldest first; give how many.

    Called first without a lock, where nothing is changed as long as nobody's turn has come.
    """
    waiting = db.execute(
        f"SELECT batch, backend FROM jobs WHERE {_OPEN} AND due_at >= ? AND account = ? GROUP BY batch, backend",  # noqa: S608
        (PARKED, account),
    ).fetchall()
    released = 0
    for batch, backend in waiting:
        gate = gate_of(db, batch) or Gate()
        if gate.paused:
            continue
        busy = db.execute(
            f"SELECT count(*) FROM jobs WHERE batch = ? AND {_OPEN} AND due_at < ?",  # noqa: S608
            (batch, PARKED),
        ).fetchone()[0]
        # Those that were let out, and have not left: the rate does not count them yet.
        due = db.execute(
            f"SELECT count(*) FROM jobs WHERE {_OPEN} AND due_at < ? AND account = ? AND backend = ?"  # noqa: S608
            " AND state = 'submitting' AND sending_at IS NULL",
            (PARKED, account, backend),
        ).fetchone()[0]
        free = room(*rate_and_sent(db, account, backend, now), now) - due
        count = min(gate.at_once - int(busy), free)
        if count > 0:
            released += _let_out(db, batch, account, backend, now=now, count=count)
    return released


def _let_out(
    db: sqlite3.Connection, batch: str, account: str, backend: str, *, now: float, count: int
) -> int:
    if not db.in_transaction:
        return count
    chosen = (
        f"SELECT id FROM jobs WHERE batch = ? AND {_OPEN} AND due_at >= ? AND account = ? AND backend = ?"  # noqa: S608
        " ORDER BY created_at, rowid LIMIT ?"
    )
    found = db.execute(chosen, (batch, PARKED, account, backend, count)).fetchall()
    ids = json.dumps([job_id for (job_id,) in found])
    _count_today(db, ids, day_of(now))
    db.execute("UPDATE jobs SET due_at = ? WHERE id IN (SELECT value FROM json_each(?))", (now, ids))
    return len(found)


def _count_today(db: sqlite3.Connection, ids: str, today: str) -> None:
    """Let rows that have waited over midnight count for the day on which they leave."""
    waited = "SELECT * FROM jobs WHERE day <> ? AND id IN (SELECT value FROM json_each(?))"
    for row in map(row_of, db.execute(waited, (today, ids)).fetchall()):
        db.execute("UPDATE jobs SET day = ? WHERE id = ?", (today, row.id))
        totals.move(db, row, dataclasses.replace(row, day=today))


def rate_and_sent(db: sqlite3.Connection, account: str, backend: str, now: float) -> tuple[Rate | None, Sent]:
    """Give what is known of an account's rate, and what it has sent within that rate's window."""
    rate = rate_of(db, account, backend)
    return rate, sent(db, account, backend, now - (WINDOW if rate is None else rate.window))


def rate_of(db: sqlite3.Connection, account: str, backend: str) -> Rate | None:
    """Give what refusals have taught of an account's rate on one of the APIs."""
    found = db.execute("SELECT value FROM meta WHERE name = ?", (f"rate {account} {backend}",)).fetchone()
    return None if found is None else Rate.from_text(found[0])


def sent(db: sqlite3.Connection, account: str, backend: str, since: float) -> Sent:
    """Give what an account has sent since a moment."""
    found = db.execute(
        "SELECT count(*), count(accepted_at), min(sending_at) FROM jobs INDEXED BY jobs_sent"
        " WHERE sending_at > ? AND account = ? AND backend = ?",
        (since, account, backend),
    ).fetchone()
    return Sent(int(found[0]), int(found[1]), found[2])


def slow_down(db: sqlite3.Connection, account: str, backend: str, now: float, told: float | None) -> None:
    """Keep what a 429 teaches."""
    before = rate_of(db, account, backend)
    rate = learnt(before, sent(db, account, backend, now - WINDOW), now, told)
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"rate {account} {backend}", rate.to_text()))
