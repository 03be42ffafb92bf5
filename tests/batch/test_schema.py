"""The shape of an answer, as a user gives it: every mistake is one line, and told before anything is sent."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.errors import RequestError
from pplx_jupyter.request import Request
from pplx_jupyter.schema import check, columns_of, format_of, patterns, schema_of

if TYPE_CHECKING:
    from pathlib import Path


def _of_a(shape: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": shape}, "required": ["a"]}


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
        ("a: " + "list[" * 2_000 + "int" + "]" * 2_000, "is no type"),
        ({"enum": {1, 2}}, "a set stands in it"),
        ({"minimum": float("nan")}, "it is no JSON"),
        ({"$schema": 3}, "is no JSON schema"),
        (_of_a({"$ref": "#/$defs/No"}), "'#/$defs/No' leads nowhere"),
        (_of_a({"$ref": "#/required"}), "is no JSON schema"),
        (_of_a({"$ref": "http://127.0.0.1:1/x.json"}), "nothing is fetched"),
        (_of_a({"$ref": "file:///etc/passwd"}), "nothing is fetched"),
        (_of_a({"$ref": "https://json-schema.org/draft/2020-12/schema"}), "nothing is fetched"),
        ({"anyOf": [{"$ref": "#/$defs/b"}], "$defs": {"b": {"$ref": "#"}}}, "round in a circle"),
        (_of_a({"pattern": "["}), "the pattern '[' is no regular expression"),
        (_of_a({"patternProperties": {"(?=a)b": {}}}), "write it without lookaround"),
        ({"unevaluatedProperties": False}, "write additionalProperties"),
    ],
)
def test_a_mistake_is_one_line(given_as: Any, said: str) -> None:
    with pytest.raises(RequestError, match="Nothing was sent") as error:
        schema_of(given_as)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_good_pattern_is_taken_whatever_python_says_of_it() -> None:
    pytest.importorskip("pydantic_core")
    assert schema_of(_of_a({"pattern": r"^\p{L}+$"}))["required"] == ["a"]


def test_a_pattern_needs_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_core", None)
    patterns.finder.cache_clear()
    try:
        with pytest.raises(RequestError, match=r"needs pydantic \(pip install pydantic\)\. Nothing was sent"):
            schema_of(_of_a({"pattern": "^a"}))
        # An answer that is there already is not called a misfit for what this machine lacks.
        assert check({"a": "b"}, _of_a({"pattern": "^a"}))[1] == ""
    finally:
        patterns.finder.cache_clear()


def test_a_model_that_has_no_schema_is_one_line() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Odd", f=(Callable[[int], int], ...))
    with pytest.raises(RequestError, match="Odd has no JSON schema") as error:
        schema_of(model)
    assert "\n" not in str(error.value)


def test_columns_are_found_behind_references() -> None:
    pydantic = pytest.importorskip("pydantic")
    level = enum.IntEnum("level", ["low", "high"])
    node = pydantic.create_model("Node", name=(str, ...), level=(level, ...), kids=("list[Node]", []))
    node.model_rebuild(_types_namespace={"Node": node})
    schema = schema_of(node)
    assert "$ref" in schema
    assert columns_of(schema) == {"name": "string", "level": "integer", "kids": "array"}
    assert columns_of({"$ref": "#"}) == columns_of({"$ref": "#/no"}) == {"parsed": ""}
