"""Every reply that the service, or a proxy, is known to give, and what it makes of a row."""

from __future__ import annotations

import dataclasses
import email.utils
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.api.wire import Reply
from pplx_jupyter.ledger import Row
from pplx_jupyter.watch.outcomes import (
    Change,
    after_ask,
    after_cancel,
    after_lost,
    after_submit,
    after_unsent,
    ask_unreached,
    dropped,
    unanswered,
)

NOW = 1_790_000_000.0
DAY = 86_400.0
BOTH = pytest.mark.parametrize("backend", ["sonar", "agent"])
HTML = "<html><head><title>524: A timeout occurred</title></head></html>"


@pytest.fixture(autouse=True)
def hurry() -> None:
    """Here the real pace is tested."""


def row(backend: str = "sonar", **changes: Any) -> Row:
    values: dict[str, Any] = {
        "id": "7f3a9c", "seq": 1, "state": "submitting", "fingerprint": "v1:x", "request": {"prompt": "q"},
        "base_url": "http://s", "account": "me", "backend": backend, "pinned": False, "model": "", "effort": "",
        "question": "q", "name": "", "notebook": "", "cell": "", "filled": {}, "idempotency_key": "k",
        "created_at": NOW - 20, "sending_at": NOW - 10, "accepted_at": None, "settled_at": None, "due_at": NOW,
        "tries": 0, "owner": "me", "remote_id": "", "remote_status": "", "request_id": "", "moved": False,
        "cancel": "", "trouble": None, "failure": None, "progress": {}, "cost": None, "cost_estimated": False,
    }  # fmt: skip
    return Row(**(values | changes))


def under_way(backend: str = "sonar", **changes: Any) -> Row:
    values: dict[str, Any] = {"state": "running", "remote_id": "r1", "accepted_at": NOW - 10}
    return row(backend, **(values | changes))


