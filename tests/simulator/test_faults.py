from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pplx_jupyter.simulator import KINDS
from pplx_jupyter.simulator.faults import Fault, Faults, traits

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("spec", "kind", "value", "match", "left"),
    [
        ("reset-before", "reset-before", 0, set(), None),
        ("latency=0.5", "latency", 0.5, set(), None),
        ("status=503@get#3", "status", 503, {"get"}, 3),
        ("html=524@post+sonar#1", "html", 524, {"post", "sonar"}, 1),
    ],
)
def test_a_spec_is_read(spec: str, kind: str, value: float, match: set[str], left: int | None) -> None:
    fault = Fault.parse(spec)
    assert (fault.kind, fault.value, set(fault.match), fault.left) == (kind, value, match, left)
    assert Fault.parse(spec, times=7).left == 7


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "explode",
        "status",
        "status=200",
        "latency=x",
        "latency=1.2.3",
        "reset-before=1",
        "list@put",
        "stuck#0",
        "a b",
    ],
)
def test_a_wrong_spec_says_what_is_allowed(spec: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        Fault.parse(spec)


def test_requests_have_traits() -> None:
    assert traits("POST", "/v1/responses") == {"agent", "post"}
    assert traits("POST", "/v1/agent/resp_1/cancel") == {"agent", "cancel"}
    assert traits("GET", "/v1/async/sonar/1") == {"sonar", "get"}
    assert traits("DELETE", "/async/chat/completions/1") == {"sonar", "delete", "cancel"}


def test_faults_are_used_up_in_order_and_delays_add_up() -> None:
    faults = Faults(["latency=1", "status=500#1", "status=501#1", "latency=2#1"])
    assert [hit.value for hit in faults.for_reply(frozenset())] == [1, 500, 2]
    assert [hit.value for hit in faults.for_reply(frozenset())] == [1, 501]
    assert [hit.value for hit in faults.for_reply(frozenset())] == [1]


def test_every_kind_is_documented_and_tested() -> None:
    tested = {
        "latency", "hold", "reset-before", "reset-after", "status", "status-after", "html", "html-after", "truncate",
        "malformed", "list", "stuck", "fail", "no-cost",
    }  # fmt: skip
    assert set(KINDS) == tested


@pytest.mark.parametrize(("kind", "bought"), [("reset-before", 0), ("reset-after", 1)])
@pytest.mark.parametrize("backend", ["sonar", "agent"])
def test_a_dropped_connection(quick: Any, kind: str, bought: int, backend: str) -> None:
    quick.sim.add_fault(f"{kind}@post+{backend}#1")
    post = quick.post_sonar if backend == "sonar" else quick.post_agent
    with pytest.raises(httpx.TransportError):
        post("Lost?")
    assert len(quick.sim.bill.jobs) == bought
    assert quick.sim.requests[-1][0] == "POST"
    assert post("Lost?").status_code == 200


@pytest.mark.parametrize(
    ("spec", "bought"), [("status=503", 0), ("status-after=503", 1), ("html=524", 0), ("html-after=524", 1)]
)
def test_an_error_from_the_way(quick: Any, spec: str, bought: int) -> None:
    quick.sim.add_fault(spec, times=1)
    reply = quick.post_sonar("x")
    assert reply.status_code == int(spec[-3:])
    is_html = spec.startswith("html")
    assert reply.headers["content-type"].startswith("text/html" if is_html else "application/json")
    assert is_html or reply.json()["error"]["code"] == 503
    assert reply.headers["x-request-id"]
    assert len(quick.sim.bill.jobs) == bought
    assert quick.post_sonar("x").status_code == 200


def test_a_truncated_body_has_its_right_length(quick: Any) -> None:
    run_id = quick.post_sonar("x").json()["id"]
    whole = quick.http.get(f"/async/chat/completions/{run_id}").content
    quick.sim.add_fault("truncate@get#1")
    reply = quick.http.get(f"/async/chat/completions/{run_id}")
    assert reply.content == whole[: len(whole) // 2]
    assert int(reply.headers["content-length"]) == len(reply.content)
    with pytest.raises(ValueError):
        reply.json()


def test_a_malformed_body_is_no_json(quick: Any) -> None:
    quick.sim.add_fault("malformed")
    reply = quick.http.get("/async/chat/completions/none")
    assert reply.status_code == 200
    with pytest.raises(ValueError):
        reply.json()


def test_a_list_where_an_object_is_due(quick: Any) -> None:
    run_id = quick.post_agent("x").json()["id"]
    quick.sim.add_fault("list@agent+get")
    assert [body["id"] for body in quick.get_agent(run_id)] == [run_id]
    assert isinstance(quick.http.get("/async/chat/completions").json(), dict)


def test_latency_delays_the_work(quick: Any) -> None:
    quick.sim.add_fault("latency=0.2", times=1)
    before = time.monotonic()
    assert quick.post_sonar("slow").status_code == 200
    assert time.monotonic() - before >= 0.2


def test_a_reply_is_held_until_it_is_released(quick: Any) -> None:
    quick.sim.add_fault("hold@post")
    replies: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: replies.append(quick.post_sonar("held")))
    waiting.start()
    deadline = time.monotonic() + 5
    while quick.sim.held == 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(quick.sim.bill.jobs) == 1
    assert replies == []
    quick.sim.release()
    waiting.join(5)
    assert replies[0].status_code == 200
    assert quick.post_sonar("free").status_code == 200


@pytest.mark.parametrize("backend", ["sonar", "agent"])
def test_jobs_get_stuck_fail_or_cost_nothing_known(quick: Any, backend: str) -> None:
    run = quick.sonar if backend == "sonar" else quick.agent
    for kind in ("stuck", "fail", "no-cost"):
        quick.sim.add_fault(f"{kind}@{backend}#1")
        quick.sim.add_fault("fail@" + ("agent" if backend == "sonar" else "sonar"))
        body = run("A job")
        if kind == "no-cost":
            usage = body["response"]["usage"] if backend == "sonar" else body["usage"]
            assert body["status"].lower() == "completed"
            assert "cost" not in usage
        else:
            assert body["status"].lower() == {"stuck": "in_progress", "fail": "failed"}[kind]
    assert run("A job")["status"].lower() == "completed"


def test_a_resent_submission_uses_no_fault_of_jobs(quick: Any) -> None:
    quick.post_sonar("x", key="same")
    quick.sim.add_fault("fail#1")
    assert quick.post_sonar("x", key="same").status_code == 200
    assert quick.sonar("y")["status"] == "FAILED"


def test_faults_given_at_the_start_can_be_cleared(make: Callable[..., Any]) -> None:
    caller = make(faults=["status=502"])
    assert caller.post_sonar("x").status_code == 502
    caller.sim.clear_faults()
    assert caller.post_sonar("x").status_code == 200


def test_another_process_sets_faults_and_asks_for_the_bill(quick: Any) -> None:
    anyone = httpx.Client(base_url=quick.sim.url)
    with anyone:
        assert (
            anyone.post("/simulator/faults", json={"spec": "status=500@post", "times": 1}).status_code == 200
        )
        assert quick.post_sonar("x").status_code == 500
        quick.sonar("paid")
        bill = anyone.get("/simulator/bill").json()
        assert bill == {"total": quick.sim.bill.total, "jobs": quick.sim.bill.jobs}
        assert bill["total"] > 0
        refused = anyone.post("/simulator/faults", json={"spec": "explode"})
        assert refused.status_code == 400
        assert "choose" in refused.json()["error"]["message"]
        anyone.post("/simulator/faults", json={"spec": "status=500"})
        assert anyone.delete("/simulator/faults").status_code == 200
        assert anyone.post("/simulator/advance", json={"seconds": 7 * 86_400}).status_code == 200
        assert quick.http.get("/async/chat/completions").json()["requests"] == []
    assert all(not path.startswith("/simulator") for _, path in quick.sim.requests)
