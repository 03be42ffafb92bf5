"""Sources and tables as data frames, typed; and as rows where there is no pandas."""

from __future__ import annotations

import importlib
from datetime import date
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer, Source
from pplx_jupyter.export.cells import read_column

HEAD = ["number", "url", "domain", "title", "date", "last_updated", "cited"]


@pytest.fixture
def without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return ordinary(name, package)

    monkeypatch.setattr(importlib, "import_module", without)


def test_sources(answer: Answer) -> None:
    frame = answer.to_frame()
    assert list(frame.columns) == HEAD
    assert list(frame.number) == [1, 2, 3, 4]
    assert list(frame.domain) == ["iea.org", "news.bbc.co.uk", "", "example.org"]
    assert list(frame.url)[2] == ""
    assert list(frame.cited) == [3, 3, 1, 0]
    assert frame.date[0] == pandas.Timestamp("2024-02-12")
    # A year alone is no day.
    assert frame.date[1] is pandas.NaT
    assert {name: str(kind) for name, kind in frame.dtypes.items()} | {"url": ""} == {
        "number": "int64", "url": "", "domain": "str", "title": "str", "date": "datetime64[s]",
        "last_updated": "datetime64[s]", "cited": "int64",
    }  # fmt: skip


def test_a_day_of_change_is_no_date() -> None:
    source = Source(1, "https://a.example", "A", last_updated="2026-02-03")
    frame = Answer(sources=[source]).to_frame()
    assert frame.date[0] is pandas.NaT
    assert frame.last_updated[0] == pandas.Timestamp("2026-02-03")


def test_no_sources_are_an_empty_frame_with_its_columns() -> None:
    frame = Answer().to_frame()
    assert list(frame.columns) == HEAD
    assert len(frame) == 0
    assert str(frame.cited.dtype) == "int64"


def test_tables(answer: Answer) -> None:
    [frame] = answer.tables()
    assert list(frame.columns) == ["Market", "2021", "Share", "Since"]
    assert list(frame["2021"]) == [1112, 99]
    assert list(frame["Share"]) == [12.5, 3.0]
    assert frame["Since"][0] == pandas.Timestamp("2026-02-02")
    assert frame["Since"][1] is pandas.NaT
    assert frame.attrs == {
        "section": "Means by year",
        "citations": [
            {"row": -1, "column": "Market", "sources": [1]},
            {"row": 0, "column": "2021", "sources": [2]},
        ],
        "units": {"Share": "%"},
    }


@pytest.mark.usefixtures("without_pandas")
def test_rows_where_there_is_no_pandas(answer: Answer) -> None:
    assert answer.to_frame()[0] == {
        "number": 1,
        "url": "https://www.iea.org/reports/electricity-2024",
        "domain": "iea.org",
        "title": "IEA Electricity 2024",
        "date": date(2024, 2, 12),
        "last_updated": None,
        "cited": 3,
    }
    [table] = answer.tables()
    assert table == [
        {"Market": "Spain", "2021": 1112, "Share": 12.5, "Since": date(2026, 2, 2)},
        {"Market": "Italy", "2021": 99, "Share": 3.0, "Since": None},
    ]
    assert table.attrs["units"] == {"Share": "%"}
    assert table.attrs["citations"][0] == {"row": -1, "column": "Market", "sources": [1]}
    assert Answer().to_frame() == Answer().tables() == []


def test_columns_of_one_name_are_kept_apart() -> None:
    [frame] = Answer(text="| a | a | | a 2 |\n|--|--|--|--|\n| 1 | 2 | 3 | 4 |").tables()
    assert list(frame.columns) == ["a", "a 2", "column 3", "a 2 2"]
    assert list(frame.iloc[0]) == [1, 2, 3, 4]


def test_a_column_that_only_cites_holds_the_numbers_of_the_sources() -> None:
    sources = [Source(n, f"https://s{n}.example") for n in (1, 2, 3)]
    text = "| a | Source | Sources | |\n|--|--|--|--|\n| x | [1] | [3][1] | |\n| y | [2] | | |"
    [frame] = Answer(text=text, sources=sources).tables()
    assert frame.to_dict("list") == {
        "a": ["x", "y"],
        "Source": [1, 2],
        "Sources": ["3, 1", ""],
        "column 4": ["", ""],
    }
    assert frame.attrs["citations"][1] == {"row": 0, "column": "Sources", "sources": [3, 1]}