def reply(status: int, body: Any = None, *, text: str | None = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given = json.dumps(body) if text is None else text
    return Reply(status, httpx.Headers({"X-Request-ID": "req-1"} | named), given, body, text is None)


def refusal(status: int, kind: str = "", message: str = "no", **headers: str) -> Reply:
    return reply(status, {"error": {"message": message, "type": kind, "code": status}}, **headers)


RETIRED = refusal(403, "chat_completions_not_available", "Sonar is now the Agent API.")
RETIRED_TOO = refusal(403, "agent_api_migration_required")


def stays(change: Change) -> bool:
    """Whether the row stays as it is, with a trouble noted, to be tried again later."""
    state = change.changes.get("state")
    return state is None and change.changes["trouble"] is not None and change.changes["due_at"] > NOW


def applied(before: Row, change: Change) -> Row:
    return dataclasses.replace(before, **change.changes)


# -- POST: accepted


@pytest.mark.parametrize(
    ("backend", "body", "state"),
    [
        ("sonar", {"id": "r1", "status": "CREATED"}, "queued"),
        ("sonar", {"request_id": "r1", "status": "QUEUED"}, "queued"),
        ("sonar", {"id": "r1", "status": "IN_PROGRESS", "response": None}, "running"),
        ("sonar", [{"id": "r1", "status": "CREATED"}], "queued"),
        ("sonar", {"requests": [{"id": "r1", "status": "CREATED"}]}, "queued"),
        ("sonar", {"id": "r1", "status": "REVIEWING"}, "running"),
        ("sonar", {"id": "r1"}, "queued"),
        ("sonar", {"id": "r1", "status": None}, "queued"),
        ("sonar", {"id": "r1", "status": "COMPLETED"}, "queued"),
        ("sonar", {"id": "r1", "status": "COMPLETED", "response": None}, "queued"),
        ("agent", {"id": "r1", "status": "queued"}, "queued"),
        ("agent", {"id": "r1", "status": "in_progress", "output": [], "usage": None}, "running"),
        ("agent", {"id": "r1"}, "queued"),
        ("agent", {"id": "r1", "status": "completed", "output": []}, "queued"),
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_an_id_accepts_the_job(backend: str, body: Any, state: str, again: bool) -> None:
    found = applied(
        row(backend, tries=3, trouble={"kind": "server"}),
        after_submit(row(backend), reply(200, body), NOW, again=again),
    )
    assert (found.remote_id, found.state, found.accepted_at) == ("r1", state, NOW)
    assert (found.tries, found.trouble, found.request_id, found.failure) == (0, None, "req-1", None)
    assert NOW <= found.due_at <= NOW + 1.0


def test_an_answer_in_the_reply_to_a_resend_is_taken() -> None:
    completion = {"choices": [{"message": {"content": "It is so."}}], "usage": {"cost": {"total_cost": 0.5}}}
    whole = {"id": "r1", "status": "COMPLETED", "response": completion}
    change = after_submit(row(), reply(200, whole), NOW, again=True)
    assert (change.changes["state"], change.changes["cost"]) == ("completed", 0.5)
    assert change.body is not None
    assert json.loads(change.body) == whole


def test_a_gateway_that_answers_at_once() -> None:
    body = {"id": "chat-1", "choices": [{"message": {"content": "It is so."}}]}
    change = after_submit(row(), reply(200, body), NOW, again=False)
    assert (change.changes["state"], change.changes["remote_id"]) == ("completed", "chat-1")


def test_a_run_that_fails_at_once_was_accepted() -> None:
    body = {"id": "r1", "status": "failed", "error": {"message": "Internal error"}, "usage": None}
    found = after_submit(row("agent"), reply(200, body), NOW, again=False).changes
    assert (found["state"], found["remote_id"], found["accepted_at"]) == ("failed", "r1", NOW)
    assert (found["failure"]["accepted"], found["failure"]["said"]) == (True, "Internal error")


# -- POST: refused


@BOTH
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(401, "invalid_api_key", "Invalid API key"), "unauthorized"),
        (refusal(403, "forbidden"), "forbidden"),
        (refusal(400, "invalid_request"), "invalid"),
        (reply(422, {"detail": [{"loc": ["body", "request", "n"], "msg": "bad", "type": "t"}]}), "invalid"),
        (refusal(404, "not_found"), "invalid"),
        (refusal(405), "invalid"),
        (refusal(413, "too_many_prompt_tokens"), "invalid"),
        (reply(302, text=""), "redirected"),
        (reply(407, text=""), "proxy"),
        (reply(400, text="<h1>Bad Request</h1>"), "invalid"),
    ],
)
def test_a_refused_first_submit_created_nothing(backend: str, answer: Reply, kind: str) -> None:
    change = after_submit(row(backend), answer, NOW, again=False)
    found = applied(row(backend, tries=2), change)
    assert (found.state, found.sending_at, found.accepted_at, found.settled_at) == ("failed", None, None, NOW)
    assert found.owner == "", "whoever runs the cell again may send it"
    assert found.failure is not None
    assert (found.failure["kind"], found.failure["accepted"], found.failure["status"]) == (
        kind,
        False,
        answer.status,
    )
    assert found.failure["request_id"] == found.request_id == "req-1"
    assert change.retired_for is None


def test_a_refusal_keeps_the_servers_words_and_fields() -> None:
    body = {"detail": [{"loc": ["body", "request", "max_tokens"], "msg": "too large", "type": "t"}]}
    failure = after_submit(row(), reply(422, body), NOW, again=False).changes["failure"]
    assert (failure["fields"], failure["said"]) == (["max_tokens"], "max_tokens: too large")
    assert (
        after_submit(row(), refusal(401, "invalid_api_key"), NOW, again=False).changes["failure"]["type"]
        == "invalid_api_key"
    )


@pytest.mark.parametrize("answer", [refusal(401), refusal(403, "forbidden"), RETIRED, RETIRED_TOO])
def test_a_refused_resend_moves_and_ends_nothing(answer: Reply) -> None:
    before = row()
    change = after_submit(before, answer, NOW, again=True)
    found = applied(before, change)
    assert stays(change)
    assert (found.backend, found.moved, found.sending_at, change.retired_for) == (
        "sonar",
        False,
        NOW - 10,
        None,
    )
    assert found.due_at == NOW + 3600, "asked again hourly"
    assert found.trouble is not None
    assert found.trouble["said"]


