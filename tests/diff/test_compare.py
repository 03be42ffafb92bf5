"""Comparing two answers: pure, symmetric, complete, and bounded in time."""

from __future__ import annotations

import dataclasses
import itertools
import random
import time
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer, Source
from pplx_jupyter.diff import Diff, Part, address, compare
from pplx_jupyter.diff.common import pair_equal
from pplx_jupyter.diff.figures import changed_numbers
from pplx_jupyter.diff.sentences import sections_of, split_sentences
from pplx_jupyter.diff.words import key, word_diff
from pplx_jupyter.errors import RequestError
from pplx_jupyter.receipt import Receipt

KINDS = ("same", "moved", "changed", "new", "gone")


def between(before: str, after: str) -> Diff:
    known = [Source(n, f"https://s{n}.example") for n in range(1, 10)]
    return compare(Answer(text=before, sources=known), Answer(text=after, sources=known))


def told(diff: Diff, *kinds: str) -> list[tuple[str, str, str]]:
    return [(part.kind, part.before, part.after) for part in diff.parts if part.kind in (kinds or KINDS[1:])]


def test_sentences_changed_new_and_gone() -> None:
    diff = between(
        "Prices fell in Spain. Rain helped the dams of Norway. Nobody knows why.",
        "Prices fell in Spain. Rain hardly helped the dams of Norway. Storage doubled.",
    )
    assert told(diff) == [
        ("changed", "Rain helped the dams of Norway.", "Rain hardly helped the dams of Norway."),
        ("gone", "Nobody knows why.", ""),
        ("new", "", "Storage doubled."),
    ]
    assert diff.changed
    assert [section.kind for section in diff.sections] == ["changed"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Prices fell.[1][2] They rose.[3]", "Prices fell.[3] They rose [2, 4]."),
        ("Prices fell [1]. They rose.", "Prices fell. They rose.[web:3]"),
        ("**Prices** fell.", "Prices *fell*."),
        ("The “mean” – it’s 3.", 'The "mean" - it\'s  3.'),
        ("# A\n\nOne.\nTwo.", "# A\n\nOne. Two."),
        ("## 1. Costs\n\nOne.", "# 2. Costs:\n\nOne."),
        ("", "\n\n"),
    ],
)
def test_what_is_no_change(before: str, after: str) -> None:
    diff = between(before, after)
    assert not told(diff)
    assert not diff.numbers
    assert not diff.changed


def test_an_array_index_is_no_marker() -> None:
    assert told(between("Use `a[1]` here.", "Use `a[2]` here."))


def test_sections_by_their_headings() -> None:
    diff = between(
        "Intro.\n\n## Costs\n\nThey fell by half.\n\n## Old views\n\nGone is this.\n\n## Why markets differ\n\nGas sets it.\n\n## End\n\nDone.",
        "Intro.\n\n## Costs\n\nThey fell by a third.\n\n## Batteries\n\nNew is that thing.\n\n## Why the markets differ\n\nGas sets it.\n\n## End\n\nDone.",
    )
    assert [(s.kind, s.before, s.after) for s in diff.sections] == [
        ("same", "", ""),
        ("changed", "Costs", "Costs"),
        ("gone", "Old views", ""),
        ("new", "", "Batteries"),
        ("renamed", "Why markets differ", "Why the markets differ"),
        ("same", "End", "End"),
    ]
    assert not diff.reordered


def test_a_section_is_renamed_where_its_text_tells() -> None:
    text = "The mean of all zones fell. Spain stayed lowest. Nobody expected that."
    diff = between(f"# Outlook\n\n{text}", f"# What comes next\n\n{text}")
    assert [(s.kind, s.before, s.after) for s in diff.sections] == [("renamed", "Outlook", "What comes next")]


def test_sections_in_another_order_and_sentences_that_moved() -> None:
    diff = between(
        "# A\n\nOne is here. Two is there.\n\n# B\n\nThree.",
        "# B\n\nThree. One is here.\n\n# A\n\nTwo is there.",
    )
    assert diff.reordered
    assert told(diff) == [("moved", "One is here.", "One is here.")]
    assert [(section.kind, section.left) for section in diff.sections] == [("changed", 0), ("changed", 1)]
    assert diff.changed


