"""A comparison in its three forms: complete, readable without styles, and safe whatever the texts hold."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Callable

import html5lib
import pytest
from hypothesis import HealthCheck, given, settings

from pplx_jupyter.answer import Answer, Cost, Source
from pplx_jupyter.diff import compare
from pplx_jupyter.receipt import Receipt
from pplx_jupyter.render import diff_forms, stylesheet
from tests.payloads import OWN
from tests.render.test_hostile import FRAGMENTS

Audit = Callable[[str], None]
CET = datetime.timezone(datetime.timedelta(hours=1))


def receipt(day: int, job: str, **rest: str) -> Receipt:
    return Receipt(
        job_id=job,
        name="prices",
        question="How did prices develop? Give a table.",
        fingerprint=rest.pop("fingerprint", "v1:a"),
        asked_at=datetime.datetime(2026, 11, day, 9, 12, tzinfo=CET),
        **rest,  # type: ignore[arg-type]
    )


OLD = Answer(
    text=(
        "Prices fell by 41.2 % in Spain.[1] Nobody knows why.\n\n## Costs\n\nOne. Two. Three. Four is there. Five.\n\n"
        "| Market | 2024 |\n|:--|--:|\n| Spain | 63 |\n| Italy | 108 |\n\n## Retail\n\nGone is $5.\n\n## End\n\nDone."
    ),
    sources=[Source(1, "https://a.example/x", "Alpha", "2025-02-12"), Source(2, "https://b.example", "Beta")],
    cost=Cost(0.4107),
    receipt=receipt(12, "7f3a9c"),
)
NEW = Answer(
    text=(
        "Prices fell by 47.9 % in Spain.[3] Nobody knows why.\n\n## Costs\n\nOne. Two. Three. Four was there. Five.\n\n"
        "| Market | 2024 |\n|:--|--:|\n| Spain | 63 |\n| Italy | 99 |\n\n## Batteries\n\nNew are 3 of them.\n\n## End\n\nDone."
    ),
    sources=[Source(3, "https://a.example/x#y", "Alpha"), Source(4, "https://c.example/z", "Gamma, new", "2026-01-30")],
    cost=Cost(0.3893),
    receipt=receipt(19, "9ab3c1"),
)  # fmt: skip


def test_the_plain_form() -> None:
    said = diff_forms(compare(OLD, NEW))["text/plain"]
    head, rest = said.split("\n\n", 1)
    assert " ".join(head.split()) == (
        "1 source new, 1 gone · 1 section new, 1 gone · 3 sentences changed, 1 new, 1 gone · 2 numbers changed"
        " · asked 12 Nov 2026 and 19 Nov 2026"
    )
    for line in (
        "Sources    2                  2                  1 new, 1 gone",
        "Cost       0.41 USD           0.39 USD",
        "+ [4] Gamma, new",
        "      c.example, 30 Jan 2026",
        "- [2] Beta",
        " 41.2 %  47.9 %  Prices fell by 47.9 % in Spain.",
        "    108      99  Italy | 99",
        "~ Prices fell by [-41.2-] {+47.9+} % in Spain.",
        "  … 2 sentences unchanged",
        "~ Four [-is-] {+was+} there.",
        "  Market | 2024",
        "~ Italy | [-108-] {+99+}",
        "- Gone is $5.",
        "+ New are 3 of them.",
        "  … 1 section unchanged (1 sentence): “End”",
    ):
        assert line in rest.split("\n"), line
    assert max(map(len, said.split("\n"))) <= 96


def test_the_markdown_form() -> None:
    said = diff_forms(compare(OLD, NEW))["text/markdown"]
    for line in (
        "### What changed: How did prices develop?",
        "| Job | prices (7f3a9c) | prices (9ab3c1) |  |",
        "- New: \\[4\\] [Gamma, new](https://c.example/z) – c.example, 30 Jan 2026",
        "| 41.2 % | 47.9 % | Prices fell by 47.9 % in Spain. |",
        "- Changed: Prices fell by ~~41.2~~ **47.9** % in Spain.",
        "- Gone: ~~Gone is <span>&#36;</span>5.~~",
        "##### New: Batteries",
    ):
        assert line in said.split("\n"), line


def test_the_html_form(audit_html: Audit) -> None:
    said = diff_forms(compare(OLD, NEW))["text/html"]
    audit_html(said)
    bare = re.sub(r' (?:style|class|dir)="[^"]*"', "", said.replace(stylesheet(), ""))
    for piece in (
        "<del>41.2</del> <ins>47.9</ins> % in Spain. Nobody knows why.</p>",
        "<td>Italy</td><td><del>108</del> <ins>99</ins></td>",
        "<h5><del>Retail</del></h5><details><summary>Section gone (1 sentence)</summary>",
        "<h5><ins>Batteries</ins></h5><p><ins>New are 3 of them.</ins></p>",
        "<del>41.2\u00a0%</del>",
        "<td>2<br><span>1 new, 1 gone</span></td>",
    ):
        assert piece in bare, piece
    text = "".join(
        html5lib.parseFragment(said.replace(stylesheet(), ""), namespaceHTMLElements=False).itertext()
    )
    for words in ("Gamma, new", "Beta", "0.41\u00a0USD", "… 2 sentences unchanged", "Gone is $5."):
        assert words in text, words


def test_nothing_changed_is_said_in_a_line() -> None:
    forms = diff_forms(compare(OLD, dataclasses.replace(OLD, cost=Cost(0.2), receipt=receipt(12, "9ab3c1"))))
    assert forms["text/plain"].startswith("Nothing changed · asked 12 Nov 2026, 9:12 and 12 Nov 2026, 9:12")
    assert forms["text/markdown"].count("the same") == 3
    assert not any("Text" in form for form in forms.values())


def test_answers_without_receipts_are_compared_without_dates() -> None:
    forms = diff_forms(compare(Answer(text="One."), Answer(text="Two of them.")))
    assert forms["text/plain"].startswith("1 sentence new, 1 gone\n")
    assert "asked" not in forms["text/markdown"]


def test_a_simulated_answer_says_so_in_every_form() -> None:
    for form in diff_forms(compare(OLD, dataclasses.replace(NEW, simulated=True))).values():
        assert "Simulated answer" in form
        assert "0.00" in form
        assert "0.39" not in form


def test_another_question_is_named() -> None:
    other = receipt(19, "9ab3c1", fingerprint="v1:b", prompt="How did prices develop since 2019?")
    before = receipt(12, "7f3a9c", prompt="How did prices develop since 2021?")
    diff = compare(dataclasses.replace(OLD, receipt=before), dataclasses.replace(NEW, receipt=other))
    forms = diff_forms(dataclasses.replace(diff, question=("effort was low, is high",)))
    assert "How did prices develop since [-2021-] {+2019+}?" in forms["text/plain"]
    assert "How did prices develop since ~~2021~~ **2019**?" in forms["text/markdown"]
    assert ">2021</del> <ins" in forms["text/html"]
    for form in forms.values():
        assert "The question itself differs." in form
        assert "effort was low, is high" in form
    options = dataclasses.replace(other, prompt=before.prompt)
    same = diff_forms(
        compare(dataclasses.replace(OLD, receipt=before), dataclasses.replace(NEW, receipt=options))
    )
    assert "The prompt is the same, but the question's options differ." in same["text/plain"]


def test_a_frozen_run_shows_the_same_everywhere() -> None:
    frozen = [dataclasses.replace(answer, receipt=dataclasses.replace(answer.receipt, reuse="lockfile")) for answer in (OLD, NEW) if answer.receipt]  # fmt: skip
    assert "12 Nov 2026, 8:12" in diff_forms(compare(*frozen))["text/plain"]


def test_what_is_too_much_is_counted_and_not_shown() -> None:
    many = "\n\n".join(f"Sentence {n} says {n * 7} things of its own kind {n * n}." for n in range(4000))
    forms = diff_forms(compare(Answer(text="One."), Answer(text=many)))
    for form in forms.values():
        assert "2,001 more sentences left out here" in form
    long = diff_forms(compare(Answer(text="word " * 50_000), Answer(text="other " * 50_000)))
    assert all(len(form) < 200_000 for form in long.values())


def hostile(text: str, number: int) -> Answer:
    """Make an answer with this text wherever text from outside can stand."""
    said = Receipt(text, text, text, f"{text} {number}", f"{text} {number}", text, text, text, text, filled={text: text}, version=text)  # fmt: skip
    body = f"{text}\n\n# {text} {number}\n\n{text} {number}. Same.\n\n| {text} |\n|-|\n| {number} {text} |\n\n```\n{text} {number}\n```\n"
    return Answer(
        text=body,
        sources=[Source(1, text, text, text), Source(2, f"https://a.example/{number}/{text}", text)],
        cost=Cost(0.1 * number, {text: 0.1}),
        model=text,
        receipt=said,
    )


@pytest.mark.parametrize("payload", OWN)
def test_nothing_active_leaves_any_form(payload: str, audit_html: Audit, audit_markdown: Audit) -> None:
    for old, new in (
        (hostile(payload, 1), hostile(payload, 2)),
        (Answer(text=payload), Answer(text="x")),
        (Answer(text="x"), Answer(text=payload)),
        (Answer(text=f"One two three {payload}"), Answer(text=f"One two three {payload[::-1]}")),
    ):
        forms = diff_forms(dataclasses.replace(compare(old, new), question=(payload,)))
        audit_html(forms["text/html"])
        audit_markdown(forms["text/markdown"])
        assert not set(forms["text/plain"]) & set("\x00\x02\x03\x07\x1b\u202e\u2066")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FRAGMENTS, FRAGMENTS)
def test_no_text_makes_it_raise_or_speak(
    audit_html: Audit, audit_markdown: Audit, before: str, after: str
) -> None:
    forms = diff_forms(compare(hostile(before, 1), hostile(after, 2)))
    audit_html(forms["text/html"])
    audit_markdown(forms["text/markdown"])
    forms["text/plain"].encode()


def test_rows_of_a_table_are_no_sentences_and_its_head_stands_alone_nowhere() -> None:
    table = "| Market | 2024 |\n|:--|--:|\n| Spain | 63 |\n| Italy | 99 |\n| Malta | 7 |"
    old, new = (Answer(text=f"One. Two is {said}.\n\n{table}\n\nLast.") for said in ("here", "there"))
    said = diff_forms(compare(old, new))["text/plain"]
    assert "  … 1 sentence and 3 rows unchanged" in said
    assert "Market" not in said, "a head without its rows tells nothing"
    changed = diff_forms(compare(old, Answer(text=old.text.replace("99", "98"))))["text/plain"]
    assert "  Market | 2024\n  Spain | 63\n~ Italy | [-99-] {+98+}\n  Malta | 7" in changed
