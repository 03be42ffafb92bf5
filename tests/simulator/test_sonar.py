from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.simulator.refusals import RefusalError
from pplx_jupyter.simulator.sonar_checks import sonar_order

if TYPE_CHECKING:
    from collections.abc import Callable

PATHS = ["/async/chat/completions", "/v1/async/sonar"]


def test_a_job_goes_from_created_to_completed(still: Any) -> None:
    posted = still.post_sonar("Prices of power", key="k").json()
    assert (posted["status"], posted["response"], posted["started_at"]) == ("CREATED", None, None)
    still.sim.advance(60)
    running = still.get_sonar(posted["id"])
    assert (running["status"], running["response"], running["completed_at"]) == ("IN_PROGRESS", None, None)
    assert running["started_at"] == posted["created_at"]
    still.sim.advance(600)
    done = still.get_sonar(posted["id"])
    assert done["status"] == "COMPLETED"
    assert done["completed_at"] >= done["created_at"]
    assert done["response"]["simulated"] is True
    content = done["response"]["choices"][0]["message"]["content"]
    assert "This answer is simulated" in content
    assert "Prices of power" in content


def test_both_paths_know_the_same_job(quick: Any) -> None:
    posted = quick.post_sonar("One job").json()
    bodies = [quick.http.get(f"{path}/{posted['id']}").json() for path in PATHS]
    assert bodies[0] == bodies[1]
    other = quick.http.post(
        PATHS[1], json={"request": {"model": "sonar", "messages": [{"role": "user", "content": "x"}]}}
    )
    assert quick.get_sonar(other.json()["id"])["status"] == "COMPLETED"


def test_idempotency_key_buys_once_per_account(quick: Any) -> None:
    first = quick.post_sonar("Once", key="same").json()["id"]
    assert quick.post_sonar("Once", key="same").json()["id"] == first
    assert quick.post_sonar("Once", key="other").json()["id"] != first
    body = {
        "request": {"model": "sonar", "messages": [{"role": "user", "content": "x"}]},
        "idempotency_key": "same",
    }
    foreign = quick.http.post(PATHS[0], json=body, headers={"Authorization": "Bearer key-2"}).json()["id"]
    assert foreign != first
    assert [job["idempotency_key"] for job in quick.sim.bill.jobs] == ["same", "other", "same"]


def test_a_repeated_submission_shows_how_far_the_job_is(quick: Any) -> None:
    quick.post_sonar("Once", key="same")
    assert quick.post_sonar("Once", key="same").json()["status"] == "COMPLETED"


