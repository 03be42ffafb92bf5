"""Answers that are JSON, as `response_format` asks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer, Source
from pplx_jupyter.render import answer_forms

if TYPE_CHECKING:
    from collections.abc import Callable

    Audit = Callable[[str], None]

PLAIN, MARKDOWN, HTML = "text/plain", "text/markdown", "text/html"
GIVEN = {
    "region": "EU",
    "mean": 62.5,
    "final": True,
    "note": None,
    "empty": [],
    "markets": [{"name": "Spain", "price": 62, "why": "Sun [1]"}, {"name": "Italy", "price": 109.5}],
    "reasons": ["Gas [1, 2]", "Wind"],
    "more": {"page": "https://a.example/x", "lines": "one\ntwo", "odd": [[1], {"a": {"b": []}}]},
}


def _answer(value: Any, *, text: str = "") -> Answer:
    return Answer(text=text or json.dumps(value), sources=[Source(1, "https://a.example", date="2026-01-02")])


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ('{"a": 1}', {"a": 1}),
        ('  [1, {"b": null}]\n', [1, {"b": None}]),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ("```\n[1]\n```\n", [1]),
        ("{}", {}),
        ("42", None),
        ('"a"', None),
        ("", None),
        ('{"a": 1} and more', None),
        ('See:\n```json\n{"a": 1}\n```', None),
        ("{'a': 1}", None),
        ("[1]", [1]),
        ("[" * 100_000 + "]" * 100_000, None),
        ('{"a": ' + "9" * 10_000 + "}", None),
    ],
)
def test_parsed(text: str, parsed: Any) -> None:
    assert Answer(text=text).parsed == parsed


def test_the_three_forms(audit_html: Audit, audit_markdown: Audit) -> None:
    forms = answer_forms(_answer(GIVEN))
    audit_html(forms[HTML])
    audit_markdown(forms[MARKDOWN])
    assert """
* region: EU
* mean: 62.5
* final: true
* note: null
* empty: []
* markets:

  name   price  why
  ---------------------
  Spain     62  Sun [1]
  Italy  109.5
* reasons:
  * Gas [1][2: no source]
  * Wind
* more:
  * page: https://a.example/x
  * lines: one
    two
  * odd:
    *
      * 1
    *
      * a:
        * b: []
""" in forms[PLAIN]
    assert (
        "  | name | price | why |\n  |:--|--:|:--|\n  | Spain | 62 | Sun [\\[1\\]](https://a.example) |"
        in forms[MARKDOWN]
    )
    assert '<td style="text-align:right">109.5</td>' in forms[HTML]
    assert "1 of 3 citation markers has no source" in forms[PLAIN].replace("\n", " ")


def test_records_alone_are_a_table() -> None:
    html = answer_forms(_answer([{"a": 1}, {"a": 2, "b": "x"}]))[HTML]
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    rows = [["".join(cell.itertext()) for cell in row] for row in tree.find(".//table").iter("tr")]
    assert rows == [["a", "b"], ["1", ""], ["2", "x"]]


def test_one_number_in_brackets_is_a_marker() -> None:
    assert "cited once" in answer_forms(_answer(None, text="[1]"))[PLAIN]


@pytest.mark.parametrize("value", [{"a": {"b": [[[{}]]]}}, {"": ""}, [None, True, "x"], {"a": []}])
def test_odd_shapes(value: Any, audit_html: Audit, audit_markdown: Audit) -> None:
    forms = answer_forms(_answer(value))
    audit_html(forms[HTML])
    audit_markdown(forms[MARKDOWN])


@pytest.mark.parametrize(
    "value",
    [
        json.loads("[" * 100 + "]" * 100),
        list(range(30_000)),
        [{f"k{n}": "v" * 40} for n in range(20_000)],
        {"a": "x" * 1_000_000},
    ],
)
def test_what_nobody_reads_is_shown_as_it_came(value: Any) -> None:
    forms = answer_forms(_answer(value))
    assert len(forms[HTML]) > len(json.dumps(value))


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_JSON)
def test_any_json_is_safe_and_whole(audit_html: Audit, audit_markdown: Audit, value: Any) -> None:
    forms = answer_forms(_answer(value))
    audit_html(forms[HTML])
    audit_markdown(forms[MARKDOWN])


@pytest.mark.parametrize(
    "text", ['{"a_b": [{"x*y*z": [1], "p": "[2]', '[{"n": [1]}, {"n"', '{\n  "rows": [\n    {"n": 1']
)
def test_json_that_ends_early_is_shown_as_it_came(text: str) -> None:
    """Read as Markdown it would lose characters, and gain citations."""
    given = Answer(text=text, incomplete="max_tokens", sources=[Source(1, "https://a.example/")])
    forms = answer_forms(given)
    assert html5lib.parseFragment(forms[HTML], namespaceHTMLElements=False).findtext(".//code") is not None
    assert "".join(forms[PLAIN].split()).count("".join(text.split())) == 1
    assert f"```\n{text}\n```" in forms[MARKDOWN]
    assert "No citation markers" in forms[PLAIN]
