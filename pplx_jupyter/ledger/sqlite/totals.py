"""The running totals and the budgets in SQLite: kept in the transaction that changes a row."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplx_jupyter.ledger.budgets import Budget, Sums, first_refusal, keys_of, limits_of, sums_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from pplx_jupyter.ledger.budgets import Refusal
    from pplx_jupyter.ledger.expected import Expected
    from pplx_jupyter.ledger.records import Row

__all__ = ["add", "add_all", "budgets", "move", "refusal_of", "remove", "sums_at", "sums_by_key"]

_COLUMNS = (
    "jobs",
    "reported",
    "estimated",
    "running",
    "running_low",
    "running_high",
    "unknown",
    "unknown_high",
)
_LISTED = ", ".join(_COLUMNS)
_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in _COLUMNS)


def add(db: sqlite3.Connection, row: Row) -> None:
    """Count a row that is new."""
    _apply(db, row, sums_of(row))


def remove(db: sqlite3.Connection, row: Row) -> None:
    """Count a row no longer."""
    _apply(db, row, Sums() - sums_of(row))


def add_all(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Count many rows: added up here first, and written once a total."""
    found: dict[tuple[str, str, str], Sums] = {}
    for row in rows:
        sums = sums_of(row)
        for scope, key in keys_of(row.notebook, row.day, row.run, row.asked_model).items():
            at = (scope, key, row.base_url)
            found[at] = found.get(at, Sums()) + sums
    _write(db, [(*at, sums) for at, sums in found.items() if sums != Sums()])


def move(db: sqlite3.Connection, before: Row, after: Row) -> None:
    """Count what has changed between two states of a row; most changes are not about money, and cost nothing."""
    old, new = sums_of(before), sums_of(after)
    if _keys(before) == _keys(after):
        if old != new:
            _apply(db, after, new - old)
        return
    _apply(db, before, Sums() - old)
    _apply(db, after, new)


def sums_by_key(db: sqlite3.Connection, scope: str, base_url: str) -> dict[str, Sums]:
    """Give all totals of a scope."""
    found = db.execute(
        f"SELECT key, {_LISTED} FROM totals WHERE scope = ? AND base_url = ? ORDER BY key",  # noqa: S608
        (scope, base_url),
    )
    return {str(key): Sums(*values) for key, *values in map(tuple, found)}


def sums_at(db: sqlite3.Connection, scope: str, base_url: str, key: str) -> Sums:
    """Give one total; nothing where there is none."""
    found = db.execute(
        f"SELECT {_LISTED} FROM totals WHERE scope = ? AND base_url = ? AND key = ?",  # noqa: S608
        (scope, base_url, key),
    ).fetchone()
    return Sums(*found) if found else Sums()


def budgets(db: sqlite3.Connection) -> list[Budget]:
    """Give the budgets that a person has set."""
    return [
        Budget(*item) for item in db.execute("SELECT scope, key, amount FROM budgets ORDER BY scope, key")
    ]


def refusal_of(
    db: sqlite3.Connection,
    keys: Mapping[str, str],
    base_url: str,
    usual: Expected,
    setting: float | None,
    *,
    freed: float = 0.0,
) -> Refusal | None:
    """Give why a question does not fit the budgets that hold for it, or None.

    Parameters
    ----------
    keys
        Of the question, see `pplx_jupyter.ledger.budgets.keys_of`.
    freed
        US dollars that are kept aside for this very job already.
    """
    limits = limits_of(keys, budgets(db), setting)
    sums = {limit.scope: sums_at(db, limit.scope, base_url, limit.key) for limit in limits}
    refusal = first_refusal(limits, sums, usual.low, usual.set_aside, freed=freed)
    if refusal is None:
        return None
    return dataclasses.replace(refusal, day=sums_at(db, "day", base_url, keys["day"]))


def _keys(row: Row) -> dict[str, str]:
    return {**keys_of(row.notebook, row.day, row.run, row.asked_model), "address": row.base_url}


def _apply(db: sqlite3.Connection, row: Row, sums: Sums) -> None:
    if sums == Sums():
        return
    keys = keys_of(row.notebook, row.day, row.run, row.asked_model)
    _write(db, [(scope, key, row.base_url, sums) for scope, key in keys.items()])


def _write(db: sqlite3.Connection, added: Iterable[tuple[str, str, str, Sums]]) -> None:
    db.executemany(
        f"INSERT INTO totals (scope, key, base_url, {_LISTED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        f" ON CONFLICT (scope, base_url, key) DO UPDATE SET {_ADDED}",
        [(scope, key, base_url, *sums.values()) for scope, key, base_url, sums in added],
    )
