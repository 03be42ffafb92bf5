"""The rows of a table as questions: each row fills the prompt's ``{{ name }}`` with its own values."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.render.words import one_line
from pplx_jupyter.request import Request
from pplx_jupyter.template import fill, lacking, names_in

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Question", "Table", "questions_of", "read_table"]

_ROW = "row"
"""The name by which a prompt gets at a column whose name is none of Python's: ``{{ row["Net sales"] }}``."""

_EXACT = 2.0**53
"""Below it a float holds each whole number."""

_NAMED = 3
"""So many rows are named that lack what the prompt uses."""

_LOOKUP = re.compile(r"(\w+)(?:\s*\.\s*\w+|\[[^\[\]]*\])*")
"""An expression that takes a value as it is, as ``firm.name`` does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Rows as plain records.

    Attributes
    ----------
    columns
        The names of all columns, in their order.
    frame
        The pandas data frame as it was when it was read, which the result begins with; None for other rows.
    """

    records: Sequence[Mapping[str, Any]]
    columns: Sequence[str]
    frame: Any = None


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


class _Record(dict[str, Any]):
    """A row under the name ``row``: one of its columns at a time, never all at once."""

    def __missing__(self, name: object) -> NoReturn:
        near = difflib.get_close_matches(str(name), list(self), 1)
        end = (
            f'; did you mean {{{{ row["{near[0]}"] }}}}?'
            if near
            else f"; it has {', '.join(list(self)[:4])}."
        )
        raise RequestError(f"the row has no column “{one_line(str(name), 80)}”{end} Nothing was sent.")

    def __repr__(self) -> NoReturn:
        raise RequestError(
            f'{{{{ row }}}} would send every column: write {{{{ row["{next(iter(self), "")}"] }}}} for one. Nothing was sent.'
        )

    __str__ = __repr__


def read_table(rows: Any) -> Table:
    """Read a data frame (pandas, polars) or an iterable of mappings.

    Raises
    ------
    RequestError
        It is none of these, or empty, or two of its columns have one name; nothing was sent.
    """
    frame = None
    if hasattr(rows, "to_dicts"):
        records = rows.to_dicts()
    elif hasattr(rows, "columns") and hasattr(rows, "to_dict"):
        _check_names([rows.columns])
        if _is_pandas(rows):
            # Rows are read once: what a later cell does to the frame is not what was asked.
            frame = rows.copy()
        records = rows.to_dict("records") if frame is None else _records_of(frame)
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
    if frame is None:
        _check_names(records)
    plain = [{str(name): value for name, value in record.items()} for record in records]
    return Table(plain, list(dict.fromkeys(name for record in plain for name in record)), frame)


def _records_of(frame: Any) -> list[dict[Any, Any]]:
    """Give a pandas frame's rows, with whole numbers where pandas made them floats for the sake of a gap.

    One row that lacks a year would ask all the others anew, about "1866.0". A column of floats without a gap is what
    its user wrote, and is asked as it stands.
    """
    records: list[dict[Any, Any]] = frame.to_dict("records")
    for name, kind in frame.dtypes.items():
        known = [record for record in records if not _is_missing(record[name])]
        if getattr(kind, "kind", "") != "f" or len(known) == len(records):
            continue
        if all(float(record[name]).is_integer() and abs(record[name]) < _EXACT for record in known):
            for record in known:
                record[name] = int(record[name])
    return records


def _is_pandas(rows: Any) -> bool:
    # Not imported for it: where there is such a frame, there is pandas.
    return isinstance(rows, getattr(sys.modules.get("pandas"), "DataFrame", ()))


def _check_names(records: Iterable[Iterable[Any]]) -> None:
    """Refuse columns of one name, such as ``1`` and ``"1"``: one would silently take the place of the other."""
    found: dict[str, bool] = {}
    for record in records:
        names: set[str] = set()
        for name in record:
            text, is_text = str(name), isinstance(name, str)
            if text in names or found.setdefault(text, is_text) != is_text:
                raise RequestError(
                    f"rows: two columns are called “{one_line(text, 80)}”; rename one of them. Nothing was sent."
                )
            names.add(text)


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
    others, roots = dict(names or {}), {*used, _ROW}
    check = functools.partial(_check_value, roots=roots)
    is_looked_up = _ROW in needed and _ROW not in table.columns
    wrong: dict[int, PplxError] = {}
    first: Request | None = None
    found: list[Question] = []
    for number, record in enumerate(table.records):
        try:
            prompt, filled = fill(template, others, _own(record, table, used, is_looked_up), check)
        except PplxError as error:
            wrong[number] = error
            if not any(_is_gap(record.get(name)) for name in (table.columns if is_looked_up else used)):
                break
        if wrong:
            continue
        prompt = prompt.strip("\n")
        first = Request.build(prompt=prompt, **fields) if first is None else first
        label = _label(record, (used or table.columns)[0])
        found.append(Question(label, first.replace(prompt=prompt), filled))
    if wrong:
        raise _refusal(wrong, table)
    return found


def _own(
    record: Mapping[str, Any], table: Table, used: Collection[str], is_looked_up: bool
) -> dict[str, Any]:
    """Give the names that a row brings: all its columns, and what stands for those that it lacks."""
    own = dict(record)
    if is_looked_up:
        own[_ROW] = _Record({name: _present(name, record) for name in table.columns})
    return own | {name: _present(name, record) for name in used}


def _refusal(wrong: Mapping[int, PplxError], table: Table) -> PplxError:
    """Give the first row's error, with all rows of which the same is to be said."""
    first = next(iter(wrong.values()))
    same = [number for number, error in wrong.items() if str(error) == str(first)]
    labels = [] if table.frame is None else [one_line(str(table.frame.index[n]), 40) for n in same]
    where = f" (index {_listed(labels)})" if labels else ""
    rows = "row" if len(same) == 1 else "rows"
    return type(first)(f"{rows} {_listed([str(number + 1) for number in same])}{where}: {first}")


def _listed(names: Sequence[str]) -> str:
    """Give some names: ``6``, ``6 and 9``, ``6, 9, 12 and 40 more``."""
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _label(record: Mapping[str, Any], column: str) -> str:
    value = record.get(column)
    try:
        return "" if value is None else one_line(str(value), 80)
    except Exception:  # noqa: BLE001 - a column that no prompt uses may hold anything
        return type(value).__name__


def _present(name: str, record: Mapping[str, Any]) -> Any:
    """Give a row's value; what it lacks cannot be written: a question about “nan” would be paid for."""
    value = record.get(name)
    if _is_gap(value):
        return lacking(
            f"its {name} is missing, and the prompt uses it; fill it in, or drop the row. Nothing was sent."
        )
    return value


def _check_value(expression: str, value: Any, *, roots: Collection[str]) -> None:
    """Refuse what lies within a row's values, or was made of them, and is missing."""
    plain = _LOOKUP.fullmatch(expression)
    if _is_missing(value) or (plain is not None and plain[1] in roots and _is_blank(value)):
        what = "blank" if isinstance(value, str) else f"missing ({value})"
        raise RequestError(
            f"{{{{ {expression} }}}} is {what}; fill it in, or drop the row. Nothing was sent."
        )


def _is_gap(value: Any) -> bool:
    return _is_missing(value) or _is_blank(value)


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _is_missing(value: Any) -> bool:
    try:
        # NaN and NaT differ from themselves; pandas' NA refuses to say.
        return value is None or bool(value != value)  # noqa: PLR0124
    except Exception:  # noqa: BLE001 - a user's own object, an array or a frame may refuse in any way
        return type(value).__name__ == "NAType"
