from __future__ import annotations

import re
from typing import TYPE_CHECKING

import html5lib
import pytest

from pplx_jupyter.answer import Answer, Source
from pplx_jupyter.receipt import Receipt
from pplx_jupyter.render import answer_forms, body

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = {1, 2, 3, 4, 5, 11}


@pytest.mark.parametrize(
    ("text", "cited", "unresolved"),
    [
        ("a[1]", {1: 1}, {}),
        ("a[1][2][1]", {1: 2, 2: 1}, {}),
        ("a[2, 3; 5]", {2: 1, 3: 1, 5: 1}, {}),
        ("a[2-4]", {2: 1, 3: 1, 4: 1}, {}),
        ("a[2–4]", {2: 1, 3: 1, 4: 1}, {}),
        ("a[4-6]", {4: 1, 5: 1}, {6: 1}),
        ("a[web:11] b[page:1, web:2]", {11: 1, 1: 1, 2: 1}, {}),
        ("a[web:9]", {}, {9: 1}),
        ("a[13][13]", {}, {13: 2}),
        ("| a |\n|---|\n| x[1] |", {1: 1}, {}),
        ("# a[1]", {1: 1}, {}),
        ("*a[1]*", {1: 1}, {}),
        # None of these is a marker.
        ("a[0]", {}, {}),
        ("in [2024]", {}, {}),
        ("[30-40] years", {}, {}),
        ("[4-2]", {}, {}),
        ("`a[1]`", {}, {}),
        ("```\na[1]\n```", {}, {}),
        ("    a[1]", {}, {}),
        ("\\(a[1] + x_1\\)", {}, {}),
        ("[1](https://x.example)", {}, {}),
        ("[see [1] there](https://x.example)", {}, {}),
        ("![1](https://x.example)", {}, {}),
        ("note[^1]", {}, {}),
        ("\\[1\\]", {}, {}),
        ("[²] [1a] []", {}, {}),
    ],
)
def test_markers(text: str, cited: dict[int, int], unresolved: dict[int, int]) -> None:
    found = body.read(text, KNOWN)
    assert found.cited == cited
    assert found.unresolved == unresolved


def test_neighbours_share_one_element(html_of: Callable[..., str]) -> None:
    assert html_of("a[1] [2][3].", 3).count('<sup class="pplx-c">') == 1
    assert html_of("a[1], b[2]", 3).count('<sup class="pplx-c">') == 2


def test_a_chip_opens_its_source_and_copies_as_a_marker(html_of: Callable[..., str]) -> None:
    assert html_of("a[2]", 2) == (
        '<p>a<sup class="pplx-c"><a href="https://s2.example/p" target="_blank" rel="noopener noreferrer nofollow" '
        'title="2: T2 (s2.example, no date)" id="pplx-x-c2-1"><span>[</span>2<span>]</span></a></sup></p>'
    )


def test_a_marker_without_source_is_marked(html_of: Callable[..., str]) -> None:
    wanted = '<p>a <mark class="pplx-u" title="The service sent no source 9">[9]</mark></p>'
    assert html_of("a [9]", 2) == wanted


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("a[1] b[2]\n\n## References\n[1] Title, https://a.example\n[2] Other", {1: 1, 2: 1}),
        ("a[1]\n\n**Sources:**\n- [1] [T](https://a.example)\n- [2] Other", {1: 1}),
        ("a[1]\n\nQuellen\n\n[1]: https://a.example\n\n## More\n\n[2] says so", {1: 1, 2: 1}),
        ("a[1]\n\n参考文献：\n\n1. [2] T", {1: 1}),
        ("a[1]\n\n## References\n\nThey agree[2].", {1: 1, 2: 1}),
        ("[1] says so", {1: 1}),
    ],
)
def test_an_entry_of_the_models_own_list_is_no_citation(text: str, cited: dict[int, int]) -> None:
    assert body.read(text, KNOWN).cited == cited


def _anchors(markup: str) -> tuple[list[str], list[str]]:
    tree = html5lib.parseFragment(markup, namespaceHTMLElements=False)
    within = [a.get("href")[1:] for a in tree.iter("a") if a.get("href", "").startswith("#")]
    return [element.get("id") for element in tree.iter() if element.get("id")], within


TEXT = "Start[1].\n\n" + "\n\n".join(f"# Part {n}\n\n" + "word " * 500 + "[1][2] [3]." for n in range(30))
SOURCES = [
    Source(1, "https://a.example"),
    Source(2, "javascript:x"),
    Source(3, "https://b.example", snippet="S"),
]


@pytest.mark.parametrize("brief", [False, True])
def test_every_link_within_the_page_names_an_id_of_it(brief: bool) -> None:
    html = answer_forms(Answer(text=TEXT, sources=SOURCES), Receipt("7f3a9c"), brief=brief)["text/html"]
    ids, within = _anchors(html)
    assert len(ids) == len(set(ids))
    assert set(within) <= set(ids)
    assert all(name.startswith("pplx-7f3a9c-") for name in ids)
    # Thirty sections, and the first twenty mentions of each source.
    assert len(within) == 30 + 3 * 20
    assert "and 11 more</p>" in html


def test_two_answers_share_no_anchor() -> None:
    pairs = [
        (Answer(text=TEXT, sources=SOURCES), Receipt("7f3a9c")),
        (Answer(text=TEXT, sources=SOURCES), Receipt("8f3a9c")),
        (Answer(text=TEXT, sources=SOURCES), None),
        (Answer(text=TEXT, sources=SOURCES[:1]), None),
        (Answer(text=TEXT + ".", sources=SOURCES), None),
    ]
    ids = [
        name for answer, receipt in pairs for name in _anchors(answer_forms(answer, receipt)["text/html"])[0]
    ]
    assert len(ids) == len(set(ids))


def test_a_mention_in_a_table_a_heading_and_a_quote_is_found_again() -> None:
    text = "# a[1]\n\n> b[1]\n\n| c |\n|---|\n| d[1] |\n"
    html = answer_forms(Answer(text=text, sources=SOURCES))["text/html"]
    assert re.findall(r">mention (\d)<", html) == ["1", "2", "3"]


def test_sources_of_one_site_or_without_dates_are_told() -> None:
    def said(*sources: tuple[str, str | None]) -> str:
        given = [Source(n, f"https://{site}/{n}", date=date) for n, (site, date) in enumerate(sources, 1)]
        return " ".join(answer_forms(Answer(text="a[1]", sources=given))["text/plain"].split())

    dated = "2026-02-12"
    mixed = said(("www.a.example", dated), ("a.example", dated), ("a.example", None), ("b.example", dated))
    assert "is not checked. 3 of the 4 sources are of one site, a.example. Receipt" in mixed
    assert "All 3 sources are of one site, a.example. None of the 3 sources has a date." in said(
        ("a.example", None), ("a.example", None), ("a.example", None)
    )
    assert "3 of the 5 sources have no date." in said(
        *[(f"{n}.example", dated if n > 2 else None) for n in range(5)]
    )
    quiet = said(("a.example", None), ("a.example", None))
    assert "one site" not in quiet
    assert "has a date" not in quiet


def test_a_page_that_was_only_updated_then_is_not_said_to_be_of_that_day() -> None:
    source = Source(1, "https://a.example/1", last_updated="2026-02-03")
    forms = answer_forms(Answer(text="a[1]", sources=[source]))
    assert "a.example, updated 3 Feb 2026, cited" in forms["text/plain"]
    assert "a.example, updated 3 Feb 2026, cited" in forms["text/markdown"]
