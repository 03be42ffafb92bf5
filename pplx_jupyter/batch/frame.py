"""The result of a batch: a data frame in the rows' order; a list of dicts where pandas is not installed."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

from pplx_jupyter.batch.standing import first_rows
from pplx_jupyter.schema import columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.batch.questions import Table
    from pplx_jupyter.batch.standing import Standing

__all__ = ["frame_of"]

_OURS = ("answer", "state", "reason", "cost", "sources", "job")
_KINDS = {
    "cost": "float64",
    "sources": "Int64",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
}


def frame_of(
    table: Table,
    standings: Sequence[Standing],
    answers: Sequence[Answer | None],
    schema: Mapping[str, Any] | None,
) -> Any:
    """Give the input columns, the schema's, and ours: answer, state, reason, cost, sources, job.

    Of rows that ask the same, and share a job, the first has its cost, and the others 0: the column adds up.
    A column of ours, or of the schema, whose name the input has already ends in ``_answer``.
    """
    fields = columns_of(schema) if schema is not None else {}
    taken = set(table.columns)
    of_schema = {name: _free(name, taken) for name in fields}
    ours = {name: _free(name, taken) for name in _OURS}
    rows: list[dict[str, Any]] = []
    for number, first in enumerate(first_rows(standings)):
        record, standing, answer = table.records[number], standings[number], answers[number]
        values = _values(answer, fields) if standing.has_answer else {}
        row = {name: record.get(name) for name in table.columns}
        row |= {of_schema[name]: values.get(name) for name in fields}
        told = (
            None if answer is None else answer.text,
            standing.word,
            standing.reason,
            standing.cost if first == number else 0.0,
            None if answer is None else len(answer.sources),
            standing.job,
        )
        rows.append(row | dict(zip(ours.values(), told, strict=True)))
    kinds = {ours[name]: _KINDS[name] for name in ("cost", "sources")}
    kinds |= {of_schema[name]: _KINDS[kind] for name, kind in fields.items() if kind in _KINDS}
    return _frame(table, rows, kinds)


def _free(name: str, taken: set[str]) -> str:
    found = name
    while found in taken:
        found += "_answer"
    taken.add(found)
    return found


def _values(answer: Answer | None, fields: Mapping[str, str]) -> Mapping[str, Any]:
    value = None if answer is None else answer.json
    if isinstance(value, dict):
        return value
    return {"parsed": value} if set(fields) == {"parsed"} else {}


def _frame(table: Table, rows: list[dict[str, Any]], kinds: Mapping[str, str]) -> Any:
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        return rows
    frame = pandas.DataFrame(rows, index=table.index)
    for name, kind in kinds.items():
        with contextlib.suppress(OverflowError, TypeError, ValueError):
            # A number that is too large for its kind must not hide all other rows: its column stays as it came.
            frame[name] = frame[name].astype(kind)
    return frame
