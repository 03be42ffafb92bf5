"""The rows of a table as questions: each row fills the prompt's ``{{ name }}`` with its own values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.render.words import one_line
from pplx_jupyter.request import Request
from pplx_jupyter.template import fill, names_in

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Question", "Table", "questions_of", "read_table"]

_ROW = "row"
"""The name by which a prompt gets at a column whose name is none of Python's: ``{{ row["Net sales"] }}``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Rows as plain records.

    Attributes
    ----------
    columns
        The names of all columns, in their order.
    index
        The labels of the rows of a data frame, which its result has, too; None where there are none.
    """

    records: Sequence[Mapping[str, Any]]
    columns: Sequence[str]
    index: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """What one row asks.

    Attributes
    ----------
    label
        What the row is called in tables: the first column that its prompt uses.
    filled
        Each expression of the prompt with the text that took its place.
    """

    label: str
    request: Request
    filled: Mapping[str, str]


def read_table(rows: Any) -> Table:
    """Read a data frame (pandas, polars) or an iterable of mappings.

    Raises
    ------
    RequestError
        It is none of these, or empty; nothing was sent.
    """
    index = None
    if hasattr(rows, "to_dicts"):
        records = rows.to_dicts()
    elif hasattr(rows, "columns") and hasattr(rows, "to_dict"):
        records, index = rows.to_dict("records"), rows.index
    elif isinstance(rows, Iterable) and not isinstance(rows, str | bytes | Mapping):
        records = list(rows)
    else:
        raise RequestError(
            f"rows: {type(rows).__name__} is no table; give a data frame or a list of dicts. Nothing was sent."
        )
    wrong = next((n for n, record in enumerate(records, 1) if not isinstance(record, Mapping)), None)
    if wrong is not None:
        raise RequestError(
            f"rows: row {wrong} is {type(records[wrong - 1]).__name__}, not a dict of its columns. Nothing was sent."
        )
    if not records:
        raise RequestError("rows: there are none. Nothing was sent.")
    plain = [{str(name): value for name, value in record.items()} for record in records]
    return Table(plain, list(dict.fromkeys(name for record in plain for name in record)), index)


def questions_of(
    template: str, table: Table, fields: Mapping[str, Any], names: Mapping[str, Any] | None = None
) -> list[Question]:
    """Give the question of each row.

    Parameters
    ----------
    fields
        Further fields of each Request.
    names
        What the prompt may use besides the row's columns: a notebook's variables.

    Raises
    ------
    RequestError
        The prompt uses no column, a value that it uses is missing, or a field is wrong; nothing was sent.
    """
    needed = names_in(template)
    used = [column for column in table.columns if column in needed]
    if not used and _ROW not in needed:
        shown = ", ".join(f"{{{{ {name} }}}}" for name in table.columns[:4])
        raise RequestError(
            f"the prompt uses no column of the rows, so that all would ask the same: write {shown} in it. Nothing was sent."
        )
    others = dict(names or {})
    first: Request | None = None
    found: list[Question] = []
    for number, record in enumerate(table.records, 1):
        _check_there(number, record, used)
        try:
            prompt, filled = fill(template, {**others, **record, _ROW: record})
        except PplxError as error:
            raise type(error)(f"row {number}: {error}") from None
        prompt = prompt.strip("\n")
        first = Request.build(prompt=prompt, **fields) if first is None else first
        label = one_line(str(record[(used or table.columns)[0]]), 80)
        found.append(Question(label, first.replace(prompt=prompt), filled))
    return found


def _check_there(number: int, record: Mapping[str, Any], used: Sequence[str]) -> None:
    """Refuse a row that lacks what its prompt needs: a question about “nan” would be paid for."""
    for name in used:
        value = record.get(name)
        if value is None or _is_missing(value) or (isinstance(value, str) and not value.strip()):
            raise RequestError(
                f"row {number}: its {name} is missing, and the prompt uses it; fill it in, or drop the row. Nothing was sent."
            )


def _is_missing(value: Any) -> bool:
    try:
        # NaN and NaT differ from themselves; pandas' NA refuses to say.
        return bool(value != value)  # noqa: PLR0124
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"
