"""Hostile text in every place where text from outside can stand, in every form."""

from __future__ import annotations

from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer
from pplx_jupyter.receipt import Failure
from pplx_jupyter.render import answer_forms, body, failure_line, stylesheet
from pplx_jupyter.render.words import plain
from tests.payloads import OWN, as_answer, collection, elsewhere, everywhere, panels, receipt_of


class Audit(Protocol):
    def __call__(self, text: str, *, typeset: bool = True) -> None: ...


SILENT = set("\x00\x02\x03\x07\x1b\u202e\u2066")


@pytest.mark.parametrize("payload", OWN)
def test_nothing_active_leaves_any_form(payload: str, audit_html: Audit, audit_markdown: Audit) -> None:
    _audit(payload, audit_html, audit_markdown)
    line = failure_line(Failure("failed", payload), receipt_of(payload))
    assert not set(line) & {*SILENT, "\n"}


@pytest.mark.slow
def test_nothing_active_of_the_public_collections(audit_html: Audit, audit_markdown: Audit) -> None:
    if not collection():
        pytest.skip("the collection of payloads is not here; the payloads above were tested")
    # A real browser is shown all of them, see tests/browser/test_safety.py.
    for n, payload in enumerate(collection()[::3]):
        body._shape(body._parse(plain(payload), {1}))
        forms = as_answer(payload)
        audit_html(forms["text/html"])
        audit_markdown(forms["text/markdown"])
        if n % 20 == 0:
            _audit(payload, audit_html, audit_markdown)


def _audit(payload: str, audit_html: Audit, audit_markdown: Audit) -> None:
    """Look at every form of every place, and at a page of its own."""
    for _, forms in [("", as_answer(payload)), *elsewhere(payload)]:
        audit_html(forms["text/html"])
        audit_markdown(forms["text/markdown"])
        assert not set(forms["text/plain"]) & SILENT
    for _, markup in panels(payload):
        audit_html(markup, typeset=False)


def test_a_parser_that_breaks_costs_no_answer(monkeypatch: pytest.MonkeyPatch, audit_html: Audit) -> None:
    def breaks(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(body, "_parse", breaks)
    forms = answer_forms(Answer(text="# <script>\n\nKept $5"))
    audit_html(forms["text/html"])
    assert "<pre><code># &lt;script&gt;&#10;\nKept $5</code></pre>" in forms["text/html"]
    assert "Kept $5" in forms["text/plain"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "![" * 50_000,
        "[a](" * 50_000,
        "*a **b " * 20_000,
        "> " * 20_000,
        "- " * 20_000,
        "\n".join("  " * n + "- a" for n in range(500)),
        "`" * 50_000,
        " ".join("`" * n for n in range(400)),
        "$a_" * 50_000,
        "\\(" * 50_000,
        "\\[\n" * 20_000,
        "| a " * 20_000 + "\n" + "|-" * 20_000,
        "|a|b|\n|-|-|\n" + "|c[1]|d|\n" * 20_000,
        "https://a.b " * 20_000,
        "[1]" * 30_000,
        "[" + "1," * 50_000,
        "word " * 500_000,
        "<a " * 50_000,
    ],
)
def test_hostile_sizes_end_and_lose_nothing(text: str) -> None:
    found = body.read(text, {1})
    letters = [character for character in text[:3000] if character.isalpha()]
    shown = "".join(node if isinstance(node, str) else node.text() for node in found.root.children)
    assert len([character for character in shown if character.isalpha()]) >= len(letters) * 0.9
    assert (
        answer_forms(Answer(text=text))["text/html"]
        .removesuffix(f"{stylesheet()}</div>")
        .endswith("</footer>")
    )


FRAGMENTS = st.lists(
    st.sampled_from(
        [*"*_`~[]()<>!#|\\$&:-+.0123\n\t ", "a", "[1]", "](", "\n\n", "\n- ", "\n1. ", "\n> ", "```", "|-|", "$$", "\\(", "\\)",
         "\\[", "\\]", "https://a.b", "<b>", "&lt;", "    ", "---", "é", "汉", "\u202e", "\x00", "**"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(FRAGMENTS, st.text(max_size=300)))
def test_no_text_makes_it_raise_or_speak(audit_html: Audit, audit_markdown: Audit, text: str) -> None:
    forms = answer_forms(everywhere(text), receipt_of(text))
    audit_html(forms["text/html"])
    audit_markdown(forms["text/markdown"])
    forms["text/plain"].encode()


@settings(max_examples=150, deadline=None)
@given(FRAGMENTS)
def test_no_markup_is_too_odd_for_the_parser(text: str) -> None:
    body._shape(body._parse(plain(text), {1}))
