from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pplx_jupyter.render import body

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
        'title="2: T2 (s2.example, no date)"><span>[</span>2<span>]</span></a></sup></p>'
    )


def test_a_marker_without_source_is_marked(html_of: Callable[..., str]) -> None:
    wanted = '<p>a <mark class="pplx-u" title="The service sent no source 9">[9]</mark></p>'
    assert html_of("a [9]", 2) == wanted
