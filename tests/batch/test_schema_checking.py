"""Answers against their shape: whatever came is judged, in no time, and nothing is fetched for it."""

from __future__ import annotations

import datetime
import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pplx_jupyter import research_map
from pplx_jupyter.answer import Answer
from pplx_jupyter.schema import UNCHECKED, check, schema_of
from pplx_jupyter.simulator import answers, instances

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

TREE = {"type": "object", "properties": {"c": {"$ref": "#"}}}
FORK = {"anyOf": [{**TREE, "required": ["x"]}, {**TREE, "required": ["y"]}]}
CENTS = {"type": "number", "multipleOf": 0.01}
NESTED_WORDS = r"^(\w+\s?)*$"
"""Python's own engine needs years for a long word that ends in an exclamation mark."""


def _of_a(shape: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": shape}, "required": ["a"]}


def _nested(depth: int, value: Any = None) -> Any:
    for _ in range(depth):
        value = {"c": {} if value is None else value}
    return value


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


@pytest.mark.parametrize(
    ("shape", "value", "said"),
    [
        ("a: date", {"a": "2026-02-12"}, ""),
        ("a: date", {"a": "not a date"}, "a: 'not a date' is not a 'date'"),
        ("a: list[date]", {"a": ["2026-02-30"]}, "a[0]: '2026-02-30' is not a 'date'"),
        (_of_a({"format": "date-time"}), {"a": "2026-02-12T10:00:00Z"}, ""),
        (_of_a({"format": "date-time"}), {"a": "2026-02-12"}, "a: '2026-02-12' is not a 'date-time'"),
        (_of_a(CENTS), {"a": 19.99}, ""),
        (_of_a(CENTS), {"a": 19.995}, "a: 19.995 is not a multiple of 0.01"),
        ({"uniqueItems": True}, [1, True, "1", [1], [True]], ""),
        (
            {"uniqueItems": True},
            [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}],
            '{"a": 1, "b": 2} stands there twice',
        ),
        (_of_a({"pattern": "b+c"}), {"a": "aabbcc"}, ""),
        (_of_a({"pattern": "^b"}), {"a": "ab"}, "a: 'ab' does not match '^b'"),
        (
            {"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False},
            {"x1": 1, "xx": "2"},
            "xx: '2' is not of type 'integer'",
        ),
        (
            {"patternProperties": {"^x": {}}, "additionalProperties": False},
            {"x": 1, "y": 2},
            "Additional properties are not allowed ('y' was unexpected)",
        ),
    ],
)
def test_what_is_checked(shape: Any, value: Any, said: str) -> None:
    assert check(value, schema_of(shape))[1] == said


@pytest.mark.parametrize("draft", ["http://json-schema.org/draft-07/schema#", "urn:of-nobody"])
def test_a_schema_may_name_its_draft(draft: str) -> None:
    schema = schema_of({"$schema": draft, **TREE})
    assert check({"c": {"c": 1}}, schema)[1] == "c.c: 1 is not of type 'object'"
    # Its own draft's keywords, which nothing counts, are not gone back to behind a reference.
    assert check(_nested(60), schema_of({"$schema": draft, **FORK}))[1].startswith(UNCHECKED)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("shape", "value", "said"),
    [
        (_of_a(CENTS), {"a": float("nan")}, "a: nan is not a multiple of 0.01"),
        (_of_a(CENTS), {"a": float("inf")}, "a: inf is not a multiple of 0.01"),
        (_of_a(CENTS), {"a": 10**4_000}, ""),
        (TREE, _nested(300), f"{UNCHECKED}it is nested more than 64 deep"),
        (TREE, _nested(60), ""),
        (FORK, _nested(60), f"{UNCHECKED}it takes more than 40,000 steps"),
        (FORK, _nested(8, ["x" * 180_000]), f"{UNCHECKED}it takes more than 40,000 steps"),
        ({"allOf": [{"pattern": "^a"}] * 300}, "a" * 200_000, f"{UNCHECKED}it takes more than 40,000 steps"),
        (
            {"allOf": [{"uniqueItems": True}] * 300},
            ["a" * 200_000],
            f"{UNCHECKED}it takes more than 40,000 steps",
        ),
        (_of_a({"pattern": NESTED_WORDS}), {"a": "a" * 200_000 + "!"}, "does not match"),
        ({"patternProperties": {NESTED_WORDS: {}}}, {"a" * 200_000 + "!": 1}, ""),
        (
            {"patternProperties": {NESTED_WORDS: {}}, "additionalProperties": False},
            {"a" * 200_000 + "!": 1},
            "was unexpected",
        ),
        ({"uniqueItems": True}, [{"a": n, "b": [n]} for n in range(8_000)], ""),
        ({"additionalProperties": {"type": "integer"}}, {f"k{n}": n for n in range(12_000)}, ""),
    ],
)
def test_a_hostile_answer_is_judged_in_no_time(shape: dict[str, Any], value: Any, said: str) -> None:
    schema = schema_of(shape)
    began = time.perf_counter()
    reason = check(value, schema)[1]
    # Each needs about 0.1 s; what is quadratic or worse takes many seconds, or years.
    assert time.perf_counter() - began < 3
    assert said in reason
    assert len(reason) <= 200
    assert bool(reason) == bool(said)


def test_nothing_is_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reason = check({"a": 1}, _of_a({"$ref": f"http://127.0.0.1:{port}/x.json"}))[1]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert reason.startswith(f"{UNCHECKED}the schema is not sound")


