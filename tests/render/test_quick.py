"""What is read quickly reads the same when `markdown` reads it."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplx_jupyter.render import clean, inline, quick
from pplx_jupyter.render.words import plain
from tests.render.composed import document
from tests.render.test_corpus import CASES, CJK

FRAGMENTS = st.lists(
    st.sampled_from(
        [*"*_`~[]()<>!#|\\$&:-+.0123\n ", "a", "word ", "**bold**", "*it*", "`code`", "[1]", "[2, 3]", "[1-3]", "[9]", "[0]", "[1][2]",
         "[a b](https://a.example/x_y)", "[1](https://c.example)", "](", "(x)", "https://b.example", "$5", "$x_1$", "  \n", "\n\n- ", "**", "汉", "。"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


def _both(text: str) -> tuple[str, str]:
    known = {1, 2, 3}
    quickly = clean.sanitise(inline.to_html(plain(text), known))
    with mock.patch.object(quick, "read"):
        slowly = clean.sanitise(inline.to_html(plain(text), known))
    return quickly, slowly


@pytest.mark.parametrize("text", [*CASES.values(), *CJK, *(document(seed) for seed in range(60))])
def test_documents(text: str) -> None:
    quickly, slowly = _both(text)
    assert quickly == slowly


@settings(max_examples=400, deadline=None)
@given(FRAGMENTS)
def test_any_text(text: str) -> None:
    quickly, slowly = _both(text)
    assert quickly == slowly
    assert "zzwxh" not in quickly


def test_most_of_a_report_is_read_quickly() -> None:
    text = "The **price** of $9 rose[1][2] in *May*, see [a page](https://a.example/x): `x = 1`."
    with mock.patch(
        "markdown.treeprocessors.InlineProcessor._InlineProcessor__applyPattern", side_effect=AssertionError
    ):
        assert "<strong>price</strong>" in inline.to_html(text, {1, 2})


@pytest.mark.parametrize("lost", ["[1]", "`x = 1`", "[a](https://a.example)", "$x_1$"])
def test_nothing_is_lost_where_emphasis_overlaps(lost: str) -> None:
    """markdown 3.11 loses what stands behind such emphasis."""
    html = inline.to_html(f"A ~ *it**it*{lost} tail, and **bold** text.\n\nMore **bold** text.", {1})
    alone = inline.to_html(lost, {1}).removeprefix("<div>").removeprefix("<p>").removesuffix("</p>")
    assert alone in html
    assert "zzwxh" not in html
    assert "<strong>bold</strong> text.</p>" in html
