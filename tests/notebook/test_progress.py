"""What a job under way says, word by word."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pplx_jupyter.ledger import Row
from pplx_jupyter.notebook.progress import clock_step, id_line, progress_of, status_text

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


@pytest.mark.parametrize(
    ("changes", "word", "said"),
    [
        ({"state": "submitting"}, "Sending", "Written to your ledger first, so nothing is lost if the kernel stops now."),
        ({"state": "queued"}, "Waiting at Perplexity", ""),
        ({}, "Running", "This API sends no steps while it works."),
        ({"backend": "agent", "progress": {"searches": 18, "sources": 41, "latest": "Searching: “x”"}}, "Running", "<b>18 searches, 41 sources</b> so far"),
        ({"moved": True, "backend": "agent"}, "Running", "<b>Moved to the agent API.</b>"),
        ({"accepted_at": NOW - 1900}, "Running, longer than usual", "Watching goes on."),
        ({"remote_status": "REVIEWING"}, "Running", "The service says “REVIEWING”, which this version does not know."),
        ({"trouble": trouble("no_connection")}, "Running, no connection", "(no &lt;b&gt;). Asking again in 30 s."),
        ({"trouble": trouble("rate_limited")}, "Running, asked to slow down", "Perplexity allows the next question in 30 s."),
        ({"trouble": trouble("rate_limited"), "state": "submitting", "sending_at": None}, "Not sent yet", "Nothing was billed."),
        ({"trouble": trouble("server")}, "Running, no proper reply", "no &lt;b&gt;"),
        ({"trouble": trouble("not_found")}, "Not found with this key", "404"),
        ({"trouble": trouble("unauthorized")}, "Running, refused", "%pplx key"),
        ({"cancel": "asked"}, "Cancelling", "Asking Perplexity to stop."),
        ({"cancel": "sent"}, "Cancelling", "waiting for its word"),
        ({"cancel": "refused"}, "Running", "<b>This API offers no cancel.</b>"),
    ],
)  # fmt: skip
def test_each_state_has_its_words(changes: dict[str, Any], word: str, said: str) -> None:
    told = progress_of(row(**changes), NOW)
    assert told.word == word
    assert said in told.line
    assert told.glyph


def test_the_services_words_are_escaped() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    cases: list[dict[str, Any]] = [
        {"remote_status": hostile},
        {"backend": "agent", "progress": {"searches": 1, "sources": 1, "latest": hostile}},
    ]
    kinds = ("no_connection", "server", "not_found", "forbidden", "rate_limited")
    cases += [{"trouble": trouble(kind, said=hostile)} for kind in kinds]
    for changes in cases:
        assert "<img" not in progress_of(row(**changes), NOW).line


def test_cancel_is_offered_only_where_it_can_help() -> None:
    assert progress_of(row(), NOW).can_cancel
    assert not progress_of(row(cancel="refused"), NOW).can_cancel
    assert not progress_of(row(cancel="sent"), NOW).can_cancel


def test_the_clock_moves_each_second_at_first() -> None:
    assert (clock_step(5), clock_step(500)) == (1.0, 5.0)


def test_lines_for_people_and_logs() -> None:
    assert id_line(row()).startswith(
        "prices · 7f3a9c · sonar-deep-research · effort high · sonar API · asked "
    )
    text = status_text(row(backend="agent", progress={"searches": 18, "sources": 41}), NOW)
    assert text.startswith("prices (7f3a9c): running, 2 min 14 s; 18 searches, 41 sources; agent API; asked ")
    assert "usually 2–6 min and 0.40–1.30 USD (published)" in status_text(row(), NOW)
