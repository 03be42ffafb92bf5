from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

import pytest

from pplx_jupyter.answer import Answer, Cost, Source
from pplx_jupyter.receipt import Receipt
from pplx_jupyter.render import Code, Note, hint_forms, note_forms, raw_forms, state_forms
from pplx_jupyter.render.receipts import question

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN, MARKDOWN, HTML = "text/plain", "text/markdown", "text/html"


def test_the_hint_outlives_the_page(receipt: Receipt) -> None:
    forms = hint_forms(receipt, usual="2–6 min and 0.45–1.10 USD")
    assert forms[MARKDOWN] == (
        "Job `prices` (7f3a9c), asked 22 Nov 2026, 14:29:51, is under way: sonar-deep-research, effort high, "
        "usually 2–6 min and 0.45–1.10 USD.\n"
        "If nothing moves above, run this cell again: it follows the same job and buys nothing."
    )
    assert forms[PLAIN].startswith("prices (7f3a9c), asked 22 Nov 2026, 14:29:51: sonar-deep-research")
    assert "<code>prices</code> (7f3a9c), asked" in forms[HTML]
    assert hint_forms(Receipt("7f3a9c"))[MARKDOWN].startswith("Job 7f3a9c, is under way.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settled_at": None}, "Finished 0.39 USD · 22 Nov 2026, 14:29"),
        (
            {"reuse": "ledger", "now": None},
            "From your ledger: answered 22 Nov 2026, 14:34 · nothing sent · saved 0.39 USD",
        ),
    ],
)
def test_states(changes: dict[str, object], said: str, receipt: Receipt) -> None:
    given = dataclasses.replace(receipt, **changes)  # type: ignore[arg-type]
    assert state_forms(Answer(text="a", cost=Cost(0.39)), given)[PLAIN].split("\n")[0] == said


def test_an_unknown_cost_is_never_nothing(receipt: Receipt) -> None:
    unknown = Answer(text="a", sources=[Source(1, "")])
    assert (
        state_forms(unknown, receipt)[PLAIN]
        == "Finished in 4 min 12 s · cost unknown · 1 source · 22 Nov 2026, 14:34"
    )
    reused = dataclasses.replace(receipt, reuse="ledger")
    assert "saved" not in state_forms(unknown, reused)[PLAIN]


@pytest.mark.parametrize(
    ("recency", "days", "told"),
    [("week", 6, False), ("week", 8, True), ("day", 2, True), ("year", 300, False), ("", 3000, False)],
)
def test_an_answer_older_than_the_window_of_its_question_says_so(
    recency: str, days: int, told: bool, receipt: Receipt
) -> None:
    assert receipt.settled_at is not None
    now = receipt.settled_at + datetime.timedelta(days=days)
    reused = dataclasses.replace(receipt, reuse="ledger", now=now, recency=recency)
    line = "! Older than the question’s own window."
    forms = state_forms(Answer(text="a", cost=Cost(0.39)), reused)
    for form in (PLAIN, MARKDOWN, HTML):
        assert (line in forms[form]) == told
    if told:
        assert f"pages of the last {recency}; this answer is of 22 Nov 2026, 14:34." in " ".join(
            forms[PLAIN].split()
        )
    frozen = dataclasses.replace(reused, reuse="lockfile")
    fresh = dataclasses.replace(reused, reuse=None)
    for other in (frozen, fresh):
        assert line not in str(state_forms(Answer(text="a"), other))


def test_the_clock_is_never_asked(receipt: Receipt) -> None:
    now = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
    later = dataclasses.replace(receipt, now=now)
    assert state_forms(Answer(text="a"), receipt) == state_forms(Answer(text="a"), later)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("One? Two.", "One?"),
        ("# What is\nthis 3.5 thing?\n\nMore", "What is this 3.5 thing?"),
        ("多少钱？谢谢", "多少钱？"),
        ("word " * 60, "word " * 27 + "word…"),
        ("", ""),
    ],
)
def test_the_title_is_the_first_sentence(text: str, title: str) -> None:
    assert question(Receipt("x", question=text)) == title
    assert len(title) <= 140


def test_a_body_not_understood_is_shown_as_it_came(
    receipt: Receipt, audit_html: Callable[[str], None], audit_markdown: Callable[[str], None]
) -> None:
    given = Answer(understood=False, raw={"a": "```<script>alert(1)</script>"}, cost=Cost(0.82))
    forms = raw_forms(given, receipt)
    audit_html(forms[HTML])
    audit_markdown(forms[MARKDOWN])
    assert "Finished, but not understood: shown as it came." in forms[HTML]
    assert "0.82 USD, billed. Kept whole in prices.raw." in forms[PLAIN]
    assert '"a": "```<script>alert(1)</script>"' in forms[PLAIN]
    assert "<details>" not in forms[HTML]
    given_forms = raw_forms(dataclasses.replace(given, raw=list(range(300))), receipt)
    assert "<details>" in given_forms[HTML]
    assert "298\n" not in given_forms[PLAIN]
    assert "… 102 more lines in prices.raw" in given_forms[PLAIN]


def test_a_body_that_is_no_json(receipt: Receipt) -> None:
    loop: list[object] = []
    loop.append(loop)
    for raw in (loop, {1: {2, 3}}, {(1, 2): 3}, "<html>\ud800", b"x", None, float("nan")):
        assert raw_forms(Answer(understood=False, raw=raw), receipt)[HTML].isprintable() is not None


def test_notes_of_others_have_the_same_looks(audit_html: Callable[[str], None]) -> None:
    note = Note("!", "warn", "Not sent: $5 <b>", ("Nothing was billed.",), bullets=[("Add ", Code("--yes"))])
    forms = note_forms(note)
    audit_html(forms[HTML])
    assert (
        forms[MARKDOWN] == "**Not sent: <span>&#36;</span>5 &lt;b&gt;** Nothing was billed.\n\n- Add `--yes`"
    )
    assert forms[PLAIN] == "! Not sent: $5 <b>\n  Nothing was billed.\n  * Add --yes"