@pytest.mark.parametrize("answer", [refusal(400), refusal(422), refusal(404), refusal(405), refusal(413)])
def test_a_resend_refused_for_its_content_is_unconfirmed(answer: Reply) -> None:
    found = applied(row(), after_submit(row(), answer, NOW, again=True))
    assert (found.state, found.sending_at) == ("unconfirmed", NOW - 10), (
        "the first POST may have bought a job"
    )
    assert found.failure is not None
    assert (found.failure["kind"], found.failure["said"]) == ("unconfirmed", "no")


def test_a_resend_that_meets_the_first_still_being_worked_on_waits() -> None:
    change = after_submit(row(), refusal(409, "conflict"), NOW, again=True)
    assert stays(change)
    assert change.changes["due_at"] < NOW + 2


# -- POST: retirement


@pytest.mark.parametrize("answer", [RETIRED, RETIRED_TOO])
def test_retirement_moves_a_first_post(answer: Reply) -> None:
    change = after_submit(row(tries=1, trouble={"kind": "rate_limited"}), answer, NOW, again=False)
    found = applied(row(), change)
    assert (found.backend, found.moved, found.state, found.sending_at) == ("agent", True, "submitting", None)
    assert (found.due_at, found.tries, found.trouble) == (NOW, 0, None)
    assert change.retired_for == 7 * DAY


def test_retirement_with_options_that_agent_lacks_names_them() -> None:
    change = after_submit(row(), RETIRED, NOW, again=False, gaps=["search_mode", "return_images"])
    failure = change.changes["failure"]
    assert (change.changes["state"], failure["kind"]) == ("failed", "unsupported")
    assert (failure["fields"], failure["accepted"]) == (["search_mode", "return_images"], False)
    assert (change.retired_for, "backend" in change.changes) == (7 * DAY, False)


def test_retirement_does_not_move_a_pinned_question() -> None:
    change = after_submit(row(pinned=True), RETIRED, NOW, again=False)
    assert (change.changes["state"], change.changes["failure"]["kind"]) == ("failed", "forbidden")
    assert "backend" not in change.changes


def test_the_agent_cannot_be_retired_to_itself() -> None:
    change = after_submit(row("agent", moved=True), RETIRED_TOO, NOW, again=False)
    assert (change.changes["state"], change.changes["failure"]["kind"]) == ("failed", "forbidden")
    assert change.retired_for is None


def test_retirement_of_a_get_moves_nothing() -> None:
    before = under_way()
    change = after_ask(before, RETIRED, NOW)
    found = applied(before, change)
    assert stays(change)
    assert (found.backend, found.remote_id, found.moved, change.retired_for) == ("sonar", "r1", False, None)
    assert found.due_at == NOW + 3600
    assert found.trouble is not None
    assert found.trouble["said"] == "Sonar is now the Agent API."


# -- POST: passing trouble


@BOTH
@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry_After": "30"}, 30.0, 31.0),
        ({"Retry_After": email.utils.formatdate(NOW + 40, usegmt=True)}, 40.0, 41.0),
        ({"x_ratelimit_reset": str(NOW + 50)}, 50.0, 51.0),
        ({}, 0.5, 1.1),
        ({"Retry_After": "0"}, 0.5, 1.1),
        ({"Retry_After": "99999999999"}, 0.5, 1.1),
        ({"Retry_After": "later"}, 0.5, 1.1),
        ({"x_ratelimit_reset": "-1"}, 0.5, 1.1),
    ],
)
def test_a_limit_is_waited_out(backend: str, headers: dict[str, str], least: float, most: float) -> None:
    change = after_submit(row(backend), refusal(429, "rate_limit_exceeded", **headers), NOW, again=False)
    assert stays(change)
    assert least <= change.changes["due_at"] - NOW <= most
    assert change.changes["sending_at"] is None, "a 429 creates nothing: the row is an intent again"
    assert change.changes["trouble"]["kind"] == "rate_limited"
    asked = after_ask(under_way(backend), refusal(429, "", **headers), NOW)
    assert least <= asked.changes["due_at"] - NOW <= most


