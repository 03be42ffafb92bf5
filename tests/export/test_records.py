"""Sections and sentences of an answer, and which sources a sentence cites."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer, Source
from pplx_jupyter.export.records import Claim, Section

if TYPE_CHECKING:
    from collections.abc import Sequence


def claims(text: str, known: int = 5) -> Sequence[Claim]:
    return Answer(
        text=text, sources=[Source(n, f"https://s{n}.example") for n in range(1, known + 1)]
    ).claims()


def pairs(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(claim.text, claim.sources) for claim in claims(text)]


def test_sections(answer: Answer) -> None:
    first, means, details = answer.sections()
    assert first == Section(
        0, "", "Prices fell for a third year. Gas rose, said e.g. Mr. Smith. It costs $9 to $12."
    )
    assert (means.level, means.title, means.text.split("\n")[:3]) == (
        1,
        "Means by year",
        ["Annual mean.", "Market | 2021 | Share | Since", "Spain | 1,112 | 12.5 % | 2 Feb 2026"],
    )
    assert (details.level, details.title) == (2, "Details")
    assert details.text.split("\n") == ["first", "inner", "second", "### no heading", 'print("[1]")']


def test_claims(answer: Answer) -> None:
    found = answer.claims()
    assert found[:3] == [
        Claim("Prices fell for a third year.", (1, 2)),
        Claim("Gas rose, said e.g. Mr. Smith.", (3,), (13,)),
        Claim("It costs $9 to $12."),
    ]
    assert found[3:6] == [
        Claim("Annual mean.", (1,), (), "Means by year"),
        Claim("Spain | 1,112 | 12.5 % | 2 Feb 2026", (2,), (), "Means by year"),
        Claim("Italy | 99 | 3 % | n/a", (), (), "Means by year"),
    ]
    assert Claim("first", (2,), (), "Details") in found
    assert not any("[1]" in claim.text or "print" in claim.text for claim in found)


def test_a_marker_belongs_to_the_sentence_that_it_ends() -> None:
    assert pairs("It fell.[1] It rose [2]. It stayed [3] put.") == [
        ("It fell.", (1,)),
        ("It rose.", (2,)),
        ("It stayed put.", (3,)),
    ]
    assert pairs("It fell. [1] [2, 3] It rose.") == [("It fell.", (1, 2, 3)), ("It rose.", ())]
    assert pairs("**It fell.**[1] It rose.") == [("It fell.", (1,)), ("It rose.", ())]
    assert pairs("价格下跌。[1]然后上涨。[2]") == [("价格下跌。", (1,)), ("然后上涨。", (2,))]
    assert pairs("“It fell.”[1] Then *it* rose[2]!") == [("“It fell.”", (1,)), ("Then it rose!", (2,))]
    assert pairs("It fell [1-3], again [1].") == [("It fell, again.", (1, 2, 3))]
    assert pairs("It fell.\n\n[4]\n\nOn.") == [("It fell.", ()), ("On.", ())]


def test_a_heading_and_a_formula_are_read_without_marks() -> None:
    found = claims("## Prices [1]\n\nAt $x$ [2].")
    assert found == [Claim("At \\(x\\).", (2,), (), "Prices")]


def test_private_characters_forge_no_citation() -> None:
    forged = "It fell.\ue000\ue101\ue102\ue001 And [1] rose \ue000"
    assert pairs(forged) == [("It fell.", ()), ("And rose", (1,))]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["It fell", "Gas rose", "Wind, too"]), st.sets(st.integers(1, 5)), st.booleans()
        ),
        max_size=6,
    )
)
def test_every_marker_is_told_once(sentences: list[tuple[str, set[int], bool]]) -> None:
    text = " ".join(
        f"{said}.{marks}" if behind else f"{said}{' ' * bool(marks)}{marks}."
        for said, numbers, behind in sentences
        for marks in ["".join(f"[{n}]" for n in sorted(numbers))]
    )
    assert pairs(text) == [(f"{said}.", tuple(sorted(numbers))) for said, numbers, _ in sentences]


@given(st.text(st.characters()))
def test_any_text_has_sections_and_claims(text: str) -> None:
    answer = Answer(text=text, sources=[Source(1, "https://a.example")])
    answer.sections()
    assert not any("\ue000" in claim.text for claim in answer.claims())


def test_an_answer_that_is_data_has_claims_too() -> None:
    data = {"summary": "Prices fell. Gas rose [2].", "rows": [{"name": "Spain", "why": "Sun [1][9]"}], "n": 5}
    sources = [Source(1, "https://a.example/"), Source(2, "https://b.example/")]
    answer = Answer(text=json.dumps(data), sources=sources)
    found = [(claim.text, claim.sources, claim.unresolved) for claim in answer.claims()]
    assert found == [
        ("summary: Prices fell.", (), ()),
        ("Gas rose.", (2,), ()),
        ("rows:", (), ()),
        ("Spain | Sun", (1,), (9,)),
        ("n: 5", (), ()),
    ]
    (section,) = answer.sections()
    assert "Spain | Sun" in section.text
    assert "{" not in section.text