def test_sentences_that_moved_are_found_in_any_order_and_in_other_words() -> None:
    diff = between(
        "# A\n\nRain fell on the hills. Two is there. Prices rose by 3 %.\n\n# B\n\nThree.",
        "# A\n\nNothing.\n\n# B\n\nThree. Two is there. Rain fell on the hills. Prices hardly rose by 4 %.",
    )
    assert told(diff, "moved", "changed") == [
        ("moved", "Two is there.", "Two is there."),
        ("moved", "Rain fell on the hills.", "Rain fell on the hills."),
        ("changed", "Prices rose by 3 %.", "Prices hardly rose by 4 %."),
    ]
    assert [(number.before, number.after, number.section) for number in diff.numbers] == [("3", "4", "B")]


def test_headings_of_one_name_are_told_apart_by_what_they_stand_under() -> None:
    diff = between(
        "# Spain\n\n## Prices\n\nLow here.\n\n# Italy\n\n## Prices\n\nHigh there.",
        "# Italy\n\n## Prices\n\nHigh there.\n\n# Spain\n\n## Prices\n\nLow here.",
    )
    assert not told(diff)
    assert diff.reordered


def test_rows_code_lists_and_json_are_compared_line_by_line() -> None:
    diff = between(
        "| Market | 2024 |\n|:--|--:|\n| Spain | 63 |\n| Italy | 108 |\n\n```\na = 1\nb = 2\n```\n\n- one thing\n- two things",
        "| Market | 2024 |\n|:--|--:|\n| Spain | 63 |\n| Italy | 99 |\n\n```\na = 1\nb = 7\n```\n\n- one thing\n- three birds",
    )
    assert [(part.form, part.before, part.after) for part in diff.parts if part.kind == "changed"][:2] == [
        ("row", "Italy | 108", "Italy | 99"),
        ("code", "b = 2", "b = 7"),
    ]
    assert {part.form for part in diff.parts} == {"head", "row", "code", "item"}
    assert told(between('{"a": 1, "b": [2]}', '{"a": 1, "b": [3]}')) == [("changed", "2", "3")]


def test_sources_are_matched_by_address() -> None:
    old = [
        Source(1, "https://www.A.example/p/?utm_source=x&id=3#top"),
        Source(2, "https://b.example/gone"),
        Source(3, "http://c.example:80/P"),
    ]
    new = [
        Source(7, "http://a.example/p?id=3"),
        Source(1, "https://c.example/p"),
        Source(2, "https://c.example/P/"),
    ]
    diff = compare(Answer(sources=old), Answer(sources=[*new, *new]))
    assert [source.url for source in diff.sources_gone] == ["https://b.example/gone"]
    assert [source.url for source in diff.sources_new] == ["https://c.example/p"]
    assert [(kept.before.number, kept.after.number) for kept in diff.sources_kept] == [(1, 7), (3, 2)]
    assert diff.changed


@pytest.mark.parametrize(
    "url", ["", "x", "http://[", "javascript:alert(1)", "https://ä.example/#", "HTTPS://A.EXAMPLE"]
)
def test_any_address_has_a_form(url: str) -> None:
    assert address(address(url)) == address(url)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("It rose by 41.2 % in 2025.", "It rose by 47.9 % in 2025.", [("41.2", "47.9", "%")]),
        ("It costs $9 a month.", "It costs $12 a month.", [("9", "12", "$")]),
        ("It costs $3.2 million.", "It costs $4 million.", [("3.2", "4", "$ million")]),
        ("About 12 sources say so.", "About 14 sources say so.", [("12", "14", "sources")]),
        ("It has 1,200 rows.", "It has 1200 rows.", []),
        ("It has 12.0 rows.", "It has 12 rows.", []),
        ("It has 1 200 rows.", "It has 1 300 rows.", [("1 200", "1 300", "rows")]),
        ("It fell by 3 EUR.", "It fell by −3 EUR.", [("3", "−3", "EUR")]),
        ("It fell in 2024.", "It fell in 2024 by 12 %.", []),
        ("COVID-19 and CO2 stay.", "COVID-20 and CO3 stay.", []),
        ("From 2015-2024 it rose.", "From 2015-2025 it rose.", [("2024", "2025", "")]),
        ("A | 1 | 2 | 3", "A | 1 | 5 | 3", [("2", "5", "")]),
        ("Of 5 zones 3 rose.", "Of 6 zones 4 rose.", [("5", "6", "zones"), ("3", "4", "rose")]),
        ("It stayed the same.", "It rose by 12.", []),
        ("5 zones rose.", "Then came 7!", []),
    ],
)
def test_numbers_that_changed(before: str, after: str, expected: list[tuple[str, str, str]]) -> None:
    assert changed_numbers(before, after) == expected


