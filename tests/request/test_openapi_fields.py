from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pplx_jupyter.fields.openapi_fields import EXTRA_FIELDS, ExtraField
from pplx_jupyter.request import Request

GOOD: dict[str, Any] = {
    "boolean": True,
    "integer": 3,
    "number": 1.5,
    "string": "x",
    "object": {"a": 1},
    "array of integer": [1, 2],
    "array of string": ["x"],
    "array of object": [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}},
        }
    ],
}


@pytest.fixture
def request_schema() -> dict[str, Any]:
    """Give ``ApiChatCompletionsRequest`` of the service's OpenAPI document."""
    path = Path(__file__).parents[3] / "shared" / "spec" / "async-chat-completions-post.openapi.yaml"
    if not path.exists():
        pytest.skip(f"the service's OpenAPI document is not at {path}")
    document = pytest.importorskip("yaml").safe_load(path.read_text(encoding="utf-8"))
    schema: dict[str, Any] = document["components"]["schemas"]["ApiChatCompletionsRequest"]
    return schema


def from_schema(schema: dict[str, Any]) -> ExtraField:
    shapes = [shape for shape in schema.get("anyOf", [schema]) if shape.get("type") != "null"]
    kinds: list[str] = []
    choices: tuple[str, ...] = ()
    bounds: dict[str, int] = {}
    for shape in shapes:
        kind = shape["type"]
        if kind == "array":
            kind = f"array of {shape['items'].get('type', 'object')}"
        kinds.append(kind)
        choices = tuple(shape.get("enum", ()))
        bounds |= {
            ours: shape[theirs]
            for ours, theirs in (("low", "minimum"), ("high", "maximum"))
            if theirs in shape
        }
    return ExtraField(tuple(kinds), choices, **bounds)


def test_the_table_is_the_services_own(request_schema: dict[str, Any]) -> None:
    properties = request_schema["properties"]
    typed = {option.name for option in Request.options()}
    rebuilt = {name: from_schema(schema) for name, schema in properties.items() if name not in typed}
    assert rebuilt == dict(EXTRA_FIELDS)


def test_the_typed_fields_and_the_table_are_all_there_is(request_schema: dict[str, Any]) -> None:
    sonar = {option.sonar for option in Request.options() if option.sonar and "." not in option.sonar}
    assert sonar | set(EXTRA_FIELDS) == set(request_schema["properties"])
    assert not sonar & set(EXTRA_FIELDS)


@pytest.mark.parametrize("name", EXTRA_FIELDS)
def test_each_field_takes_its_kinds_and_nothing_else(name: str) -> None:
    shape = EXTRA_FIELDS[name]
    for kind, value in GOOD.items():
        if name == "stream" or (shape.choices and kind == "string"):
            continue
        fits = kind in shape.kinds or (kind == "integer" and "number" in shape.kinds)
        if fits:
            assert Request("Why?", extra={name: value}).extra == {name: value}
        else:
            with pytest.raises(ValueError, match=f"extra: {name} "):
                Request("Why?", extra={name: value})
    for choice in shape.choices:
        assert Request("Why?", extra={name: choice}).extra == {name: choice}


def test_a_stream_can_be_refused_but_not_asked_for() -> None:
    assert Request("Why?", extra={"stream": False}).extra == {"stream": False}
    with pytest.raises(ValueError, match="does not stream"):
        Request("Why?", extra={"stream": True})
