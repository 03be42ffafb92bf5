"""The shape of an answer: read from what a user gives, and checked when the answer is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer
from pplx_jupyter.errors import RequestError
from pplx_jupyter.request import Request
from pplx_jupyter.schema import check, columns_of, format_of, schema_of

if TYPE_CHECKING:
    from pathlib import Path

SHORT = "name, revenue: float, founded: int, tags: list[str], listed: bool, since: date, risk: high|low, note: str?"


def test_the_short_form() -> None:
    schema = schema_of(SHORT)
    assert list(schema["properties"]) == [
        "name",
        "revenue",
        "founded",
        "tags",
        "listed",
        "since",
        "risk",
        "note",
    ]
    assert schema["properties"]["tags"] == {"type": "array", "items": {"type": "string"}}
    assert schema["properties"]["risk"] == {"type": "string", "enum": ["high", "low"]}
    assert "note" not in schema["required"]
    assert columns_of(schema)["founded"] == "integer"
    assert Request("why", response_format=format_of(SHORT)).response_format is not None


def test_a_json_schema_a_file_and_a_variable_are_the_same(tmp_path: Path) -> None:
    schema = schema_of(SHORT)
    path = tmp_path / "shape.json"
    path.write_text(json.dumps(schema))
    for given_as in (schema, json.dumps(schema), str(path)):
        assert schema_of(given_as) == schema
    assert schema_of("shape", {"shape": schema}) == schema
    assert schema_of("shape", {"shape": SHORT}) == schema


@pytest.mark.parametrize(
    ("given_as", "said"),
    [
        ("name: strng", "strng is no type"),
        ("Model", "Model is not defined"),
        ("", "it is empty"),
        ("a, a", "a stands there twice"),
        ("a b: int", "“a b: int” is no field"),
        ("missing.json", "cannot be read"),
        ("{1", "is no JSON schema"),
        ({"type": "objekt"}, "is no JSON schema"),
        (3, "3 is no shape"),
    ],
)
def test_a_mistake_is_one_line(given_as: Any, said: str) -> None:
    with pytest.raises(RequestError, match="Nothing was sent") as error:
        schema_of(given_as)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_an_answer_is_checked_after_its_thinking() -> None:
    schema = schema_of("name, founded: int")
    fits = Answer(text='{"name": "Aurubis", "founded": 1866}', thinking="hm", schema=schema)
    assert (fits.parsed, fits.invalid) == ({"name": "Aurubis", "founded": 1866}, "")
    wrong = Answer(text='{"name": "Aurubis", "founded": "long ago"}', schema=schema)
    assert wrong.parsed is None
    assert wrong.invalid == "founded: 'long ago' is not of type 'integer'"
    assert wrong.json["founded"] == "long ago", "what came is shown all the same"
    assert Answer(text="Founded in 1866.", schema=schema).invalid == "the answer is not JSON"
    assert Answer(text="Founded in 1866.").invalid == ""


def test_a_pydantic_model_gives_its_instances() -> None:
    pydantic = pytest.importorskip("pydantic")

    def short(name: str) -> str:
        if len(name) > 8:
            raise ValueError("too long a name")
        return name

    model = pydantic.create_model(
        "Company",
        name=(str, ...),
        founded=(int, ...),
        __validators__={"short": pydantic.field_validator("name")(short)},
    )
    schema = schema_of(model)
    answer = Answer(text='{"name": "Aurubis", "founded": 1866}', schema=schema)
    assert answer.parsed == model(name="Aurubis", founded=1866)
    value, reason = check({"name": "Jungheinrich", "founded": 1953}, schema)
    assert "too long a name" in reason
    assert value["name"] == "Jungheinrich"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    )
)
def test_whatever_came_is_checked_without_a_fault(value: Any) -> None:
    assert isinstance(check(value, schema_of(SHORT))[1], str)
