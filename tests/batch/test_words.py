"""What a batch says of its money: simulated amounts are called so in every form, and every job is accounted for."""

from __future__ import annotations

import dataclasses
import re
import time
from typing import TYPE_CHECKING

import pytest

from pplx_jupyter import research_map
from pplx_jupyter.batch import forms, words
from pplx_jupyter.batch.standing import Standing, tally_of
from pplx_jupyter.notebook.batch import texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

ROWS = [{"company": name} for name in ("Aurubis", "Borealis")]
KINDS = ("text/html", "text/markdown", "text/plain")


def flat(html: str) -> str:
    """Give a form's words on one line."""
    return " ".join(re.sub(r"<[^>]+>", "", html).replace("\u00a0", " ").split())


def test_what_nobody_was_billed_is_called_simulated_wherever_it_stands(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    session = make_session(sim)
    batch = research_map("Who owns {{ company }}?", ROWS, session=session)
    batch.wait(20)
    spent = f"{batch.tally.spent:.2f} USD"
    page = forms.forms_of(batch)
    for kind in KINDS:
        assert f"{spent} (simulated) for 2 answers" in flat(page[kind]), kind
        head = "USDsimulated" if kind == "text/html" else "USD, simulated"
        assert head in flat(page[kind]), "the column's head, too"
    live = flat(texts.strip(batch, batch.standings, batch.tally))
    assert f"Spent{spent}2 answers, simulated" in live
    assert "0 rows from the ledgerUnknown" in live, "what was not saved is not marked"
    again = research_map("Who owns {{ company }}?", ROWS, session=session)
    told = flat(forms.forms_of(again)["text/plain"])
    assert f"2 from the ledger (saved {spent}, simulated)" in told
    assert re.search(r"saved 0\.\d\d USD, simulated", told.partition("Borealis")[2]), "each row, too"
    assert f"saved {spent} (2 from the ledger, simulated)" in words.sums(again.tally, simulated=True)


def test_amounts_of_the_service_itself_carry_no_mark(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    batch = research_map("Who owns {{ company }}?", ROWS, session=make_session(sim))
    batch.wait(20)
    batch._simulated = False
    assert "simulated" not in forms.forms_of(batch)["text/plain"]
    assert "simulated" not in texts.strip(batch, batch.standings, batch.tally)


def test_a_retried_job_of_unknown_cost_is_told_from_those_that_rows_show(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    asked = research_map("Who owns {{ company }}? outcome:failed", ROWS[:1], session=make_session(sim))
    asked.wait(20)
    assert words.settled_words(asked.tally, 0.0)[1].endswith("1 failed · 1 job of unknown cost")
    asked.retry_failed()
    asked.wait(20)
    assert "2 jobs of unknown cost (1 of them retried)" in forms.forms_of(asked)["text/plain"]
    assert words.figures(asked.tally)[3].of == "ended without a cost (1 of them retried)"
    answered = [dataclasses.replace(each, word="done", cost=0.5) for each in asked.standings]
    replaced = [Standing("before", word="failed", can_hold_cost=True)]
    assert words.sums(tally_of(answered, replaced)).endswith("1 job of unknown cost (retried)")


@pytest.mark.parametrize("backend", ["sonar", "agent"])
def test_the_last_line_names_the_api_and_the_panel_what_is_left_of_the_budget(
    still: Simulator, make_session: Callable[..., Session], backend: str
) -> None:
    batch = research_map("Who owns {{ company }}?", ROWS, session=make_session(still), backend=backend)
    assert f" · {backend} API" in forms.forms_of(batch)["text/plain"].replace("\n", " ")
    left = 1e6 - batch.tally.high
    note = flat(texts.note(batch, batch.tally, mode="watching", budget=batch.budget))
    assert note.endswith(f"budget of this notebook and day: {left:,.2f} of 1,000,000.00 USD left")
    assert "budget" not in forms.forms_of(batch)["text/plain"], "a page that stays tells nothing of today"


def test_an_answer_without_sources_says_so(sim: Simulator, make_session: Callable[..., Session]) -> None:
    batch = research_map("Who owns {{ company }}?", ROWS, name="owners", session=make_session(sim))
    batch.wait(20)
    bare = [dataclasses.replace(each, sources=0) for each in batch.standings]
    lines = words.lines_of(batch, bare, [0, 1], time.time())
    assert [line.told for line in lines] == ["no sources · owners.answer[0]", "no sources · owners.answer[1]"]
    assert "<td" in forms.rows_html("company", lines, "USD")
