"""A row of the ledger as SQLite keeps it, and back."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger.records import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IS_OPEN", "RowBroken", "bind", "row_of"]

IS_OPEN = "state IN ('submitting', 'queued', 'running')"
"""In words, not as parameters: SQLite takes an index of open rows only for a condition that it can read."""

_JSON = ("request", "filled", "trouble", "failure", "progress", "expected")
_BOOL = ("pinned", "moved", "cost_estimated")
_KNOWN = frozenset(field.name for field in dataclasses.fields(Row))


class RowBroken(sqlite3.DatabaseError):
    """A row holds what was never written there: a part of the file was overwritten."""


def bind(column: str, value: Any) -> Any:
    """Give a value of a row as it is kept."""
    if column in _JSON and value is not None:
        return json.dumps(value, ensure_ascii=True, default=str)
    if isinstance(value, str):
        # Half a surrogate pair, which JSON can carry, would make SQLite refuse the whole row.
        return value.encode("utf-8", "replace").decode()
    return int(value) if column in _BOOL else value


def row_of(found: Mapping[str, Any]) -> Row:
    """Read a kept row; `found` needs `keys` alone, as a `sqlite3.Row` has.

    Raises
    ------
    RowBroken
        It cannot be read.
    """
    # What is left out is the ledger's own, or of a newer version that took the file over while it was open here.
    values = {name: value for name, value in dict(found).items() if name in _KNOWN}
    for name in _JSON:
        if values[name] is not None:
            try:
                values[name] = json.loads(values[name])
            except (ValueError, TypeError) as error:
                raise RowBroken(f"a row of it cannot be read: {error}") from error
    for name in _BOOL:
        values[name] = bool(values[name])
    return Row(**values)