def test_a_limit_met_by_a_resend_keeps_the_mark() -> None:
    assert "sending_at" not in after_submit(row(), refusal(429), NOW, again=True).changes


def test_a_server_that_says_zero_is_not_asked_ten_times_a_second() -> None:
    waits = [
        after_ask(under_way(tries=n), refusal(429, Retry_After="0"), NOW).changes["due_at"] - NOW
        for n in range(9)
    ]
    assert waits[0] >= 0.5
    assert all(2.5 <= wait <= 5.1 for wait in waits[4:])


BROKEN = [
    refusal(500),
    refusal(503),
    refusal(408),
    refusal(425),
    reply(303, text=""),
    reply(499, text=""),
    reply(524, text=HTML),
    reply(502, text=""),
    reply(200, text='{"id": "r'),
    reply(200, text=HTML),
    reply(200, text=""),
    reply(204, text=""),
    reply(200, []),
    reply(200, None),
    reply(200, "r1"),
    reply(200, {"status": "CREATED"}),
    reply(200, {"id": 5, "status": "CREATED"}),
]


@pytest.mark.parametrize("answer", BROKEN)
@pytest.mark.parametrize("again", [False, True])
def test_sonar_sends_again_what_may_have_arrived(answer: Reply, again: bool) -> None:
    before = row(tries=2)
    change = after_submit(before, answer, NOW, again=again)
    assert stays(change)
    assert applied(before, change).sending_at == NOW - 10, "it may have arrived"
    assert 2.0 <= change.changes["due_at"] - NOW <= 4.0
    assert change.changes["trouble"]["request_id"] == "req-1"


@pytest.mark.parametrize("answer", BROKEN)
def test_agent_leaves_unconfirmed_what_may_have_arrived(answer: Reply) -> None:
    change = after_submit(row("agent"), answer, NOW, again=False)
    found = applied(row("agent"), change)
    assert (found.state, found.owner, found.sending_at) == ("unconfirmed", "", NOW - 10)
    assert found.failure is not None
    assert (found.failure["kind"], found.failure["at"]) == ("unconfirmed", NOW - 10)
    assert found.failure["status"] == answer.status
    assert change.body == (answer.text if answer.ok else None), "what a success said is kept to look at"


def test_a_proxys_page_is_shown_by_its_title() -> None:
    trouble = after_submit(row(), reply(524, text=HTML), NOW, again=False).changes["trouble"]
    assert (trouble["said"], trouble["status"]) == ("524: A timeout occurred", 524)


def test_a_lost_post() -> None:
    assert stays(after_lost(row(), "the connection broke", NOW))
    lost = after_lost(row("agent"), "the connection broke", NOW).changes
    assert (lost["state"], lost["failure"]["reason"]) == ("unconfirmed", "the connection broke")
    assert unanswered(row("agent"), NOW).changes["state"] == "unconfirmed"


@BOTH
def test_a_reply_that_was_cut_off_behind_the_id_accepts_the_job(backend: str) -> None:
    part = reply(200, text='{"id":"r1","status":"queued","outp')
    for change in (
        after_submit(row(backend), part, NOW, again=False),
        after_lost(row(backend), "broke", NOW, part),
    ):
        found = applied(row(backend), change)
        assert (found.state, found.remote_id, found.accepted_at, found.due_at) == ("queued", "r1", NOW, NOW)


def test_what_came_of_a_lost_reply_is_kept() -> None:
    lost = after_lost(row("agent"), "the connection broke", NOW, reply(200, text='{"output": [{"ty'))
    assert (lost.changes["state"], lost.body) == ("unconfirmed", '{"output": [{"ty')
    assert (lost.changes["failure"]["request_id"], lost.changes["failure"]["status"]) == ("req-1", 200)
    assert after_lost(row(), "broke", NOW, reply(200, text="{")).changes["trouble"]["kind"] == "no_connection"