def test_an_account_does_not_see_another(quick: Any) -> None:
    run_id = quick.post_sonar("Mine").json()["id"]
    theirs = {"Authorization": "Bearer key-2"}
    assert quick.http.get(f"{PATHS[0]}/{run_id}", headers=theirs).status_code == 404
    assert quick.http.get(PATHS[0], headers=theirs).json()["requests"] == []


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer bad-key", "Basic abc"])
def test_no_key_or_a_bad_one_is_refused(quick: Any, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    reply = httpx.get(quick.sim.url + PATHS[0], headers=headers)
    assert reply.status_code == 401
    assert reply.json()["error"]["type"] == "invalid_api_key"
    assert reply.headers["x-request-id"]


def test_only_the_keys_given_are_accepted(make: Callable[..., Any]) -> None:
    caller = make(key="good", keys=["good"])
    assert caller.http.get(PATHS[0]).status_code == 200
    assert caller.http.get(PATHS[0], headers={"Authorization": "Bearer key-1"}).status_code == 401


@pytest.mark.parametrize("retired_at_once", [True, False])
def test_a_retired_api_says_so_and_creates_nothing(make: Callable[..., Any], retired_at_once: bool) -> None:
    caller = make(sonar_retired=retired_at_once)
    caller.sim.sonar_retired = True
    for reply in (caller.post_sonar("x"), caller.http.get(PATHS[0]), caller.http.get(f"{PATHS[1]}/id")):
        assert reply.status_code == 403
        assert reply.json()["error"]["type"] == "chat_completions_not_available"
    assert caller.sim.bill.jobs == []
    assert caller.post_agent("x").status_code == 200


def test_the_list_is_paged_newest_first(quick: Any) -> None:
    ids = [quick.post_sonar(f"Job {i}").json()["id"] for i in range(45)]
    seen: list[str] = []
    token, pages = None, 0
    while True:
        page = quick.http.get(PATHS[0], params={"next_token": token} if token else {}).json()
        assert all("response" not in row for row in page["requests"])
        seen += [row["id"] for row in page["requests"]]
        pages += 1
        if pages == 1:  # a job that comes meanwhile moves nothing
            quick.post_sonar("Late")
        token = page["next_token"]
        if token is None:
            break
    assert (pages, seen) == (3, ids[::-1])
    assert len(quick.http.get(PATHS[1], params={"limit": 7}).json()["requests"]) == 7
    assert quick.http.get(PATHS[0], params={"limit": "0"}).status_code == 400
    assert quick.http.get(PATHS[0], params={"next_token": "none"}).status_code == 400


def test_a_result_is_kept_for_seven_days(quick: Any) -> None:
    run_id = quick.post_sonar("Old", key="same").json()["id"]
    quick.sim.advance(7 * 86_400 - 60)
    assert quick.get_sonar(run_id)["status"] == "COMPLETED"
    quick.sim.advance(120)
    assert quick.http.get(f"{PATHS[0]}/{run_id}").status_code == 404
    assert quick.http.get(PATHS[0]).json()["requests"] == []
    assert quick.post_sonar("Old", key="same").json()["id"] != run_id


def test_a_cancelled_job_bills_what_was_done(still: Any) -> None:
    run_id = still.post_sonar("Stop me seconds:200").json()["id"]
    still.sim.advance(100)
    reply = still.http.delete(f"{PATHS[1]}/{run_id}")
    assert (reply.status_code, reply.json()) == (200, {"id": run_id, "status": "CANCELLED"})
    still.sim.advance(1000)
    body = still.get_sonar(run_id)
    assert (body["status"], body["response"], body["error_message"]) == ("CANCELLED", None, "cancelled")
    half = still.sim.bill.jobs[0]["cost"]
    whole = still.sonar("Stop me seconds:200")
    still.sim.advance(1000)
    total = still.get_sonar(whole["id"])["response"]["usage"]["cost"]["total_cost"]
    assert half == pytest.approx(total / 2, rel=0.01)
    assert still.http.delete(f"{PATHS[0]}/{run_id}").status_code == 400


def test_cancel_may_not_be_offered(make: Callable[..., Any]) -> None:
    caller = make(offers_cancel=False)
    run_id = caller.post_sonar("Go on").json()["id"]
    assert caller.http.delete(f"{PATHS[0]}/{run_id}").status_code == 405
    caller.sim.advance(1000)
    assert caller.get_sonar(run_id)["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("failed", "FAILED"),
        ("incomplete", "COMPLETED"),
        ("stuck", "IN_PROGRESS"),
        ("requires_action", "REQUIRES_ACTION"),
        ("unknown_status", "REVIEWING"),
    ],
)
def test_the_prompt_says_how_a_job_ends(still: Any, outcome: str, status: str) -> None:
    run_id = still.post_sonar(f"A question outcome:{outcome}").json()["id"]
    still.sim.advance(100_000)
    body = still.get_sonar(run_id)
    assert body["status"] == status
    assert (body["response"] is not None) == (outcome == "incomplete")
    assert (body["error_message"] is not None) == (outcome == "failed")
    if outcome == "incomplete":
        assert body["response"]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("outcome", ["stuck", "unknown_status"])
def test_an_endless_job_can_be_cancelled(quick: Any, outcome: str) -> None:
    run_id = quick.post_sonar(f"Endless outcome:{outcome}").json()["id"]
    assert quick.http.delete(f"{PATHS[0]}/{run_id}").status_code == 200
    assert quick.get_sonar(run_id)["status"] == "CANCELLED"


def test_max_tokens_cuts_the_text(quick: Any) -> None:
    response = quick.sonar("Short shape:plain", max_tokens=20)["response"]
    assert len(response["choices"][0]["message"]["content"]) == 80
    assert response["choices"][0]["finish_reason"] == "length"
    assert response["usage"]["completion_tokens"] == 20


def test_images_and_questions_come_only_when_asked_for(quick: Any) -> None:
    plain = quick.sonar("Pictures")["response"]
    assert "images" not in plain
    assert "related_questions" not in plain
    rich = quick.sonar("Pictures", return_images=True, num_images=2, return_related_questions=True)[
        "response"
    ]
    assert len(rich["images"]) == 2
    assert all("Pictures" in question for question in rich["related_questions"])


def test_a_schema_is_answered_with_json_after_the_thinking(quick: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"price": {"type": "number", "minimum": 3}},
        "required": ["price"],
    }
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    content = quick.sonar("Price shape:think", response_format=form)["response"]["choices"][0]["message"][
        "content"
    ]
    assert content.startswith("<think>")
    assert json.loads(content.partition("</think>")[2]) == {"price": 3}


@pytest.mark.parametrize("shape", ["citations_only", "parts", "unclosed_think", "no_sources", "empty"])
def test_shapes_of_the_body(quick: Any, shape: str) -> None:
    response = quick.sonar(f"Odd shape:{shape}")["response"]
    content = response["choices"][0]["message"]["content"]
    assert ("search_results" not in response) == (shape == "citations_only")
    assert isinstance(content, list) == (shape == "parts")
    assert (content == "") == (shape == "empty")
    assert (not response["citations"]) == (shape == "no_sources")
    if shape == "unclosed_think":
        assert content.startswith("<think>")
        assert "</think>" not in content


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("search_recency_filter", "fortnight", "literal_error"),
        ("reasoning_effort", "maximum", "literal_error"),
        ("max_tokens", 0, "greater_than_equal"),
        ("max_tokens", 128_001, "less_than_equal"),
        ("n", True, "integer_type"),
        ("return_images", "yes", "boolean_type"),
        ("search_domain_filter", ["a.com", "-b.com"], "value_error"),
        ("search_domain_filter", ["a.com"] * 21, "too_long"),
        ("search_after_date_filter", "2026-11-22", "value_error"),
        ("num_search_results", None, "integer_type"),
        ("model", 3, "string_type"),
        ("messages", [], "too_short"),
    ],
)
def test_a_wrong_field_is_named(quick: Any, field: str, value: Any, kind: str) -> None:
    reply = quick.post_sonar("x", **{field: value})
    assert reply.status_code == 422
    assert [(fault["loc"][:3], fault["type"]) for fault in reply.json()["detail"]] == [
        (["body", "request", field], kind)
    ]
    assert quick.sim.bill.jobs == []