def test_tables_in_lists_and_tables_without_rows() -> None:
    text = "- one\n\n  | a |\n  |--|\n  | x |\n\n# B\n\n| c | d |\n|--|--|\n"
    first, second = Answer(text=text).tables()
    assert first.to_dict("records") == [{"a": "x"}]
    assert (list(second.columns), len(second), second.attrs["section"]) == (["c", "d"], 0, "B")
    assert Answer(text="No table: a | b").tables() == []


@pytest.mark.parametrize(
    ("cells", "kind", "values", "unit"),
    [
        (["1,234", "12", "1,234,567"], "int", [1234, 12, 1234567], ""),
        (["1\u00a0234", "−5", "+3"], "int", [1234, -5, 3], ""),
        (["1.5", "2", ".25", "1e3", "1,234.5"], "float", [1.5, 2.0, 0.25, 1000.0, 1234.5], ""),
        (["12.5 %", "3%", "-1 %"], "float", [12.5, 3.0, -1.0], "%"),
        (["12 %", "3 %"], "int", [12, 3], "%"),
        (["12 %", "3"], "text", ["12 %", "3"], ""),
        (["$1,200", "-$3", "$0.50"], "float", [1200.0, -3.0, 0.5], "$"),
        (["9 €", "10 €"], "int", [9, 10], "€"),
        (["1,5", "1.234,5", "2"], "float", [1.5, 1234.5, 2.0], ""),
        (["1.234", "2.345"], "float", [1.234, 2.345], ""),
        (["1,5", "1.5"], "text", ["1,5", "1.5"], ""),
        (["1", "", "n/a", "–", "--"], "int", [1, None, None, None, None], ""),
        (["", "-"], "text", ["", "-"], ""),
        (["007", "12"], "text", ["007", "12"], ""),
        (["0", "0.5"], "float", [0.0, 0.5], ""),
        (["1" * 19], "text", ["1" * 19], ""),
        (["1e999"], "text", ["1e999"], ""),
        (["1,23"], "float", [1.23], ""),
        (["about 5", "6"], "text", ["about 5", "6"], ""),
        (["--1", "1"], "text", ["--1", "1"], ""),
        (["2026-02-12", "2025/1/3"], "date", [date(2026, 2, 12), date(2025, 1, 3)], ""),
        (["12 Feb 2026", "3 June 2025", "1 Sept. 2024"], "date", [date(2026, 2, 12), date(2025, 6, 3), date(2024, 9, 1)], ""),
        (["Feb 12, 2026", "March 3 2025", "-"], "date", [date(2026, 2, 12), date(2025, 3, 3), None], ""),
        (["12.2.2026"], "date", [date(2026, 2, 12)], ""),
        (["2026-02-30"], "text", ["2026-02-30"], ""),
        (["12 Foo 2026"], "text", ["12 Foo 2026"], ""),
        (["2026-02-12", "12 Feb 2026"], "text", ["2026-02-12", "12 Feb 2026"], ""),
        (["2021", "2022"], "int", [2021, 2022], ""),
        (["٣", "4"], "text", ["٣", "4"], ""),
        ([], "text", [], ""),
    ],
)  # fmt: skip
def test_a_column_is_typed_where_all_its_cells_are(
    cells: list[str], kind: str, values: list[Any], unit: str
) -> None:
    column = read_column(cells)
    found = list(column.values)
    assert (column.kind, found, column.unit) == (kind, values, unit)
    # 1.0 equals 1.
    assert [type(value) for value in found] == [type(value) for value in values]


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1))
def test_whole_numbers_come_back(numbers: list[int]) -> None:
    column = read_column([f"{number:,}" for number in numbers])
    assert (column.kind, list(column.values)) == ("int", numbers)


@given(
    st.lists(
        st.lists(st.text("0123456789.,-+eE $%€/ FebMarn", max_size=12), min_size=2, max_size=2), max_size=5
    )
)
def test_any_table_is_a_frame(rows: list[list[str]]) -> None:
    text = "\n".join(["| a | b |", "|--|--|", *(f"| {a} | {b} |" for a, b in rows)])
    [frame] = Answer(text=text, sources=[Source(1, "https://a.example")]).tables()
    assert len(frame) == len(rows)
