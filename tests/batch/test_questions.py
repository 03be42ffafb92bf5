"""What the rows of a table ask: each value where it is filled in, and nothing that a row lacks or was not meant to tell."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.batch.questions import questions_of, read_table
from pplx_jupyter.errors import PplxError, RequestError

NOTHING = [None, math.nan, "", " \n"]


class Odd:
    """A cell that can be neither written nor compared."""

    def __str__(self) -> str:
        raise RuntimeError("boom")

    def __ne__(self, other: object) -> bool:
        raise RuntimeError("ne")

    __eq__ = __hash__ = None  # type: ignore[assignment]


def asked(prompt: str, rows: Any, **names: Any) -> list[str]:
    """Give the prompts of the rows."""
    return [each.request.prompt for each in questions_of(prompt, read_table(rows), {}, names)]


def refused(prompt: str, rows: Any, **names: Any) -> str:
    with pytest.raises(PplxError, match="Nothing was sent") as error:
        asked(prompt, rows, **names)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize(
    "written",
    [
        "{{ net }}", '{{ row["net"] }}', "{{ row.net }}", '{{ row.get("net") }}', "{{ net | upper }}", "{{ net | int }}",
        '{{ "EUR " ~ net }}', '{{ "%s" % row.net }}', "{{ [net] }}", "{{ [row.net] | join }}", "{{ row.values() | list }}",
    ],
)  # fmt: skip
def test_a_question_about_nothing_is_not_asked_however_it_is_written(nothing: Any, written: str) -> None:
    rows = [{"net": "5", "k": "a"}, {"net": nothing, "k": "b"}]
    assert "row 2: its net is missing" in refused(f"Net of {{{{ k }}}}, {written}?", rows)


@pytest.mark.parametrize("nothing", NOTHING)
def test_nor_one_about_nothing_within_a_value(nothing: Any) -> None:
    said = refused("On {{ firm.net }} what?", [{"firm": {"net": nothing}}])
    assert said.startswith("row 1: {{ firm.net }} is ")
    assert "fill it in, or drop the row" in said


def test_pandas_own_signs_for_nothing() -> None:
    pandas = pytest.importorskip("pandas")
    for nothing in (pandas.NaT, pandas.NA):
        assert "row 1 (index 0): its Net sales is missing" in refused(
            'On {{ row["Net sales"] }}?', pandas.DataFrame({"Net sales": [nothing]}, dtype=object)
        )
        assert f"{{{{ firm.net }}}} is missing ({nothing})" in refused(
            "On {{ firm.net }}?", [{"firm": {"net": nothing}}]
        )


def test_what_is_missing_may_be_written_otherwise() -> None:
    rows = [{"net": None, "k": "a"}, {"net": 5, "k": "b"}]
    expected = ["a: not known", "b: 5"]
    assert asked('{{ k }}: {{ net | default("not known") }}', rows) == expected
    assert asked('{{ k }}: {{ row.net or "not known" }}', rows) == expected
    assert asked('{{ k }}{{ " has " ~ net if net else "" }}', rows) == ["a", "b has 5"]


@given(st.text(min_size=1).filter(str.strip) | st.integers() | st.booleans() | st.floats(allow_nan=False))
def test_any_other_value_is_filled_in_as_it_is(value: Any) -> None:
    (told,) = questions_of('«{{ row["Net sales"] }}»', read_table([{"Net sales": value}]), {})
    assert told.filled == {'row["Net sales"]': str(value)}


def test_a_column_called_row_is_a_column() -> None:
    rows = [{"row": "Acme", "secret": "s1"}]
    assert asked("Who owns {{ row }}?", rows, row="mine") == ["Who owns Acme?"]


@pytest.mark.parametrize("written", ["row", "row | string", 'row ~ ""', "[row]", "row | pprint"])
def test_a_whole_row_is_never_sent(written: str) -> None:
    said = refused(f"Who owns {{{{ {written} }}}}?", [{"company": "Acme", "secret": "s1"}])
    assert 'write {{ row["company"] }}' in said
    assert "s1" not in said


def test_a_column_that_is_not_there_names_the_nearest() -> None:
    said = refused('Of {{ row["Net sale"] }}?', [{"Net sales": 1}])
    assert 'no column “Net sale”; did you mean {{ row["Net sales"] }}?' in said


def test_a_column_may_have_a_name_of_ipythons() -> None:
    rows = [{"_c": "Acme", "In": 1}]
    assert asked("{{ _c }}, {{ In }}, {{ _c | upper }}", rows, In=["history"]) == ["Acme, 1, ACME"]
    assert "{{ _d }} is not defined" in refused("{{ _c }} {{ _d }}", rows, _d=1)


def test_what_the_notebook_has_stands_beside_the_row() -> None:
    pandas = pytest.importorskip("pandas")
    prices = pandas.DataFrame({"price": [1.0, math.nan]})
    (prompt,) = asked("{{ k }}{{ note }}: {{ prices }}", [{"k": "a"}], prices=prices, note="", k="theirs")
    assert prompt.startswith("a: | price |")


def test_rows_of_different_columns() -> None:
    table = read_table([{"a": 1, "b": 2}, {"b": 3}])
    questions = questions_of('Net {{ row["b"] }}?', table, {})
    assert [(each.label, each.request.prompt) for each in questions] == [("1", "Net 2?"), ("", "Net 3?")]
    assert "row 2: its a is missing" in refused("{{ a }}", [{"a": 1}, {"b": 3}])


def test_odd_cells_raise_nothing_raw() -> None:
    (question,) = questions_of('Net {{ row["b"] }}?', read_table([{"a": Odd(), "b": 9}]), {})
    assert (question.label, question.request.prompt) == ("Odd", "Net 9?")
    assert "RuntimeError: boom" in refused("Net {{ a }}?", [{"a": Odd()}])


def test_columns_of_one_name_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for names in (["a", "a"], [1, "1"]):
            said = refused("{{ c }}", pandas.DataFrame([[1, 2, 3]], columns=[*names, "c"]))
            assert f"two columns are called “{names[0]}”" in said
    for rows in ([{1: "x", "1": "y"}], [{1: "x"}, {"1": "y"}]):
        with pytest.raises(RequestError, match="two columns are called “1”"):
            read_table(rows)
    assert read_table([{math.nan: 1, "c": 2}] * 2).columns == ["nan", "c"]


def test_a_gap_in_a_column_of_whole_numbers_leaves_the_other_questions_as_they_were() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"company": ["Aalberts", "Barco"], "year": [1990, 2000], "share": [0.5, 2.0]})
    prompt = '{{ company }} in {{ year or "2020" }}: {{ share or "?" }}'
    before = asked(prompt, frame)
    frame.loc[2] = ["Demant", None, None]
    frame["year"] = frame["year"].astype(float)
    table = read_table(frame)
    assert asked(prompt, frame) == [*before, "Demant in 2020: ?"]
    assert before[1] == "Barco in 2000: 2.0"
    assert table.frame["year"].dtype == float, "what the batch gives back has the frame's own kinds"
    whole = pandas.DataFrame({"year": [1990.0, 2000.0]})
    assert asked("{{ year }}", whole) == ["1990.0", "2000.0"], "no gap: as its user wrote it"
    long = pandas.DataFrame({"id": [2.0**60, None]})
    assert asked('{{ id or "-" }}', long) == [str(2.0**60), "-"]


def test_all_rows_that_lack_what_is_asked_are_named_by_number_and_label() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"company": list("ABCDEF"), "founded": [1, None, 3, None, None, None]})
    frame.index = [f"r{n}" for n in range(6)]
    said = refused("{{ company }}, {{ founded }}", frame)
    assert said.startswith("rows 2, 4, 5 and 1 more (index r1, r3, r4 and 1 more): its founded is missing")
    rows = frame.to_dict("records")
    assert refused("{{ company }}, {{ founded }}", rows[:4]).startswith("rows 2 and 4: its founded")