def test_where_a_redirect_leads_is_kept() -> None:
    found = after_submit(
        row(), reply(308, text="", Location="https://elsewhere.example/v1"), NOW, again=False
    )
    assert found.changes["failure"]["reason"] == "elsewhere.example"


@pytest.mark.parametrize(
    ("backend", "body"),
    [
        ("sonar", {"id": "r1", "status": "COMPLETED", "response": None}),
        ("sonar", {"id": "r1", "status": "COMPLETED", "response": {"choices": []}}),
        ("agent", {"id": "r1", "status": "completed", "output": []}),
    ],
)
def test_a_job_that_finished_without_an_answer_is_asked_about_for_a_while(backend: str, body: Any) -> None:
    before = under_way(backend)
    change = after_ask(before, reply(200, body), NOW)
    assert stays(change)
    waiting = applied(before, change)
    assert stays(after_ask(waiting, reply(200, body), NOW + 590))
    assert after_ask(waiting, reply(200, body), NOW + 601).changes["state"] == "completed"
    # A server's trouble before it is another one.
    troubled = under_way(backend, trouble={"kind": "server", "since": NOW - 3600, "next": NOW, "wait": 1.0})
    assert stays(after_ask(troubled, reply(200, body), NOW))


def test_an_answer_that_comes_late_is_taken() -> None:
    empty = after_ask(under_way(), reply(200, {"id": "r1", "status": "COMPLETED", "response": None}), NOW)
    whole = {"id": "r1", "status": "COMPLETED", "response": {"choices": [{"message": {"content": "So."}}]}}
    found = applied(under_way(), empty)
    assert applied(found, after_ask(found, reply(200, whole), NOW + 5)).state == "completed"


@BOTH
def test_a_post_without_a_connection(backend: str) -> None:
    found = applied(row(backend), after_unsent(row(backend), "connection refused", "s", NOW, again=False))
    assert (found.state, found.sending_at, found.owner) == ("failed", None, "")
    assert found.failure == {
        "kind": "no_connection", "reason": "connection refused", "host": "s", "accepted": False, "at": NOW,
    }  # fmt: skip


def test_a_resend_without_a_connection_goes_on() -> None:
    change = after_unsent(row(), "connection refused", "s", NOW, again=True)
    assert stays(change)
    assert "sending_at" not in change.changes


def test_a_dropped_intent_cost_nothing() -> None:
    found = applied(row(sending_at=None), dropped(NOW))
    assert (found.state, found.settled_at, found.accepted_at, found.owner) == ("cancelled", NOW, None, "")
    assert found.failure is not None
    assert found.failure["accepted"] is False


# -- GET


def sonar_done(text: Any = "It is so [1].", finish: str = "stop", **rest: Any) -> dict[str, Any]:
    completion = {
        "model": "sonar-deep-research",
        "choices": [{"message": {"content": text}, "finish_reason": finish}],
        "usage": {"cost": {"total_cost": 0.82}},
    }
    return {"id": "r1", "status": "COMPLETED", "response": completion} | rest


def agent_done(text: str = "It is so.", status: str = "completed", **rest: Any) -> dict[str, Any]:
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}] if text else []
    usage = {"cost": {"currency": "USD", "total_cost": 0.3}}
    return {"id": "r1", "status": status, "output": output, "usage": usage, "model": "m/1"} | rest


