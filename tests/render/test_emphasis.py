"""Emphasis loses nothing, and is CommonMark's wherever that has words between spaces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplx_jupyter.render import body
from tests.render.corpus_trees import ours, theirs

# Marks beside words, as people write them; CommonMark's rule and ours are the same for these.
WORDS = st.lists(
    st.sampled_from(["a", "word", "**b**", "*c*", "***d***", "_e_", "__f__", "**g *h* i**", "*j **k** l*", "m*n*o", "p_q_r", "*", "**", "_", "2*3"]),
    max_size=10,
).map(" ".join)  # fmt: skip
ODD = st.lists(
    st.sampled_from(["*", "**", "***", "****", "_", "__", "x", "yz", "汉", "。", " ", "`c`", "[1]", "\\*"]),
    max_size=20,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(WORDS)
def test_words_with_marks(text: str) -> None:
    assert ours(f"A {text} z") == theirs(f"A {text} z")


@settings(max_examples=300, deadline=None)
@given(ODD)
def test_no_letter_is_lost(text: str) -> None:
    shown = "".join(
        c for node in body.read(f"A{text}.", {1}).root.walk() for c in node.children if isinstance(c, str)
    )
    for letter in "xyzc1汉。":
        assert shown.count(letter) == text.count(letter)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        # markdown 3.11 loses the marker.
        ("*it**it*[1] tail", [["em", "it**it"], "[1] tail"]),
        ("***a** b*", [["em", ["strong", "a"], " b"]]),
        ("**a `x*` b**", [["strong", "a ", ["code", "x*"], " b"]]),
        ("**[a](https://a.example) b**", [["strong", ["a https://a.example", "a"], " b"]]),
        ("**a\nb**", [["strong", "a b"]]),
        ("**", ["**"]),
        ("** a **", ["** a **"]),
        ("\\*a\\*", ["*a*"]),
    ],
)
def test_emphasis(text: str, tree: list[object]) -> None:
    assert ours(f"A: {text}") == [
        ["p", "A: " + tree[0], *tree[1:]] if isinstance(tree[0], str) else ["p", "A: ", *tree]
    ]


def test_deep_nesting_ends() -> None:
    text = "*a " * 400 + "b*" * 400
    assert body.read(text, ()).root.text().count("a") == 400
