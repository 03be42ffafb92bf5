"""The result of a batch: what came in stays as it was, and what was found stands beside it under names that mean one thing."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pplx_jupyter.answer import Answer
from pplx_jupyter.batch.frame import frame_of
from pplx_jupyter.batch.questions import read_table
from pplx_jupyter.batch.standing import Standing
from pplx_jupyter.schema import schema_of

OURS = ["answer", "state", "reason", "cost", "sources", "job"]
LONG = 2**53 + 1


def result(rows: Any, *texts: str, schema: str = "") -> Any:
    """Give the result of rows that were answered so, at 0.5 USD each."""
    table = read_table(rows)
    texts = texts or ("yes",) * len(table.records)
    standings = [Standing(job=f"j{n}", word="done", cost=0.5) for n, _ in enumerate(texts)]
    return frame_of(
        table, standings, [Answer(text=text) for text in texts], schema_of(schema) if schema else None
    )


def test_a_data_frame_keeps_the_kinds_of_its_columns_and_its_labels() -> None:
    pandas = pytest.importorskip("pandas")
    given = pandas.DataFrame(
        {
            "category": pandas.Categorical(["p", "q"], categories=["q", "p"], ordered=True),
            "id": pandas.array([LONG, None], dtype="Int64"),
            "day": pandas.to_datetime(["2026-01-01", "2026-01-02"]).tz_localize("Europe/Berlin"),
            "yes": pandas.array([True, None], dtype="boolean"),
            "small": pandas.array([1, 2], dtype="int8"),
            "many": [[1], [2, 3]],
        },
        index=pandas.Index([7, 7], name="n"),
    )
    before, table = given.copy(), read_table(given)
    given["small"] = ["changed", "since"]
    standings = [Standing(job=f"j{n}", word="done", cost=0.5) for n in range(2)]
    for _ in range(2):
        found = frame_of(table, standings, [Answer(text="a"), Answer(text="b")], None)
        assert list(found.columns) == [*before.columns, *OURS]
        pandas.testing.assert_frame_equal(found[before.columns], before)
        assert list(found["answer"]) == ["a", "b"]
        assert found["id"].iloc[0] == LONG
        # What is done to a result is not done to the next one.
        found.loc[:, "small"] = 0


@pytest.mark.parametrize("kind", ["levels", "numbers", "categories", "days"])
def test_columns_of_other_names_than_texts(kind: str) -> None:
    pandas = pytest.importorskip("pandas")
    columns = {
        "levels": pandas.MultiIndex.from_tuples([("cost", "a"), ("cost", "b")]),
        "numbers": [1, 2],
        "categories": pandas.CategoricalIndex(["p", "q"]),
        "days": pandas.to_datetime(["2026-01-01", "2026-01-02"]),
    }[kind]
    given = pandas.DataFrame([[1, 2]], columns=columns)
    found = result(given)
    assert [list(found[name]) for name in given.columns] == [[1], [2]]
    assert list(found["answer"]) == ["yes"]
    assert found["cost_answer" if kind == "levels" else "cost"].sum() == 0.5


def test_the_cost_is_what_was_paid_whatever_the_schema_calls_its_fields() -> None:
    pytest.importorskip("pandas")
    text = '{"answer": "42", "cost": 9.0, "name": "x"}'
    found = result([{"c": 1}], text, schema="answer: str, cost: float, name: str")
    assert list(found.columns) == ["c", "answer_answer", "cost_answer", "name", *OURS]
    assert (found["cost"].sum(), found["cost_answer"].sum(), found["answer"][0]) == (0.5, 9.0, text)
    found = result([{"c": 1, "cost": 3}], text, schema="name: str")
    assert (found["cost"].sum(), found["cost_answer"].sum()) == (3, 0.5)


def test_a_field_that_the_input_has_already() -> None:
    pytest.importorskip("pandas")
    found = result([{"name": "Acme"}], '{"name": "Acme Ltd"}', schema="name: str")
    assert (found["name"][0], found["name_answer"][0]) == ("Acme", "Acme Ltd")


def test_long_ids_of_records_stay_whole_beside_a_missing_one() -> None:
    pytest.importorskip("pandas")
    found = result([{"c": "a", "id": LONG, "x": True, "w": 1.5}, {"c": "b", "id": None, "w": None}])
    assert (found["id"][0], str(found["id"].dtype), str(found["w"].dtype)) == (LONG, "Int64", "float64")
    assert found["x"][0] is True
    assert result([{"c": "a", "id": 10**30}, {"c": "b"}])["id"][0] == 10**30


def test_a_polars_frame() -> None:
    pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    found = result(polars.DataFrame({"c": ["a", "b"], "id": [LONG, None]}))
    assert list(found.columns) == ["c", "id", *OURS]
    assert found["id"][0] == LONG


def test_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    (found,) = result([{"c": 1}], '{"cost": 9.0}', schema="cost: float")
    assert list(found) == ["c", "cost_answer", *OURS]
    assert (found["cost"], found["cost_answer"]) == (0.5, 9.0)
