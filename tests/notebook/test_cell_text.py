"""A Request and its research cell are one: each is made from the other without loss."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.cell.prompts import fill
from pplx_jupyter.notebook.flags.line import parse_line
from pplx_jupyter.notebook.form.cell import cell_text
from pplx_jupyter.request import Request, tidy

texts = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("\n\r\x0b\x85\u2028\\'\"{}%$- ")), min_size=1
).filter(lambda text: text.strip() and not text.strip().startswith("<"))
sites = st.lists(st.from_regex(r"\A[a-z]{1,8}\.(com|org)\Z"), min_size=1, max_size=5, unique=True)
places: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(
        {"country": st.sampled_from(["DE", "US"])}, optional={"city": texts, "region": texts}
    ),
    st.fixed_dictionaries({"latitude": st.floats(-90, 90), "longitude": st.floats(-180, 180)}),
)
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**200), 2**200),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
fields: dict[str, st.SearchStrategy[Any]] = {
    "system_prompt": texts,
    "model": st.sampled_from(["sonar", "openai/gpt-5", "--m"]),
    "reasoning_effort": st.sampled_from(["minimal", "low", "medium", "high"]),
    "effort": st.sampled_from(["fast", "fast@2026-10-16.0"]),
    "max_tokens": st.integers(1, 128_000),
    "search_mode": st.sampled_from(["web", "academic", "sec"]),
    "search_domain_filter": st.one_of(sites, sites.map(lambda found: [f"-{site}" for site in found])),
    "search_after_date_filter": st.dates(),
    "search_language_filter": st.lists(st.sampled_from(["en", "de", "fr"]), min_size=1, unique=True),
    "image_format_filter": st.lists(st.sampled_from(["jpg", "png"]), min_size=1, unique=True),
    "web_search_options": st.fixed_dictionaries(
        {},
        optional={
            "search_context_size": st.sampled_from(["low", "high"]),
            "search_type": st.sampled_from(["fast", "pro"]),
            "user_location": places,
            "image_results_enhanced_relevance": st.booleans(),
        },
    ),
    "disable_search": st.booleans(),
    "return_images": st.booleans(),
    "language_preference": texts,
    "response_format": st.builds(lambda schema: {"type": "json_schema", "json_schema": {"schema": {"s": schema}}}, json_values),
    "extra": st.fixed_dictionaries({"n": st.integers(1, 10), "stop": st.lists(texts, max_size=2)}),
    "webhook_url": st.just("https://example.org/done?a=1&b='2'"),
    "backend": st.sampled_from(["auto", "sonar", "agent"]),
    "take": st.integers(1, 9),
}  # fmt: skip
prompts = st.tuples(st.sampled_from(["", "", ">>> ", "In [1]: ", "...: "]), texts).map("".join)
requests = st.builds(
    Request, prompts, **{name: st.one_of(st.none(), values) for name, values in fields.items()}
)


def asked_by(cell: str, names: dict[str, Any] | None = None) -> tuple[str, Request]:
    """Give the NAME and the Request of a cell, read as IPython reads it."""
    code = ast.parse(TransformerManager().transform_cell(cell)).body
    assert len(code) == 1
    call: Any = code[0]
    magic, line, body = [ast.literal_eval(each) for each in call.value.args]
    assert magic == "pplx_research"
    parsed = parse_line(line)
    prompt = body if parsed.cell.get("no-template") else fill(body, names or {})[0]
    return parsed.name, Request.build(prompt=prompt.strip("\n"), **parsed.fields)


@given(requests, st.sampled_from(["", "prices"]))
def test_the_cell_of_any_request_asks_that_request(request_: Request, name: str) -> None:
    cell = cell_text(request_, name)
    again = asked_by(cell)
    assert again[0] == name
    assert again[1].fingerprint == request_.fingerprint
    # Blank lines around a prompt are nothing, and a template writes all line ends alike.
    assert again[1].replace(prompt=tidy(again[1].prompt)) == request_.replace(prompt=tidy(request_.prompt))


def test_it_is_written_as_a_person_would_write_it() -> None:
    asked = Request(
        "How have prices developed,\nand why?",
        reasoning_effort="high",
        search_domain_filter=["a.com", "b.org"],
        search_recency_filter="year",
        return_related_questions=True,
        web_search_options={
            "user_location": {"city": "Berlin", "country": "DE"},
            "search_context_size": "high",
        },
    )
    assert cell_text(asked, "prices") == (
        "%%pplx_research prices --effort high --domains a.com,b.org --recency year --context-size high"
        " --location Berlin,DE --related\nHow have prices developed,\nand why?"
    )


def test_a_template_stays_one_and_what_only_looks_like_one_is_kept_as_it_stands() -> None:
    asked = Request("Tea in {{ region }}?")
    assert asked_by(cell_text(asked, template=True), {"region": "Assam"})[1].prompt == "Tea in Assam?"
    assert asked_by(cell_text(asked))[1] == asked


def test_a_secret_is_never_in_the_cell_and_a_conversation_has_none() -> None:
    hook: dict[str, Any] = {"webhook_url": "https://example.org/done"}
    assert "hush" not in cell_text(Request("Tea?", webhook_secret="hush-hush", **hook))
    assert "'$HOOK'" in cell_text(Request("Tea?", webhook_secret="$HOOK", **hook))
    with pytest.raises(RequestError, match="has no cell"):
        cell_text(Request(messages=[{"role": "user", "content": "Tea?"}]))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--options nonsense", "write a JSON object"),
        ("""--options '{"prompt": "x"}'""", "the prompt goes below"),
        ("""--options '{"return_image": false}'""", "did you mean return_images"),
    ],
)
def test_options_by_their_full_names_are_checked(line: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        parse_line(line)
