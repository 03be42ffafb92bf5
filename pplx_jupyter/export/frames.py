"""Sources and tables as data frames; as rows of plain Python where pandas is not installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pplx_jupyter.export.cells import Column, read_column
from pplx_jupyter.export.documents import read
from pplx_jupyter.export.entries import day_of, tidy
from pplx_jupyter.export.records import marked_line, take_marks
from pplx_jupyter.render.tree import Node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.answer import Answer

__all__ = ["Rows", "sources_frame", "tables"]

_COLUMNS = {
    "number": "int",
    "url": "text",
    "domain": "text",
    "title": "text",
    "date": "date",
    "last_updated": "date",
    "cited": "int",
}
_NAME = 200


class Rows(list[dict[str, Any]]):
    """Rows of a table, each a dict by column; what pandas' data frames keep in `attrs` is here, too."""

    def __init__(self, rows: Sequence[dict[str, Any]], attrs: Mapping[str, Any]) -> None:
        super().__init__(rows)
        self.attrs = dict(attrs)


def sources_frame(answer: Answer) -> Any:
    """Give the sources as a table; see `pplx_jupyter.answer.Answer.to_frame`."""
    from pplx_jupyter.render import clean

    cited = read(answer).cited
    rows: list[tuple[Any, ...]] = []
    for source in answer.sources:
        url = clean.safe_url(source.url) or ""
        domain = clean.host(url).removeprefix("www.")
        title = tidy(source.title, 1000)
        days = _whole_day(source.date), _whole_day(source.last_updated)
        rows.append((source.number, url, domain, title, *days, cited.get(source.number, 0)))
    columns = {
        name: Column(kind, [row[n] for row in rows]) for n, (name, kind) in enumerate(_COLUMNS.items())
    }
    return _table(columns, {})


def tables(answer: Answer) -> list[Any]:
    """Give every table of the text; see `pplx_jupyter.answer.Answer.tables`."""
    found = []
    section = ""
    for node in read(answer).root.walk():
        if node.tag in {"h4", "h5", "h6"}:
            section = take_marks(marked_line(node))[0]
        elif node.tag == "table":
            found.append(_of_text(node, section))
    return found


def _of_text(node: Node, section: str) -> Any:
    rows = [[take_marks(marked_line(cell)) for cell in _cells(row)] for row in node.walk() if row.tag == "tr"]
    width = max(map(len, rows), default=0)
    head, *rows = [[*row, *[("", [])] * (width - len(row))] for row in rows] or [[]]
    names = _names([name for name, _ in head])
    columns = {name: read_column(_said([row[n] for row in rows])) for n, name in enumerate(names)}
    citations = [
        {"row": at, "column": name, "sources": list(dict.fromkeys(row[n][1]))}
        for at, row in enumerate([head, *rows], -1)
        for n, name in enumerate(names)
        if row[n][1]
    ]
    units = {name: column.unit for name, column in columns.items() if column.unit}
    return _table(columns, {"section": section, "citations": citations, "units": units})


def _said(cells: Sequence[tuple[str, list[int]]]) -> list[str]:
    """Give the texts of a column; of one that only cites the numbers of the sources, where it would be empty."""
    if any(text for text, _ in cells):
        return [text for text, _ in cells]
    return [", ".join(map(str, dict.fromkeys(numbers))) for _, numbers in cells]


def _cells(row: Node) -> list[Node]:
    return [cell for cell in row.children if isinstance(cell, Node)]


def _names(heads: Sequence[str]) -> list[str]:
    """Give the columns names, each its own."""
    names: dict[str, None] = {}
    for n, head in enumerate(heads, 1):
        name = base = tidy(head, _NAME) or f"column {n}"
        again = 1
        while name in names:
            again += 1
            name = f"{base} {again}"
        names[name] = None
    return list(names)


def _whole_day(text: str | None) -> Any:
    from datetime import date

    parts = day_of(text)
    return date(*parts) if len(parts) == 3 else None


def _table(columns: Mapping[str, Column], attrs: Mapping[str, Any]) -> Any:
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        lines = zip(*(column.values for column in columns.values()), strict=True)
        return Rows([dict(zip(columns, line, strict=True)) for line in lines], attrs)
    frame = pandas.DataFrame({name: _series(pandas, column) for name, column in columns.items()})
    frame.attrs = dict(attrs)
    return frame


def _series(pandas: Any, column: Column) -> Any:
    missing = any(value is None for value in column.values)
    kinds = {
        "int": "Int64" if missing else "int64",
        "float": "float64",
        "date": "datetime64[s]",
        "text": "str",
    }
    return pandas.Series(list(column.values), dtype=kinds[column.kind])