def test_numbers_come_with_their_sentences() -> None:
    diff = between(
        "# Costs\n\nIt rose by 41.2 %.[1] Nothing else.", "# Costs\n\nNow it rose by 47.9 %.[2] Nothing else."
    )
    [number] = diff.numbers
    assert (number.before, number.after, number.unit, number.section) == ("41.2", "47.9", "%", "Costs")
    assert (number.was, number.now) == ("It rose by 41.2 %.", "Now it rose by 47.9 %.")


def test_words() -> None:
    assert word_diff("It was 41.2 %.", "It is 47.9 %.") == (
        ("same", "It "),
        ("gone", "was 41.2 "),
        ("new", "is 47.9 "),
        ("same", "%."),
    )
    assert word_diff("Now", "Now or never") == (("same", "Now "), ("new", "or never"))
    assert word_diff("Now or never", "Now") == (("same", "Now "), ("gone", "or never"))
    assert Part("changed", "价格下降", "价格上升").words == (
        ("same", "价格"),
        ("gone", "下降 "),
        ("new", "上升"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("See e.g. Smith, Dr. Jones and J. Doe. Next.", ["See e.g. Smith, Dr. Jones and J. Doe.", "Next."]),
        ("It is 3.5. Then.", ["It is 3.5.", "Then."]),
        ("He said “no.” Then “yes!” she said.", ["He said “no.”", "Then “yes!” she said."]),
        ("价格下降。需求上升。", ["价格下降。", "需求上升。"]),
        ("... and so on ... Then", ["... and so on ...", "Then"]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert list(split_sentences(text)) == expected


def test_the_methods_of_answer() -> None:
    old, new = Answer(text="One. Two."), Answer(text="One. Three.")
    diff = new.diff(old)
    assert (diff.old, diff.new) == (old, new)
    assert repr(diff) == "<Diff 1 sentence new, 1 gone>"
    assert "+ Three." in str(diff)
    with pytest.raises(RequestError, match="compares with another answer, not with a str"):
        new.diff("One.")  # type: ignore[arg-type]


def test_the_same_question_is_known_by_its_fingerprint() -> None:
    def answer(fingerprint: str) -> Answer:
        return Answer(receipt=Receipt("7f3a9c", fingerprint=fingerprint))

    assert compare(answer("v1:a"), answer("v1:a")).same_question
    assert not compare(answer("v1:a"), answer("v1:b")).same_question
    assert compare(Answer(), answer("v1:b")).same_question


SENTENCES = st.sampled_from(
    ["One is here.", "Two of 3 are there.", "Two of 5 are there.", "It is $9 [1].", "Rain, wind and sun.", "Rain and wind!",
     "**Bold** <b>x</b>.", "x", "价格下降。价格上升。", "e.g. 5 %", "`a[1]`", "[1] [2]", "\u202e\x00", "\\(x_1\\)"]
)  # fmt: skip
BLOCKS = st.one_of(
    st.lists(SENTENCES, min_size=1, max_size=4).map(" ".join),
    st.sampled_from(["# One", "## Two of 3", "## One", "#", "| a | b |\n|-|-|\n| 1 | 2 |", "```\na = 1\n```", "- one\n- two\n  - x"]),
)  # fmt: skip
TEXTS = st.one_of(st.lists(BLOCKS, max_size=10).map("\n\n".join), st.text(max_size=200))
ANSWERS = st.builds(
    lambda text, pages: Answer(text=text, sources=[Source(n, url) for n, url in enumerate(pages, 1)]),
    TEXTS,
    st.lists(st.sampled_from(["https://a.example/x", "HTTPS://A.example/x/#y", "https://b.example", "x", ""]), max_size=4),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(ANSWERS)
def test_an_answer_is_the_same_as_itself(answer: Answer) -> None:
    diff = compare(answer, dataclasses.replace(answer))
    assert not diff.changed
    assert not diff.numbers
    assert {part.kind for part in diff.parts} <= {"same"}
    assert {section.kind for section in diff.sections} <= {"same"}


@settings(max_examples=200, deadline=None)
@example(
    Answer(text="One two four. Six two four."), Answer(text="Six two four. One two four. Six five four.")
)
@given(ANSWERS, ANSWERS)
def test_the_counts_are_the_same_in_both_directions(old: Answer, new: Answer) -> None:
    there, back = compare(old, new), compare(new, old)
    turned = {"new": "gone", "gone": "new"}
    for kind in KINDS:
        assert there.count(kind) == back.count(turned.get(kind, kind))
    for kind in ("same", "changed", "renamed", "new", "gone"):
        assert there.count_sections(kind) == back.count_sections(turned.get(kind, kind))
    assert len(there.sources_new) == len(back.sources_gone)
    assert len(there.numbers) == len(back.numbers)
    assert (there.changed, there.reordered) == (back.changed, back.reordered)


@settings(max_examples=200, deadline=None)
@given(ANSWERS, ANSWERS)
def test_every_sentence_is_accounted_for(old: Answer, new: Answer) -> None:
    diff = compare(old, new)
    for answer, side in ((old, "before"), (new, "after")):
        units = Counter(unit.text for section in sections_of(answer) for unit in section.units)
        assert units == Counter(text for part in diff.parts if (text := getattr(part, side)))
    # Those of the later answer stand in its order, but for what is gone.
    assert [part.after for part in diff.parts if part.after] == [
        unit.text for section in sections_of(new) for unit in section.units
    ]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_words_lose_nothing(before: str, after: str) -> None:
    runs = word_diff(before.strip(), after.strip())

    def joined(*kinds: str) -> str:
        return "".join(key("".join(run.text for run in runs if run.kind in kinds)).split())

    assert joined("same", "new") == "".join(key(after).split())
    assert joined("same", "gone") == "".join(key(before).split())


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_splitting_loses_nothing(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=30), st.lists(st.integers(0, 6), max_size=30))
def test_pairs_are_equal_and_rise(old: list[int], new: list[int]) -> None:
    pairs = pair_equal(old, new)
    assert all(old[a] == new[b] for a, b in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in itertools.pairwise(pairs))


def test_long_sequences_are_paired_around_what_occurs_once() -> None:
    pairs = pair_equal([*range(1000), -1], [-2, *range(5, 500), -3, *range(500, 1000)])
    assert len(pairs) == 995


def report(size: int, seed: int) -> str:
    """Write a report of nearly the same sentences for every seed, in the same sections."""
    fixed, own = random.Random(1), random.Random(seed)
    words = ["".join(fixed.choices("abcdefghijklmnop", k=6)) for _ in range(3000)]
    blocks, length = [], 0
    while length < size:
        sentence = [fixed.choice(words) for _ in range(14)] + [str(fixed.randrange(99))]
        if own.random() < 0.3:
            sentence[own.randrange(15)] = str(own.randrange(99))
        blocks.append(" ".join(sentence).capitalize() + ". ")
        if fixed.random() < 0.1:
            blocks.append(f"\n\n## {fixed.choice(words)} {fixed.choice(words)}\n\n")
        length += len(blocks[-1])
    return "".join(blocks)


@pytest.mark.parametrize(
    ("before", "after", "seconds"),
    [
        pytest.param(report(100_000, 2), report(100_000, 3), 1, id="two reports of 100 KB"),
        pytest.param(report(1_000_000, 2), report(1_000_000, 3), 8, id="two of 1 MB"),
        pytest.param(report(300_000, 2), report(150_000, 2) + report(300_000, 5)[150_000:], 4, id="half of it new"),
        pytest.param("." * 300_000, "." * 299_999, 4, id="points"),
        pytest.param("a b " * 75_000, "a c " * 75_000, 4, id="one sentence"),
        pytest.param("Ab cd. " * 43_000, "Cd ef. " * 43_000, 4, id="the same sentences over and over"),
        pytest.param("1 2 a 3 " * 38_000, "a 4 5 6 " * 38_000, 4, id="numbers"),
        pytest.param("# A\n\nBc de.\n\n" * 22_000, "# A\n\nBc ef.\n\n" * 22_000, 4, id="headings"),
        pytest.param("|a|b|\n|-|-|\n" + "|1|2|\n" * 50_000, "|a|b|\n|-|-|\n" + "|1|3|\n" * 50_000, 4, id="rows"),
        pytest.param("(" * 90_000 + "1," * 90_000, "1." * 90_000 + ")" * 90_000, 4, id="signs"),
    ],
)  # fmt: skip
def test_the_time_stays_bounded(before: str, after: str, seconds: float) -> None:
    # Processor time: the machine may do something else, too.
    started = time.process_time()
    diff = between(before, after)
    took = time.process_time() - started
    assert diff.changed
    assert took < seconds
    started = time.process_time()
    assert all(len(form) < 3_000_000 for form in diff._repr_mimebundle_().values())
    assert time.process_time() - started < 4
