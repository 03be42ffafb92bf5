from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.simulator.agent_checks import agent_order
from pplx_jupyter.simulator.refusals import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def kinds(body: dict[str, Any]) -> list[str]:
    return [item["type"] for item in body["output"]]


def test_output_grows_while_the_run_goes_on(still: Any) -> None:
    posted = still.post_agent("Prices of power seconds:100").json()
    assert (posted["status"], posted["output"], posted["model"], posted["usage"]) == (
        "queued",
        [],
        "high",
        None,
    )
    lengths = []
    for _ in range(9):
        still.sim.advance(10)
        body = still.get_agent(posted["id"])
        assert (body["status"], body["usage"], body["model"]) == ("in_progress", None, "high")
        lengths.append(len(body["output"]))
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 3
    still.sim.advance(20)
    done = still.get_agent(posted["id"])
    assert done["status"] == "completed"
    assert done["simulated"] is True
    assert kinds(done) == [
        "search_results",
        "fetch_url_results",
        "search_results",
        "fetch_url_results",
        "search_results",
        "message",
    ]
    assert "This answer is simulated" in done["output"][-1]["content"][0]["text"]


def test_result_ids_come_out_of_order(quick: Any) -> None:
    searches = [item for item in quick.agent("Where?")["output"] if item["type"] == "search_results"]
    ids = [result["id"] for item in searches for result in item["results"]]
    assert ids == [*range(11, 31), *range(1, 11)]
    assert sum(len(item["queries"]) for item in searches) == 24


def test_created_at_moves_while_the_run_goes_on(still: Any) -> None:
    posted = still.post_agent("Moving seconds:100").json()
    still.sim.advance(50)
    first = still.get_agent(posted["id"])["created_at"]
    assert first >= posted["created_at"] + 49
    still.sim.advance(60)
    done = still.get_agent(posted["id"])
    still.sim.advance(60)
    assert still.get_agent(posted["id"])["created_at"] == done["created_at"] == done["completed_at"]


def test_both_paths_know_the_same_run(quick: Any) -> None:
    run_id = quick.http.post("/v1/agent", json={"input": "x", "effort": "low", "background": True}).json()[
        "id"
    ]
    assert quick.http.get(f"/v1/agent/{run_id}").json() == quick.get_agent(run_id)


def test_a_repeated_post_is_a_second_paid_run(quick: Any) -> None:
    assert quick.agent("Twice")["id"] != quick.agent("Twice")["id"]
    assert len(quick.sim.bill.jobs) == 2
    assert quick.sim.bill.total == pytest.approx(2 * quick.sim.bill.jobs[0]["cost"])


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/agent"])
def test_cancel_is_accepted_then_done(still: Any, path: str) -> None:
    run_id = still.post_agent("Stop seconds:100").json()["id"]
    still.sim.advance(50)
    reply = still.http.post(f"{path}/{run_id}/cancel")
    assert (reply.status_code, reply.json()) == (200, {"response_id": run_id, "status": "cancelling"})
    assert still.get_agent(run_id)["status"] == "in_progress"
    still.sim.advance(5)
    body = still.get_agent(run_id)
    assert (body["status"], body["usage"]) == ("cancelled", None)
    assert 0 < still.sim.bill.total < quick_cost(still)
    again = still.http.post(f"{path}/{run_id}/cancel")
    assert again.status_code == 400
    assert again.json()["error"]["message"] == "the run is already terminal and cannot be cancelled"


def quick_cost(still: Any) -> float:
    run_id = still.post_agent("Stop seconds:100").json()["id"]
    still.sim.advance(200)
    return float(still.get_agent(run_id)["usage"]["cost"]["total_cost"])


def test_a_run_that_ends_before_the_cancel_is_completed(still: Any) -> None:
    run_id = still.post_agent("Late seconds:100").json()["id"]
    still.sim.advance(99)
    assert still.http.post(f"/v1/responses/{run_id}/cancel").status_code == 200
    still.sim.advance(10)
    assert still.get_agent(run_id)["status"] == "completed"


def test_cancelling_an_unknown_id_is_a_bad_request(quick: Any) -> None:
    assert quick.http.post("/v1/responses/resp_none/cancel").status_code == 400


def test_errors_are_those_that_were_recorded(quick: Any, shared: Path) -> None:
    def recorded(name: str) -> Any:
        return json.loads((shared / "recorded" / f"{name}.json").read_text())

    tools = [{"type": "web_search", "filters": {"search_recency_filter": "fortnight"}}]
    assert quick.post_agent("x", tools=tools).json() == recorded("error_400_agent_bad_recency")
    cancel = quick.http.post("/v1/responses/none/cancel").json()
    assert cancel == recorded("error_400_agent_cancel_unknown_or_terminal")
    assert quick.http.get("/v1/responses/none").json() == recorded("error_404_agent_get_not_stored")
    wrong = quick.http.get("/v1/responses/none", headers={"Authorization": "Bearer bad-key"}).json()
    assert wrong == recorded("error_401_invalid_api_key")
    quick.sim.sonar_retired = True
    assert quick.post_sonar("x").json() == recorded("error_403_sonar_retired_async_get_2026-10")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("agent_background_completed_fast", {"effort": "fast"}),
        ("agent_incomplete_max_output_tokens", {"effort": "fast", "max_output_tokens": 16}),
        ("agent_completed_no_tools_no_sources", {"effort": "fast", "input": "x shape:no_sources"}),
    ],
)
def test_bodies_have_the_recorded_fields(quick: Any, shared: Path, name: str, body: dict[str, Any]) -> None:
    recorded = json.loads((shared / "recorded" / f"{name}.json").read_text())
    made = quick.agent(body.pop("input", "x"), **body)
    assert set(made) - {"simulated"} == set(recorded)
    assert kinds(made) == kinds(recorded)
    assert made["status"] == recorded["status"]
    assert made["incomplete_details"] == recorded["incomplete_details"]
    assert set(recorded["usage"]) <= set(made["usage"])
    assert set(recorded["usage"]["cost"]) <= set(made["usage"]["cost"])
    if name == "agent_background_completed_fast":
        assert set(made["output"][0]) == set(recorded["output"][0])
        assert set(made["output"][1]["content"][0]) == set(recorded["output"][1]["content"][0])


