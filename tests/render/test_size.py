"""Text of hostile size is shown in time, rendered or as it came, and nothing of it is lost."""

from __future__ import annotations

import json
import re
import time

import html5lib
import pytest

from pplx_jupyter.answer import Answer, Source
from pplx_jupyter.render import answer_forms, stylesheet

pytestmark = pytest.mark.slow

SECONDS = 15.0
"""A guard against what grows with the square, which takes minutes; benchmarks/render.py holds them to two seconds."""

SOURCES = [Source(n, f"https://s{n}.example/page", f"Title {n}") for n in range(1, 101)]
SENTENCE = "The **price** of gas rose in *2021*, and then it fell again as supply recovered[1][2]. "

TEXTS = {
    # An answer of 1 MB.
    "prose": (SENTENCE * 6 + "\n\n") * 2_000,
    "one paragraph": SENTENCE * 12_000,
    "one word": "x" * 1_000_000,
    "sections": f"## Part\n\n{SENTENCE * 4}\n\n- **a:** {SENTENCE}\n  - b\n\n| a | b |\n|---|---|\n| 1 [3] | 2 |\n\n" * 1_700,
    "items": "- item\n" * 140_000,
    "items with markup": "- **a:** text [1]\n" * 55_000,
    "headings": "# a\n" * 250_000,
    "rules": "---\n" * 250_000,
    "fences": "```\nx\n" * 160_000,
    "code": "```python\n" + "x = 'a' + 1  # c\n" * 60_000 + "```",
    "table rows": "| a | b |\n|---|---|\n" + "| x[1] | y |\n" * 80_000,
    "blank lines": "a\n" + "\n" * 1_000_000 + "b",
    "spaces": "a" + " " * 1_000_000 + "b",
    "emphasis": "*a **b " * 140_000,
    "ticks": "`" * 999_999 + "a",
    "dollars": "$a_" * 330_000,
    "formulas": "\\[\nx_1\n" * 120_000,
    "addresses": "https://a.example/x " * 50_000,
    "markers": "[1]" * 333_000,
    "ranges": "[1-40] a\n\n" * 100_000,
    "tags": "<a href='x'>" * 83_000,
    "quotes": "> a\n" * 250_000,
    "records": json.dumps([{"a": n, "b": "x [1]"} for n in range(40_000)]),
    # Brackets.
    "brackets": "a" + "[" * 20_000,
    "brackets with words": "a " + "[note " * 20_000,
    "closing brackets": "a" + "]" * 20_000,
    "beginnings of links": "a" + "[a](" * 20_000,
    "beginnings of images": "a" + "![a](" * 20_000,
    "brackets in many blocks": "\n\n".join("a" + "[" * 40 for _ in range(500)),
    "parentheses": "a" + "[a](https://a.example/" + "(" * 20_000,
    # Nesting.
    "bullets 500 deep": "\n".join("  " * n + "- item" for n in range(500)),
    "numbers 500 deep": "\n".join("   " * n + "1. item" for n in range(500)),
    "tabs 500 deep": "\n".join("\t" * n + "* item" for n in range(500)),
    "kinds 500 deep": "\n".join("   " * n + ("- a" if n % 2 else "1. a") for n in range(500)),
    "500 bullets on a line": "- " * 500 + "item",
    "500 quotes on a line": ">" * 500 + " quoted",
    "quotes 500 deep": "\n".join("> " * n + "quoted" for n in range(500)),
    "stars 500 deep": "*a " * 500 + "b*" * 500,
    "objects 20,000 deep": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "arrays 500 deep": "[" * 500 + "1" + "]" * 500,
    # Columns.
    "columns": "|" + " a |" * 5_000 + "\n|" + "---|" * 5_000 + "\n" + ("|" + " 1 |" * 5_000 + "\n") * 2,
    "columns with markup": "|" + " **a** [1] |" * 5_000 + "\n|" + "---|" * 5_000 + "\n" + ("|" + " `x` [2] |" * 5_000 + "\n") * 3,
    "columns without rows": "|" + "a|" * 5_000 + "\n|" + "-|" * 5_000,
}  # fmt: skip


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{4,}", text)


@pytest.mark.parametrize("name", TEXTS)
def test_it_is_shown_in_time_and_nothing_is_lost(name: str) -> None:
    text = TEXTS[name]
    answer_forms(Answer(text="a `b` **c**\n\n```python\nd\n```"))
    started = time.process_time()
    forms = answer_forms(Answer(text=text, sources=SOURCES))
    assert time.process_time() - started < SECONDS
    shown = forms["text/plain"].split("\n\nSources\n")[0]
    lost = set(_words(text)) - set(_words(shown)) - set(_words(forms["text/html"]))
    assert not lost
    assert len(_words(shown)) >= 0.95 * len(_words(re.sub(r"https?://\S+|href|```python", "", text)))
    assert forms["text/html"].removesuffix(f"{stylesheet()}</div>").endswith("</footer>")


@pytest.mark.parametrize("name", ["bullets 500 deep", "columns", "brackets with words", "stars 500 deep"])
def test_the_page_is_whole(name: str) -> None:
    tree = html5lib.parseFragment(
        answer_forms(Answer(text=TEXTS[name]))["text/html"], namespaceHTMLElements=False
    )
    assert [child.tag for child in tree] == ["div"]
    assert [child.tag for child in tree[0]][-2:] == ["footer", "style"]