def test_a_pydantic_model_decides_alone() -> None:
    pydantic = pytest.importorskip("pydantic")

    def short(name: str) -> str:
        if len(name) > 8:
            raise ValueError("too long a name")
        return name

    model = pydantic.create_model(
        "Company",
        name=(str, ...),
        founded=(int, ...),
        share=(float, pydantic.Field(1, json_schema_extra={"maximum": 0})),
        __validators__={"short": pydantic.field_validator("name")(short)},
    )
    schema = schema_of(model)
    answer = Answer(text='{"name": "Aurubis", "founded": "1866"}', schema=schema)
    assert answer.parsed == model(name="Aurubis", founded=1866)
    value, reason = check({"name": "Jungheinrich", "founded": 1953}, schema)
    assert reason == "name: Value error, too long a name"
    assert value["name"] == "Jungheinrich"


def test_a_strict_model_reads_json() -> None:
    pydantic = pytest.importorskip("pydantic")
    strict = pydantic.ConfigDict(strict=True)
    model = pydantic.create_model(
        "Strict", __config__=strict, day=(datetime.date, ...), pair=(tuple[int, int], ...)
    )
    value, reason = check({"day": "2026-02-12", "pair": [1, 2]}, schema_of(model))
    assert reason == ""
    assert (value.day, value.pair) == (datetime.date(2026, 2, 12), (1, 2))


@pytest.mark.timeout(30)
def test_no_answer_keeps_a_model_busy() -> None:
    pydantic = pytest.importorskip("pydantic")
    either = "Add | Mul | int"
    add = pydantic.create_model("Add", left=(either, ...))
    mul = pydantic.create_model("Mul", left=(either, ...))
    for each in (mul, add):
        each.model_rebuild(_types_namespace={"Add": add, "Mul": mul})
    expression: Any = "x"
    for _ in range(40):
        expression = {"left": expression}
    schema = schema_of(add)
    assert check(expression, schema)[1] == f"{UNCHECKED}it takes more than 40,000 steps"
    assert check({"left": {"left": 1}}, schema) == (add(left=add(left=1)), "")
    word = pydantic.create_model("Word", code=(str, pydantic.Field(pattern=NESTED_WORDS)))
    numbers = pydantic.create_model("Numbers", a=(list[int], ...))
    reason = check({"a": ["x"] * 60_000}, schema_of(numbers))[1]
    assert reason == f"{UNCHECKED}it holds more than 20,000 values"
    assert "should match pattern" in check({"code": "a" * 200_000 + "!"}, schema_of(word))[1]


def test_what_a_models_own_check_raises_is_told() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model(
        "Share",
        a=(int, ...),
        __validators__={"part": pydantic.field_validator("a")(lambda a: 1 // a)},
    )
    value, reason = check({"a": 0}, schema_of(model))
    assert reason.startswith(f"{UNCHECKED}ZeroDivisionError")
    assert value == {"a": 0}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda each: st.lists(each) | st.dictionaries(st.sampled_from("acxy") | st.text(), each),
)
_SHAPES: list[dict[str, Any]] = [
    schema_of("a, c: float, x: date?, y: list[int]?"),
    TREE,
    FORK,
    {"type": "array", "uniqueItems": True, "items": CENTS, "contains": {"type": "null"}},
    {"additionalProperties": {"pattern": NESTED_WORDS, "format": "ipv6"}, "maxProperties": 2},
    {"patternProperties": {"^a": {"enum": [1, None, [1.0]]}, "(?=c)": {}}, "additionalProperties": False},
    {"propertyNames": {"maxLength": 1, "format": "date-time"}, "unevaluatedProperties": False},
    {"if": {"minItems": 2}, "then": {"prefixItems": [{"multipleOf": 3}]}, "else": {"not": {"minLength": 3}}},
    {"$ref": "#"},
    {"$ref": "https://host.example/x"},
    {"type": "objekt"},
    {"enum": {1, 2}},
    {"properties": 3, "pattern": "["},
]


@settings(deadline=None)
@given(_JSON, st.sampled_from(_SHAPES))
@example(10**400, CENTS)
@example({"a": "\ud800"}, _SHAPES[0])
def test_whatever_came_is_checked_without_a_fault(value: Any, schema: dict[str, Any]) -> None:
    given_back, reason = check(value, schema)
    assert given_back is value
    assert "\n" not in reason
    assert len(reason) <= 200
    assert check(value, schema)[1] == reason


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Let the service answer the next question with a given value, and all others as usual."""
    odd: list[Any] = []

    def instance(schema: Any) -> Any:
        return odd.pop() if odd else instances.instance(schema)

    monkeypatch.setattr(answers, "instance", instance)
    return odd.append


def test_one_odd_answer_hides_no_other_row(
    sim: Simulator, make_session: Callable[..., Session], odd: Callable[[Any], None]
) -> None:
    odd(_nested(200))
    session = make_session(sim)
    batch = research_map("Who {{ c }}?", [{"c": "x"}, {"c": "y"}], session=session, schema=_of_a({}))
    batch.wait(20)
    found = batch.frame()
    assert sorted(found["state"]) == ["done", "invalid"]
    assert [each for each in found["reason"] if each] == [f"{UNCHECKED}it is nested more than 64 deep"]
    assert float(found["cost"].sum()) == pytest.approx(batch.cost.total)


def test_texts_of_the_data_can_be_written_to_files() -> None:
    text = json.dumps({"a\u202e": ["x\ud800", {"b": "\x1b[31mred\r\n"}], "c": "–"})
    assert Answer(text=text).json == {"a": ["x\ufffd", {"b": "[31mred\n"}], "c": "–"}
    deep = Answer(text='{"a":' * 500 + '"\\ud800"' + "}" * 500).json
    assert "\ufffd" in json.dumps(deep, ensure_ascii=False)


@given(_JSON)
def test_any_data_can_be_written_to_files(value: Any) -> None:
    json.dumps(Answer(text=json.dumps([value])).parsed, ensure_ascii=False).encode()