@pytest.mark.parametrize(
    ("backend", "body", "state", "cost"),
    [
        ("sonar", sonar_done(), "completed", 0.82),
        ("sonar", [sonar_done()], "completed", 0.82),
        ("sonar", {"requests": [{"id": "r0", "status": "FAILED"}, sonar_done()]}, "completed", 0.82),
        ("sonar", sonar_done(finish="length"), "incomplete", 0.82),
        ("sonar", {"choices": [{"message": {"content": "It is so."}}]}, "completed", None),
        ("agent", agent_done(), "completed", 0.3),
        ("agent", [agent_done()], "completed", 0.3),
        (
            "agent",
            agent_done(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            "incomplete",
            0.3,
        ),
        ("agent", agent_done(usage=None), "completed", None),
    ],
)
def test_an_answer_settles_the_job(backend: str, body: Any, state: str, cost: float | None) -> None:
    answer = reply(200, body)
    change = after_ask(under_way(backend, tries=4, trouble={"kind": "server"}), answer, NOW)
    found = applied(under_way(backend), change)
    assert (found.state, found.settled_at, found.cost, found.owner) == (state, NOW, cost, "")
    assert (found.tries, found.trouble, found.failure) == (0, None, None)
    assert change.body == answer.text, "the raw body first"


def test_an_incomplete_run_without_text_failed_and_cost_what_it_cost() -> None:
    body = agent_done("", "incomplete", incomplete_details={"reason": "max_output_tokens"})
    change = after_ask(under_way("agent"), reply(200, body), NOW)
    found = applied(under_way("agent"), change)
    assert (found.state, found.cost) == ("failed", 0.3)
    assert found.failure is not None
    assert (found.failure["accepted"], found.failure["cost"]) == (True, 0.3)
    assert "max_output_tokens" in found.failure["said"]
    assert change.body is not None


@pytest.mark.parametrize(
    ("backend", "body", "state", "said", "cost"),
    [
        (
            "sonar",
            {"id": "r1", "status": "FAILED", "error_message": "no sources"},
            "failed",
            "no sources",
            None,
        ),
        ("sonar", {"id": "r1", "status": "FAILED", "failed_reason": "broke"}, "failed", "broke", None),
        ("sonar", {"id": "r1", "status": "CANCELLED"}, "cancelled", "", None),
        (
            "agent",
            {"id": "r1", "status": "failed", "error": {"message": "x", "code": "c"}},
            "failed",
            "x",
            None,
        ),
        ("agent", agent_done("", "failed", error={"message": "x"}), "failed", "x", 0.3),
        ("agent", {"id": "r1", "status": "cancelled", "usage": None}, "cancelled", "", None),
        (
            "agent",
            {"id": "r1", "status": "requires_action"},
            "failed",
            "The service's status is requires_action.",
            None,
        ),
        (
            "sonar",
            {"id": "r1", "status": "REQUIRES_ACTION"},
            "failed",
            "The service's status is REQUIRES_ACTION.",
            None,
        ),
    ],
)
def test_the_services_word_ends_a_job(
    backend: str, body: Any, state: str, said: str, cost: float | None
) -> None:
    change = after_ask(under_way(backend), reply(200, body), NOW)
    found = applied(under_way(backend), change)
    assert (found.state, found.cost, found.settled_at, found.owner) == (state, cost, NOW, "")
    assert found.failure is not None
    assert (found.failure["kind"], found.failure["said"], found.failure["accepted"]) == (state, said, True)
    assert found.failure["cost"] == cost, "unknown is never 0"
    assert change.body is not None


@pytest.mark.parametrize(
    ("backend", "word", "state"),
    [
        ("sonar", "IN_PROGRESS", "running"),
        ("sonar", "CREATED", "queued"),
        ("sonar", "REVIEWING", "running"),
        ("agent", "in_progress", "running"),
        ("agent", "queued", "queued"),
        ("agent", "cancelling", "running"),
        ("agent", "<script>", "running"),
    ],
)
def test_unknown_words_count_as_running(backend: str, word: str, state: str) -> None:
    found = applied(
        under_way(backend), after_ask(under_way(backend), reply(200, {"id": "r1", "status": word}), NOW)
    )
    assert (found.state, found.remote_status, found.failure) == (state, word, None)
    assert found.due_at == NOW + 1.0
    assert found.progress["asked"] == NOW


def test_progress_of_a_run() -> None:
    results = [{"id": n, "url": f"https://e.test/{n}"} for n in range(3)]
    output = [{"type": "search_results", "queries": ["a", "b"], "results": results}]
    body = {"id": "r1", "status": "in_progress", "output": output}
    progress = after_ask(under_way("agent"), reply(200, body), NOW).changes["progress"]
    assert (progress["searches"], progress["sources"]) == (2, 3)
    assert progress["latest"]
    assert progress["steps"]


@BOTH
@pytest.mark.parametrize(
    "answer",
    [
        refusal(500),
        refusal(503),
        reply(524, text=HTML),
        reply(200, text=HTML),
        reply(200, text='{"id": "r1", "status": "COMPL'),
        reply(200, []),
        reply(200, {}),
        reply(200, None),
        reply(200, 7),
        reply(200, [{"id": "other", "status": "COMPLETED"}, {"id": "third", "status": "FAILED"}]),
        reply(200, {"id": "r1"}),
        reply(302, text=""),
        refusal(400),
        refusal(405),
        refusal(422),
    ],
)
def test_nothing_but_the_services_word_ends_a_job(backend: str, answer: Reply) -> None:
    for tries in (0, 3, 50):
        before = under_way(backend, tries=tries)
        change = after_ask(before, answer, NOW)
        assert stays(change), "asked again for ever"
        assert applied(before, change).state == "running"
        assert change.changes["due_at"] - NOW <= 60.0
        assert change.changes["tries"] == tries + 1


def test_a_key_that_is_refused_is_asked_again_each_minute_and_others_hourly() -> None:
    assert after_ask(under_way(), refusal(401), NOW).changes["due_at"] == NOW + 60
    assert after_ask(under_way(), refusal(403, "forbidden"), NOW).changes["due_at"] == NOW + 3600


@BOTH
@pytest.mark.parametrize(
    ("age", "state", "wait"),
    [
        (1.0, "running", 2.0),
        (59.0, "running", 2.0),
        (61.0, "running", 3600.0),
        (6.9 * DAY, "running", 3600.0),
        (7 * DAY, "expired", None),
        (30 * DAY, "expired", None),
    ],
)
def test_a_404(backend: str, age: float, state: str, wait: float | None) -> None:
    before = under_way(backend, accepted_at=NOW - age)
    found = applied(before, after_ask(before, refusal(404, "not_found", "resource not found"), NOW))
    assert found.state == state
    if wait is None:
        assert found.failure is not None
        assert (found.failure["kind"], found.failure["accepted"], found.settled_at) == ("expired", True, NOW)
        assert found.cost is None
    else:
        assert found.trouble is not None
        assert (found.trouble["kind"], found.due_at) == ("not_found", NOW + wait)


def test_a_404_after_a_cancel_is_its_success() -> None:
    before = under_way("agent", cancel="sent")
    found = applied(before, after_ask(before, refusal(404), NOW))
    assert (found.state, found.cost) == ("cancelled", None)


def test_a_trouble_keeps_its_beginning_while_it_lasts() -> None:
    first = applied(under_way(), after_ask(under_way(), refusal(503), NOW))
    second = applied(first, after_ask(first, refusal(502), NOW + 5))
    third = applied(second, ask_unreached(second, "no reply in time", NOW + 9))
    assert first.trouble is not None
    assert second.trouble is not None
    assert third.trouble is not None
    assert (second.trouble["since"], third.trouble["since"]) == (NOW, NOW + 9)
    assert (second.tries, third.trouble["kind"]) == (2, "no_connection")


# -- cancel


def test_a_cancel_that_is_done_at_once() -> None:
    before = under_way(cancel="asked")
    found = applied(before, after_cancel(before, reply(200, {"id": "r1", "status": "CANCELLED"}), NOW))
    assert (found.state, found.cancel, found.cost, found.owner) == ("cancelled", "sent", None, "")
    assert found.failure is not None
    assert found.failure["accepted"] is True


@pytest.mark.parametrize(
    "answer",
    [reply(200, {"response_id": "r1", "status": "cancelling"}), reply(204, text=""), reply(202, None)],
)
def test_a_cancel_that_takes_its_time(answer: Reply) -> None:
    change = after_cancel(under_way("agent", cancel="asked"), answer, NOW)
    told = {"cancel": {"at": NOW, "status": answer.status}}
    assert change.changes == {"cancel": "sent", "due_at": NOW + 1.0, "progress": told}


@pytest.mark.parametrize(
    ("backend", "answer", "word"),
    [
        ("agent", refusal(400, "invalid_request", "the run is already terminal"), "late"),
        ("sonar", refusal(400, "invalid_request", "the run is already terminal"), "late"),
        ("sonar", refusal(409), "late"),
        ("sonar", refusal(404), "refused"),
        ("sonar", refusal(405), "refused"),
        ("sonar", refusal(501), "refused"),
        ("sonar", RETIRED, "refused"),
        ("agent", refusal(404), "refused"),
        ("agent", refusal(403), "refused"),
    ],
)
def test_a_cancel_that_cannot_be(backend: str, answer: Reply, word: str) -> None:
    change = after_cancel(under_way(backend, cancel="asked"), answer, NOW)
    told = {"cancel": {"at": NOW, "status": answer.status}}
    assert change.changes == {"cancel": word, "tries": 0, "due_at": NOW, "progress": told}, (
        "the job goes on, and is asked at once"
    )


@BOTH
def test_a_cancel_is_tried_again_but_not_for_ever(backend: str) -> None:
    before = under_way(backend, cancel="asked")
    for _ in range(5):
        change = after_cancel(before, refusal(503), NOW)
        assert stays(change)
        before = applied(before, change)
        assert before.cancel == "asked"
    assert after_cancel(before, refusal(503), NOW).changes["cancel"] == "refused", (
        "the answer must be collected"
    )


@BOTH
def test_a_cancel_meets_a_limit_a_bad_key_or_no_network(backend: str) -> None:
    before = under_way(backend, cancel="asked", tries=9)
    limited = after_cancel(before, refusal(429, Retry_After="7"), NOW)
    assert limited.changes["due_at"] - NOW >= 7
    assert after_cancel(before, refusal(401), NOW).changes["due_at"] == NOW + 60
    for change in (limited, after_cancel(before, refusal(401), NOW), ask_unreached(before, "gone", NOW)):
        assert applied(before, change).cancel == "asked"


@pytest.mark.parametrize("cancel", ["asked", "sent"])
def test_an_answer_that_was_quicker_than_the_cancel_is_kept(cancel: str) -> None:
    before = under_way("agent", cancel=cancel)
    found = applied(before, after_ask(before, reply(200, agent_done()), NOW))
    assert (found.state, found.cancel, found.cost) == ("completed", "late", 0.3)


# -- anything


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "status", "response", "choices", "output", "usage", "cost", "error", "requests"]
            ),
            inner | st.sampled_from(["COMPLETED", "FAILED", "queued", "incomplete", "r1"]),
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(
    JSON,
    st.sampled_from(["sonar", "agent"]),
    st.sampled_from([200, 201, 400, 403, 404, 429, 500]),
    st.booleans(),
)
def test_no_body_breaks_the_reading_or_loses_a_purchase(
    body: Any, backend: str, status: int, again: bool
) -> None:
    answer = reply(status, body)
    posted = applied(
        row(backend), after_submit(row(backend), answer, NOW, again=again and backend == "sonar")
    )
    asked = applied(under_way(backend), after_ask(under_way(backend), answer, NOW))
    applied(under_way(backend, cancel="asked"), after_cancel(under_way(backend, cancel="asked"), answer, NOW))
    if answer.ok:
        known = bool(posted.remote_id) or posted.state == "unconfirmed" or posted.sending_at is not None
        assert known, "a success may be a purchase"
    assert asked.remote_id == "r1"
    if posted.state not in {"submitting", "failed", "unconfirmed"}:
        assert posted.remote_id