def test_what_the_seeds_send_is_accepted(quick: Any) -> None:
    reply = quick.post_sonar(
        "x",
        search_domain_filter=["nature.com"],
        search_recency_filter="month",
        reasoning_effort="high",
        stop=None,
        temperature=0.2,
        web_search_options={"search_context_size": "high", "user_location": {"country": "DE"}},
    )
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "gpt-2"},
        {"search_recency_filter": "day", "search_after_date_filter": "11/22/2026"},
        {"response_format": {"type": "regex", "regex": {"regex": "a+"}}},
    ],
)
def test_what_makes_no_sense_is_a_bad_request(quick: Any, fields: dict[str, Any]) -> None:
    reply = quick.post_sonar("x", **fields)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, 400)


def test_a_body_that_is_no_json_is_refused(quick: Any) -> None:
    reply = quick.http.post(PATHS[0], content=b"{", headers={"Content-Type": "application/json"})
    assert reply.status_code == 422
    assert reply.json()["detail"][0]["type"] == "json_invalid"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "messages",
    "model",
    "response_format",
    "web_search_options",
    "search_domain_filter",
    "max_tokens",
    "tools",
]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.booleans())
def test_any_body_is_either_taken_or_refused(request_: dict[str, Any], whole: bool) -> None:
    if whole:
        request_ = {"model": "sonar", "messages": [{"role": "user", "content": "x"}], **request_}
    status = None
    try:
        assert isinstance(sonar_order({"request": request_}).prompt, str)
    except RefusalError as error:
        status = error.status
    assert status in {None, 400, 422}


def test_costs_follow_the_published_prices(quick: Any) -> None:
    usage = quick.sonar("What does it cost?", reasoning_effort="high")["response"]["usage"]
    cost = usage["cost"]
    assert cost["reasoning_tokens_cost"] == pytest.approx(usage["reasoning_tokens"] * 3e-6, abs=1e-5)
    assert cost["citation_tokens_cost"] == pytest.approx(usage["citation_tokens"] * 2e-6, abs=1e-5)
    assert cost["search_queries_cost"] == pytest.approx(usage["num_search_queries"] * 0.005, abs=1e-5)
    assert cost["output_tokens_cost"] == pytest.approx(usage["completion_tokens"] * 8e-6, abs=1e-5)
    parts = sum(amount for name, amount in cost.items() if name != "total_cost")
    assert cost["total_cost"] == pytest.approx(parts, abs=1e-9)
    assert 0.3 < cost["total_cost"] < 1.3
    assert quick.sim.bill.total == cost["total_cost"]
    assert math.isclose(quick.sim.bill.jobs[0]["cost"], cost["total_cost"])


def test_too_many_submissions_are_refused_in_three_ways(make: Callable[..., Any]) -> None:
    caller = make(rate_limit=2, speed=1.0)
    assert [caller.post_sonar(f"{i}").status_code for i in range(2)] == [200, 200]
    told = [caller.post_sonar("more") for _ in range(3)]
    assert [reply.status_code for reply in told] == [429, 429, 429]
    hints = [{"retry-after", "x-ratelimit-reset"} & set(reply.headers) for reply in told]
    assert hints == [{"retry-after"}, {"x-ratelimit-reset"}, set()]
    assert 0 < int(told[0].headers["retry-after"]) <= 60
    assert caller.http.get(PATHS[0]).status_code == 200
    assert len(caller.sim.bill.jobs) == 2
    caller.sim.advance(60)
    assert caller.post_sonar("again").status_code == 200


def test_published_limits_are_a_simulated_minutes(make: Callable[..., Any]) -> None:
    slow, fast = make(speed=1.0), make(speed=math.inf)
    assert {slow.post_sonar(f"{i}").status_code for i in range(100)} == {200}
    assert slow.post_sonar("one more").status_code == 429
    assert slow.post_agent("the other API").status_code == 200
    assert {fast.post_sonar(f"{i}").status_code for i in range(150)} == {200}


def test_a_limit_of_ones_own_is_reached_at_any_speed(make: Callable[..., Any]) -> None:
    caller = make(speed=math.inf, rate_limit=1)
    assert [caller.post_agent("x").status_code for _ in range(2)] == [200, 429]
