"""What a job under way says, word by word."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from pplx_jupyter.answer import Search
from pplx_jupyter.ledger import Row
from pplx_jupyter.ledger.gate import PARKED
from pplx_jupyter.notebook.history.acts import possible
from pplx_jupyter.notebook.history.lines import Line
from pplx_jupyter.notebook.panel.progress import clock_step, id_line, progress_of, status_text
from pplx_jupyter.notebook.panel.texts import Texts
from pplx_jupyter.render.words import time_of_day
from pplx_jupyter.watch.steps import KEPT, steps_seen

NOW = 1_800_000_000.0
ROW = Row(
    id="7f3a9c", seq=1, state="running", fingerprint="v1:x", request={}, base_url="", account="", backend="sonar", pinned=False,
    model="sonar-deep-research", effort="high", question="How?", name="prices", notebook="", cell="", filled={}, idempotency_key="",
    created_at=NOW - 134, sending_at=NOW - 133, accepted_at=NOW - 132, settled_at=None, due_at=NOW, tries=0, owner="", remote_id="r",
    remote_status="IN_PROGRESS", request_id="", moved=False, cancel="", trouble=None, failure=None, progress={}, cost=None, cost_estimated=False,
)  # fmt: skip


def row(**changes: Any) -> Row:
    return dataclasses.replace(ROW, **changes)


def trouble(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "said": "no <b>",
        "since": NOW - 60,
        "next": NOW + 30,
        "wait": 30,
        "status": 503,
        **more,
    }


HISTORY = {"jobs": 14, "low": 0.45, "high": 1.10, "seconds_low": 120, "seconds_high": 360, "longest": 1860}
USUAL = "usually 2–6 min and 0.45–1.10 USD (your last 14 jobs like this)"


def at(seconds: float) -> str:
    return time_of_day(datetime.datetime.fromtimestamp(seconds).astimezone())


@pytest.mark.parametrize("state", ["submitting", "queued", "running"])
def test_where_no_figure_is_known_a_panel_says_so(state: str) -> None:
    unknown = row(state=state, backend="agent", model="preset:medium", asked_model="preset:medium")
    assert progress_of(unknown, NOW).beside == "what such a job costs is not known yet"
    assert (
        "what such a job costs is not known yet" in Texts.of(unknown, NOW, mode="watching", earlier=None).head
    )
    assert progress_of(row(state=state), NOW).beside == "usually 2–6 min and 0.40–1.30 USD (published)"


# As the specification's table of live states has it: word, what stands beside the clock, the line.
@pytest.mark.parametrize(
    ("changes", "word", "beside", "line"),
    [
        ({"state": "submitting"}, "○ Sending", USUAL, "Written to your ledger first, so nothing is lost if the kernel stops now."),
        ({"state": "queued"}, "○ Waiting at Perplexity", USUAL, ""),
        ({}, "● Running", USUAL, "This API sends no steps while it works."),
        ({"progress": {"asked": NOW - 3}}, "● Running", USUAL, f"This API sends no steps while it works. Last asked at {at(NOW - 3)}."),
        ({"backend": "agent"}, "● Running", USUAL, "No search yet."),
        ({"sending_at": NOW - 845, "accepted_at": NOW - 844}, "! Running, longer than usual", "9 of 10 such jobs end within 6 min; the longest took 31 min",
         "Nothing is wrong yet. Watching goes on. Perplexity keeps the answer for 7 days, your ledger for good."),
        ({"trouble": trouble("no_connection", said="connection refused")}, "! Running, no connection", "the job is not affected",
         f"No reply since {at(NOW - 60)} (connection refused). Asking again in 30 s."),
        ({"trouble": trouble("rate_limited")}, "! Running, asked to slow down", "the job is not affected",
         f"Perplexity allows the next question at {at(NOW + 30)}."),
        ({"trouble": trouble("rate_limited"), "state": "submitting", "sending_at": None}, "! Not sent yet", "",
         f"Perplexity’s limit of questions a minute is reached. It is sent by itself at {at(NOW + 30)}. Nothing was billed."),
        ({"remote_status": "requires_action"}, "● Running", USUAL,
         "The service says “requires_action”, which this version does not know. Watching goes on."),
        ({"cancel": "asked"}, "● Cancelling", USUAL, "Asking Perplexity to stop."),
        ({"cancel": "sent", "progress": {"cancel": {"at": NOW - 8, "status": 200}}}, "● Cancelling", USUAL,
         f"Perplexity was asked at {at(NOW - 8)}; waiting for its word."),
        ({"cancel": "refused", "progress": {"cancel": {"at": NOW - 8, "status": 404}}}, "● Running", USUAL,
         "<b>This API offers no cancel</b> (404). The job goes on and is billed."),
        ({"trouble": trouble("server")}, "! Running, no proper reply", "the job is not affected",
         f"Perplexity, or a proxy on the way, answers with an error since {at(NOW - 60)} (“no &lt;b&gt;”). Asking again in 30 s."),
        ({"trouble": trouble("not_found")}, "! Not found with this key", "",
         "Perplexity does not know this job with this key (404: “no &lt;b&gt;”). Asking again in 30 s."),
        ({"trouble": trouble("unauthorized", status=401)}, "! Running, refused", "the job is not affected",
         "Perplexity refuses to be asked (401): “no &lt;b&gt;”. Asking again in 30 s; <code>%pplx key</code> sets another key."),
    ],
)  # fmt: skip
def test_each_state_has_its_words(changes: dict[str, Any], word: str, beside: str, line: str) -> None:
    told = progress_of(row(expected=HISTORY, **changes), NOW)
    assert (f"{told.glyph} {told.word}", told.beside, told.line) == (word, beside, line)
    assert not told.counts


def test_a_job_that_moved_says_what_it_costs_there() -> None:
    moved = "<b>Moved to the agent API.</b> The sonar API is retired for this key (403); that try created nothing and billed nothing."
    assert progress_of(row(moved=True, backend="agent"), NOW).line == moved
    told = progress_of(row(moved=True, backend="agent", expected=HISTORY), NOW)
    assert (
        told.line == f"{moved} There, effort high usually costs 0.45–1.10 USD (your last 14 jobs like this)."
    )
    assert told.word == "Running"


def test_steps_are_told_newest_first() -> None:
    steps = [
        ["searched", "gas <b>hours</b>", 10, 11.2],
        ["read", "https://power.example/1", None, 38.0],
        ["read", "https://market.example/2", None, 38.0],
        ["read", "https://third.example/", None, 38.0],
        ["searched", "nord pool", 4, 129.4],
    ]
    progress = {"searches": 18, "sources": 41, "latest": "Searching: “<i>x”", "steps": steps, "total": 7}
    told = progress_of(row(backend="agent", progress=progress), NOW)
    assert told.counts == "<b>18 searches, 41 sources</b> so far, in 5 steps"
    assert told.latest == "Searching: “&lt;i&gt;x”"
    assert told.line == ""
    assert told.steps == (
        (129.4, "searched", "nord pool"),
        (38.0, "read", "power.example, market.example, 1 more"),
        (11.2, "searched", "gas <b>hours</b>"),
    )
    assert told.total == 5, "two were not kept"
    shown = Texts.of(row(backend="agent", progress=progress), NOW, mode="watching", earlier=None)
    assert "<b>hours" not in shown.steps
    assert shown.steps.index("2:09") < shown.steps.index("0:38") < shown.steps.index("0:11")
    assert "and 2 earlier" in shown.steps
    asked = Texts.of(row(backend="agent", progress=progress), NOW, mode="cancel?", earlier=None)
    assert (asked.counts, asked.steps) == ("", "")


def test_rows_of_an_older_version_have_steps_without_times() -> None:
    progress = {"searches": 1, "sources": 1, "latest": "x", "steps": [["searched", "q", 3]]}
    assert progress_of(row(backend="agent", progress=progress), NOW).steps == ((None, "searched", "q"),)


def test_a_step_keeps_the_time_at_which_it_was_first_seen() -> None:
    first = [Search("searched", f"q{n}") for n in range(3)]
    seen = steps_seen({}, first, 10.0)
    again = steps_seen(seen, [*first, Search("read", "https://a.example")], 20.0)
    assert [step[3] for step in again["steps"]] == [10.0, 10.0, 10.0, 20.0]
    many = [Search("searched", f"q{n}") for n in range(150)]
    before = steps_seen(again, many, 30.0)
    after = steps_seen(before, [*many, Search("searched", "last")], 40.0)
    assert (before["total"], len(before["steps"]), after["total"]) == (150, KEPT, 151)
    assert [step[3] for step in after["steps"]] == [30.0] * (KEPT - 1) + [40.0]


def test_what_the_buttons_mean_is_said_where_they_are() -> None:
    def note(mode: str = "watching", **changes: Any) -> str:
        return Texts.of(row(**changes), NOW, mode=mode, earlier=None).note

    assert (
        "Stop watching: the job goes on, is billed, and its answer is still collected. Cancel: Perplexity is asked"
        in note()
    )
    assert "Cancel:" not in note(trouble=trouble("no_connection"))
    assert "Cancel:" not in note(cancel="refused")
    assert "Stop watching" not in note("cancel?")
    assert "Running this cell again also brings the panel back. Nothing is bought twice." in note("stopped")


def test_the_services_words_are_escaped() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    cases: list[dict[str, Any]] = [
        {"remote_status": hostile},
        {
            "backend": "agent",
            "progress": {"searches": 1, "sources": 1, "latest": hostile, "steps": [["read", hostile]]},
        },
        {
            "backend": "agent",
            "progress": {"searches": 1, "sources": 1, "latest": "", "steps": [[hostile, hostile, 1, 1.0]]},
        },
    ]
    kinds = ("no_connection", "server", "not_found", "forbidden", "rate_limited")
    cases += [{"trouble": trouble(kind, said=hostile)} for kind in kinds]
    for changes in cases:
        shown = Texts.of(row(**changes), NOW, mode="watching", earlier=None)
        assert "<img" not in str(dataclasses.replace(shown, question="")), changes


def test_cancel_is_offered_only_where_it_can_help() -> None:
    assert progress_of(row(), NOW).can_cancel
    assert not progress_of(row(cancel="refused"), NOW).can_cancel
    assert not progress_of(row(cancel="sent"), NOW).can_cancel


def test_the_clock_moves_each_second_at_first() -> None:
    assert (clock_step(5), clock_step(500)) == (1.0, 5.0)


def test_lines_for_people_and_logs() -> None:
    assert id_line(row()).startswith(
        "prices · 7f3a9c · sonar-deep-research, effort high · sonar API · asked "
    )
    text = status_text(row(backend="agent", progress={"searches": 18, "sources": 41}), NOW)
    assert text.startswith("prices (7f3a9c): running, 2 min 14 s; 18 searches, 41 sources; agent API; asked ")
    assert "usually 2–6 min and 0.40–1.30 USD (published)" in status_text(row(), NOW)


def test_a_batchs_row_that_waits_for_its_turn_is_not_said_to_be_sent_or_billed() -> None:
    waits = row(state="submitting", sending_at=None, accepted_at=None, due_at=PARKED)
    under_way = row()

    def said(each: Row, mode: str) -> str:
        texts = Texts.of(each, NOW, mode=mode, earlier=None, since=NOW if mode == "stopped" else None)
        return texts.head + texts.line + texts.note

    assert "Not sent yet" in said(waits, "watching")
    assert "Nothing has been sent or billed." in said(waits, "watching")
    assert "Cancel: it is dropped free of charge, unless it has been sent by then." in said(waits, "watching")
    assert "may be billed" not in said(waits, "watching") + said(waits, "cancel?")
    assert "costs nothing" in said(waits, "cancel?")
    assert "billed then" in said(waits, "stopped")
    assert "is dropped, and nothing is billed" in said(dataclasses.replace(waits, cancel="asked"), "watching")
    assert (Line.of(waits, 1).state, Line.of(under_way, 1).state) == ("not sent", "running")
    assert "drops it for nothing" in possible(waits)[1]

    assert "what is done so far may be billed" in said(under_way, "watching")
    assert "may be billed" in said(under_way, "cancel?")
    assert "the job goes on, is billed" in said(under_way, "stopped")
    assert "for nothing" not in possible(under_way)[1]
