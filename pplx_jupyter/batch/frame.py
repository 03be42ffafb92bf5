"""The result of a batch: a data frame in the rows' order; a list of dicts where pandas is not installed."""

from __future__ import annotations

import contextlib
import importlib
from numbers import Integral
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
    A column of ours whose name the input has already ends in ``_answer``, and so does a field of the schema
    that is called as an input column or as one of ours: ``cost`` is always what an answer cost.
    """
    fields = columns_of(schema) if schema is not None else {}
    taken = _taken(table)
    ours = {name: _free(name, taken) for name in _OURS}
    of_schema = {name: _free(name, taken) for name in fields}
    added: list[dict[str, Any]] = []
    for number, first in enumerate(first_rows(standings)):
        standing, answer = standings[number], answers[number]
        values = _values(answer, fields) if standing.has_answer else {}
        told = (
            None if answer is None else str(answer),
            standing.word,
            standing.reason,
            standing.cost if first == number else 0.0,
            None if answer is None else len(answer.sources),
            standing.job,
        )
        row = {of_schema[name]: values.get(name) for name in fields}
        added.append(row | dict(zip(ours.values(), told, strict=True)))
    kinds = {ours[name]: _KINDS[name] for name in ("cost", "sources")}
    kinds |= {of_schema[name]: _KINDS[kind] for name, kind in fields.items() if kind in _KINDS}
    return _frame(table, added, kinds)


def _taken(table: Table) -> set[str]:
    """Give the names that the input has; of columns in levels the first level's, too."""
    if table.frame is None or table.frame.columns.nlevels == 1:
        return set(table.columns)
    return {*table.columns, *(str(name[0]) for name in table.frame.columns)}


def _free(name: str, taken: set[str]) -> str:
    found = name
    while found in taken:
        found += "_answer"
    taken.add(found)
    return found


def _values(answer: Answer | None, fields: Mapping[str, str]) -> Mapping[str, Any]:
    value = None if answer is None else answer.json
    if isinstance(value, dict) and (set(fields) != {"parsed"} or "parsed" in value):
        return value
    return {"parsed": value} if set(fields) == {"parsed"} else {}


def _frame(table: Table, added: list[dict[str, Any]], kinds: Mapping[str, str]) -> Any:
    records = [{name: record.get(name) for name in table.columns} for record in table.records]
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        return [record | row for record, row in zip(records, added, strict=True)]
    frame = _of_records(pandas, records) if table.frame is None else _copy(table.frame)
    new = pandas.DataFrame(added, index=frame.index)
    for name, kind in kinds.items():
        with contextlib.suppress(OverflowError, TypeError, ValueError):
            # A number that is too large for its kind must not hide all other rows: its column stays as it came.
            new[name] = new[name].astype(kind)
    for name in new:
        key = name if frame.columns.nlevels == 1 else (name, *[""] * (frame.columns.nlevels - 1))
        # By position: the labels of rows may stand there twice.
        frame[key] = new[name].array
    return frame


def _copy(frame: Any) -> Any:
    """Give a copy with the kinds of its columns, to which columns of any name can be added."""
    copied = frame.copy()
    if copied.columns.nlevels == 1 and copied.columns.inferred_type != "string":
        # Columns that are categories, such as a pivot's, take no other name.
        copied.columns = copied.columns.astype(object)
    return copied


def _of_records(pandas: Any, records: list[dict[str, Any]]) -> Any:
    """Give a frame; whole numbers stay whole beside a missing one, where pandas would round long ids."""
    frame = pandas.DataFrame(records)
    for name in frame.columns:
        values = [record[name] for record in records]
        known = [value for value in values if value is not None]
        whole = all(isinstance(each, Integral) and not isinstance(each, bool) for each in known)
        if whole and 0 < len(known) < len(values):
            with contextlib.suppress(OverflowError, TypeError):
                frame[name] = pandas.array(values, dtype="Int64")
    return frame