def test_a_queued_body_is_as_recorded(still: Any, shared: Path) -> None:
    recorded = json.loads((shared / "recorded/agent_background_queued_medium.json").read_text())
    made = still.post_agent("x", effort="medium").json()
    differing = {name for name in recorded if made[name] != recorded[name]}
    assert differing == {"id", "created_at"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"search_mode": "academic"}, 'unknown field "search_mode"'),
        ({"return_images": True}, 'unknown field "return_images"'),
        ({"effort": "maximum"}, "effort must be one of"),
        ({"reasoning": {"effort": "huge"}}, "reasoning effort must be one of"),
        ({"store": False}, "background requires store"),
        ({"max_output_tokens": 0}, "max_output_tokens must be between"),
        ({"max_steps": 101}, "max_steps must be between"),
        ({"input": ""}, "input is required"),
        ({"effort": None}, "one of model, models or effort is required"),
        ({"tools": [{"type": "telepathy"}]}, "tools[0]: unknown tool type"),
        ({"response_format": {"type": "regex"}}, "response_format must be of type json_schema"),
        ({"stream": True}, "does not stream"),
    ],
)
def test_a_bad_field_is_refused(quick: Any, fields: dict[str, Any], said: str) -> None:
    reply = quick.post_agent(**{"prompt": "x", **fields})
    assert reply.status_code == 400
    assert said in reply.json()["error"]["message"]
    assert quick.sim.bill.jobs == []


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("failed", "failed"),
        ("incomplete", "incomplete"),
        ("stuck", "in_progress"),
        ("requires_action", "requires_action"),
        ("unknown_status", "reviewing"),
    ],
)
def test_the_prompt_says_how_a_run_ends(still: Any, outcome: str, status: str) -> None:
    run_id = still.post_agent(f"A question outcome:{outcome}").json()["id"]
    still.sim.advance(100_000)
    body = still.get_agent(run_id)
    assert body["status"] == status
    assert (body["error"] is not None) == (outcome == "failed")
    assert (body["usage"] is not None) == (outcome == "incomplete")
    assert ("message" in kinds(body)) == (outcome == "incomplete")


def test_few_tokens_leave_an_empty_output_and_a_cost(quick: Any) -> None:
    body = quick.agent("Short", max_output_tokens=16)
    assert (body["status"], body["output"]) == ("incomplete", [])
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert body["usage"]["cost"]["total_cost"] > 0


def test_more_tokens_leave_half_an_answer(quick: Any) -> None:
    body = quick.agent("Half shape:plain", max_output_tokens=200)
    assert body["status"] == "incomplete"
    assert len(body["output"][-1]["content"][0]["text"]) == 800


def test_a_schema_is_answered_with_json(quick: Any) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    body = quick.agent("Count", response_format=form)
    assert json.loads(body["output"][-1]["content"][0]["text"]) == {"n": 0}
    assert body["text"]["format"] == form


def test_a_follow_up_needs_a_completed_parent(still: Any) -> None:
    first = still.post_agent("First").json()["id"]
    assert still.post_agent("Second", previous_response_id=first).status_code == 400
    assert still.post_agent("Second", previous_response_id="resp_none").status_code == 404
    still.sim.advance(1000)
    second = still.post_agent("Second", previous_response_id=first)
    assert second.json()["previous_response_id"] == first


def test_without_background_the_reply_waits(make: Callable[..., Any]) -> None:
    caller = make(speed=1000.0)
    body = caller.post_agent("Now", background=False, store=False).json()
    assert body["status"] == "completed"
    assert caller.http.get(f"/v1/responses/{body['id']}").status_code == 404


def test_cost_grows_with_effort(quick: Any) -> None:
    efforts = ["fast", "low", "medium", "high", "xhigh"]
    totals = [quick.agent("x", effort=effort)["usage"]["cost"]["total_cost"] for effort in efforts]
    assert totals == sorted(totals)
    assert 0.2 < totals[3] < 0.9
    usage = quick.agent("x")["usage"]
    assert usage["tool_calls_details"]["search_web"] == {"cost_usd": 0.06, "invocation": 24}
    assert usage["tool_calls_details"]["fetch_url"] == {"cost_usd": 0.005, "invocation": 10}


def test_input_may_be_a_list_of_messages(quick: Any) -> None:
    messages = [
        {"type": "message", "role": "user", "content": "Old"},
        {"type": "message", "role": "assistant", "content": "Answer"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Tides at noon"}]},
    ]
    assert "Tides at noon" in quick.agent("", input=messages)["output"][-1]["content"][0]["text"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "filters", "effort", "x"]), inner)
    ),
    max_leaves=6,
)
FIELDS = [
    "input",
    "tools",
    "reasoning",
    "response_format",
    "models",
    "effort",
    "preset",
    "store",
    "max_steps",
]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_body_is_either_taken_or_refused(fields: dict[str, Any]) -> None:
    status = None
    try:
        assert isinstance(agent_order({"input": "x", "model": "a/b", **fields}).prompt, str)
    except RefusalError as error:
        status = error.status
    assert status in {None, 400}
