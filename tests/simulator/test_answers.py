from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplx_jupyter.simulator import SHAPES
from pplx_jupyter.simulator.answers import subject_of, write
from pplx_jupyter.simulator.instances import instance
from pplx_jupyter.simulator.prose import SIMULATED

PROMPTS = [f"Question {i}: how have prices developed since {1990 + i}?" for i in range(60)]


def markers(text: str) -> set[int]:
    return {int(n) for n in re.findall(r"\[(?:web:)?(\d+)\]", text)}


def test_the_same_question_gives_the_same_answer() -> None:
    assert write(PROMPTS[0]) == write(PROMPTS[0])
    assert write(PROMPTS[0]).text != write(PROMPTS[1]).text
    assert write(PROMPTS[0]).text != write(PROMPTS[0], seed=1).text


def test_answers_differ_in_shape_and_keep_their_length() -> None:
    drafts = [write(prompt) for prompt in PROMPTS]
    drawn = frozenset[str]().union(*(draft.shapes for draft in drafts))
    assert drawn == {"table", "code", "math", "prices", "list", "think", "unresolved", "no_sources"}
    assert all(400 <= len(draft.text.split()) <= 900 for draft in drafts)
    assert all(draft.text.startswith(SIMULATED) for draft in drafts)
    assert all("how have prices" in draft.text for draft in drafts)


def test_sources_are_invented_on_hosts_that_cannot_exist() -> None:
    pages = [page for prompt in PROMPTS for page in write(prompt).pages]
    assert all(re.match(r"https://[a-z-]+\.example/", page.url) for page in pages)
    undated = sum(page.date is None for page in pages)
    assert 0.1 < undated / len(pages) < 0.3


def test_markers_resolve_unless_they_should_not() -> None:
    for prompt in PROMPTS:
        draft = write(prompt + " shape:table shape:list")
        assert markers(draft.text) <= {page.number for page in draft.pages}
        assert markers(draft.text)
    lost = write("x shape:unresolved")
    assert markers(lost.text) - {page.number for page in lost.pages} == {len(lost.pages) + 3}


def test_markers_come_unordered() -> None:
    text = write("x shape:long").text
    found = [int(n) for n in re.findall(r"\[(\d+)\]", text)]
    assert found != sorted(found)
    assert any(a > b for a, b in re.findall(r"\[(\d+)\]\[(\d+)\]", text))


def test_some_agent_answers_name_sources_by_kind() -> None:
    forms = {"[web:" in write(prompt + " shape:plain", web_markers=True).text for prompt in PROMPTS}
    assert forms == {True, False}


@pytest.mark.parametrize(
    ("shape", "sign"),
    [
        ("table", r"^\|:---"),
        ("code", r"^```python"),
        ("math", r"\\\(.+\\\).*"),
        ("prices", r"\$20 to \$30"),
        ("list", r"points:\n- "),
        ("hostile", r"<script>"),
        ("unresolved", r"said twice"),
    ],
)
def test_a_shape_can_be_forced_and_others_stay_away(shape: str, sign: str) -> None:
    assert re.search(sign, write(f"x shape:{shape}").text, re.MULTILINE)
    assert not re.search(sign, write("x shape:plain").text, re.MULTILINE)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_shape_is_kept(shape: str) -> None:
    draft = write(f"x shape:{shape}")
    assert draft.shapes == {shape}
    assert bool(draft.thinking) == ("think" in shape)
    assert (len(draft.text.split()) > 1500) == (shape == "long")
    assert (not draft.pages) == (shape == "no_sources")
    assert (not markers(draft.text)) == (shape in {"no_sources", "no_markers", "empty"})


@given(st.text())
def test_a_subject_is_plain_text_on_one_line(prompt: str) -> None:
    subject = subject_of(prompt)
    assert subject
    assert not re.search(r"[<>\[\]*_`$\\|#{}\n]", subject)


@settings(max_examples=30, deadline=None)
@given(st.text())
def test_any_prompt_has_an_answer(prompt: str) -> None:
    draft = write(prompt)
    assert "{s}" not in draft.text
    assert "{m}" not in draft.text


SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"a": {"type": "string", "minLength": 20}, "b": {}}, "required": ["a", "b"]},
    {"type": "array", "items": {"type": "number", "exclusiveMinimum": 3, "maximum": 3.5}, "minItems": 2},
    {"$ref": "#/$defs/row", "$defs": {"row": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}, "n": {"type": "integer", "minimum": 7, "multipleOf": 5}}},
    {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    {"allOf": [{"properties": {"x": {"const": 3}}, "required": ["x"]}, {"properties": {"y": {"enum": ["q"]}}, "required": ["y"]}], "type": "object"},
    {"type": ["string", "null"], "maxLength": 3},
    {"type": "integer", "exclusiveMaximum": -4},
    {"type": "string", "format": "date"},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "minItems": 2},
    {},
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_an_instance_satisfies_its_schema(schema: dict[str, Any]) -> None:
    jsonschema.validate(instance(schema), schema)


numbers = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={
        "minimum": st.integers(-50, 0),
        "exclusiveMaximum": st.integers(2, 50),
        "exclusiveMinimum": st.integers(-50, 0),
    },
)
schemas = st.recursive(
    numbers | st.sampled_from([{"type": "string"}, {"type": "boolean"}, {"enum": [1, "a"]}]),
    lambda inner: (
        st.builds(lambda i, n: {"type": "array", "items": i, "minItems": n}, inner, st.integers(0, 2))
        | st.builds(
            lambda p, n: {"type": "object", "properties": p, "required": list(p)[:n]},
            st.dictionaries(st.text(max_size=3), inner),
            st.integers(0, 2),
        )
        | st.builds(lambda a, b: {"oneOf": [a, {"not": a, "allOf": [b]}]}, inner, inner)
    ),
    max_leaves=5,
)


@given(schemas)
def test_instances_of_made_up_schemas(schema: dict[str, Any]) -> None:
    jsonschema.validate(instance(schema), schema)


def test_an_instance_has_what_it_need_not_have() -> None:
    """Or a person who tries a format would see an empty object."""
    row = {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "number"}}}
    made = instance({"type": "object", "properties": {"rows": {"type": "array", "items": row}}})
    assert [list(each) for each in made["rows"]] == [["name", "price"]] * 2


def test_a_schema_without_an_end_has_one() -> None:
    endless = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert isinstance(instance(endless), dict)
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    jsonschema.validate(instance(tree), tree)


def test_a_forced_shape_has_sources_whatever_the_question() -> None:
    prompts = [f"What is tea? {number}" for number in range(300)]
    assert not all(write(prompt).pages for prompt in prompts)
    assert all(write(f"{prompt} shape:table").pages for prompt in prompts), "tests wait for them"
