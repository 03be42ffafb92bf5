"""Batches in SQLite: what is parked is let out as `pplx_jupyter.ledger.gate` and the account's rate allow."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from pplx_jupyter.ledger.budgets import day_of
from pplx_jupyter.ledger.gate import PARKED, Gate
from pplx_jupyter.ledger.rates import WINDOW, Rate, Sent, learnt, room
from pplx_jupyter.ledger.sqlite import totals
from pplx_jupyter.ledger.sqlite.columns import IS_OPEN, row_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from pplx_jupyter.ledger.records import Row

__all__ = [
    "gate_of",
    "rate_and_sent",
    "release",
    "set_gate",
    "slow_down",
    "unsent_elsewhere",
]

_UNSENT = "state = 'submitting' AND sending_at IS NULL AND cancel = ''"


def gate_of(db: sqlite3.Connection, batch: str) -> Gate | None:
    """Give a batch's gate; None where there is no such batch."""
    found = db.execute("SELECT value FROM meta WHERE name = ?", (f"batch {batch}",)).fetchone()
    return None if found is None else Gate.from_text(found[0])


def unsent_elsewhere(db: sqlite3.Connection, batch: str, job_ids: Sequence[str]) -> list[Row]:
    """Give those of the rows that have not left and are another batch's."""
    found = db.execute(
        f"SELECT * FROM jobs WHERE {_UNSENT} AND batch NOT IN ('', ?)"  # noqa: S608
        " AND id IN (SELECT value FROM json_each(?))",
        (batch, json.dumps(list(job_ids))),
    )
    return [row_of(each) for each in found.fetchall()]


def set_gate(db: sqlite3.Connection, batch: str, gate: Gate) -> None:
    """Set a batch's gate; where it is shut, what was let out and has not left waits again."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"batch {batch}", gate.to_text()))
    if gate.paused:
        db.execute(
            f"UPDATE jobs SET due_at = ? WHERE batch = ? AND {_UNSENT}",  # noqa: S608
            (PARKED, batch),
        )


def release(db: sqlite3.Connection, account: str, now: float) -> int:
    """Make the parked intents due whose turn it is, oldest first; give how many.

    Called first without a lock, where nothing is changed as long as nobody's turn has come.
    """
    waiting = db.execute(
        f"SELECT batch, backend FROM jobs WHERE {IS_OPEN} AND due_at >= ? AND account = ? GROUP BY batch, backend",  # noqa: S608
        (PARKED, account),
    ).fetchall()
    released = 0
    for batch, backend in waiting:
        gate = gate_of(db, batch) or Gate()
        if gate.paused:
            continue
        busy = db.execute(
            f"SELECT count(*) FROM jobs WHERE batch = ? AND {IS_OPEN} AND due_at < ?",  # noqa: S608
            (batch, PARKED),
        ).fetchone()[0]
        # Those that were let out, and have not left: the rate does not count them yet.
        due = db.execute(
            f"SELECT count(*) FROM jobs WHERE {IS_OPEN} AND due_at < ? AND account = ? AND backend = ?"  # noqa: S608
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
        f"SELECT id FROM jobs WHERE batch = ? AND {IS_OPEN} AND due_at >= ? AND account = ? AND backend = ?"  # noqa: S608
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
        " WHERE sending_at > ? AND sending_at < ? AND account = ? AND backend = ?",
        (since, since + 2 * WINDOW, account, backend),
    ).fetchone()
    return Sent(int(found[0]), int(found[1]), found[2])


def slow_down(db: sqlite3.Connection, account: str, backend: str, now: float, told: float | None) -> None:
    """Keep what a 429 teaches."""
    before = rate_of(db, account, backend)
    rate = learnt(before, sent(db, account, backend, now - WINDOW), now, told)
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"rate {account} {backend}", rate.to_text()))
