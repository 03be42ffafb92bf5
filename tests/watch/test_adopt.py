"""Jobs of the service that the ledger does not know are found, followed and counted once."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplx_jupyter import elsewhere
from pplx_jupyter.api.key import account_of
from pplx_jupyter.api.wire import Reply
from pplx_jupyter.elsewhere import adopted_since, look_elsewhere
from pplx_jupyter.errors import RequestError
from pplx_jupyter.job import attach
from pplx_jupyter.ledger import Adoptable
from pplx_jupyter.ledger.records import ELSEWHERE
from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.watch import outcomes
from pplx_jupyter.watch.adopt import listed
from tests.asking import KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

Ask = Any


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for the list each time."""
    monkeypatch.setattr(elsewhere, "EVERY_SECONDS", 0.0)


def ask_elsewhere(sim: Simulator, *prompts: str, key: str = KEY) -> list[str]:
    """Ask as another program does; give the service's ids."""
    found = []
    # One client for all: each loads the system's certificates, which takes longer than to ask.
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}) as client:
        for prompt in prompts:
            body = {
                "request": {
                    "model": "sonar-deep-research",
                    "messages": [{"role": "user", "content": prompt}],
                }
            }
            reply = client.post(f"{sim.url}/async/chat/completions", json=body)
            found.append(str(reply.raise_for_status().json()["id"]))
    return found


def look(session: Session) -> None:
    looking = look_elsewhere(session)
    assert looking is not None
    looking.result(20)


def adopted(session: Session) -> list[Row]:
    return [row for row in session.ledger.jobs() if row.is_adopted]


def spent(session: Session) -> tuple[int, float]:
    """Give how many jobs the total counts, and what they cost."""
    sums = session.ledger.totals("total", session.base_url).get("")
    return (0, 0.0) if sums is None else (sums.jobs, round(sums.reported / 1e9, 6))


def test_what_was_asked_elsewhere_is_listed_collected_and_counted(
    sim: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    (done, failed) = ask_elsewhere(sim, "What is tea?", "What is rum? outcome:failed")
    session = make_session(sim)
    look(session)
    until(lambda: {row.state for row in adopted(session)} == {"completed", "failed"})
    rows = {row.remote_id: row for row in adopted(session)}
    assert rows.keys() == {done, failed}
    row = rows[done]
    assert (row.notebook, row.model, row.cost) == (ELSEWHERE, "sonar-deep-research", sim.bill.jobs[0]["cost"])
    assert row.created_at <= (row.settled_at or 0.0) <= time.time()
    answer = attach(row.id, session=session).answer
    assert answer is not None
    assert answer.sources
    assert "asked elsewhere" in attach(row.id, session=session)._repr_mimebundle_()["text/plain"]
    assert spent(session) == (2, round(sim.bill.jobs[0]["cost"], 6)), "the failed one's is not known"
    told = adopted_since(session)
    assert told.startswith("2 jobs that were asked elsewhere are new in this ledger")
    assert adopted_since(session) == ""
    with pytest.raises(RequestError, match="was asked elsewhere: its question is not known here"):
        attach(rows[failed].id, session=session).retry()
    assert len(sim.bill.jobs) == 2


def test_looking_again_finds_nothing_new_nor_in_another_process(
    sim: Simulator, make_session: Callable[..., Session], tmp_path: Path
) -> None:
    ask_elsewhere(sim, "What is tea?", "What is rum?")
    sessions = [make_session(sim) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, sessions))
    look(sessions[0])
    assert len(adopted(sessions[0])) == 2
    assert SqliteLedger(tmp_path / "ledger.sqlite").jobs()[0].is_adopted


def test_the_list_is_asked_for_once_in_a_while_over_all_processes(
    sim: Simulator, make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "EVERY_SECONDS", 300.0)
    for session in (make_session(sim), make_session(sim)):
        look(session)
        look(session)
    assert len(sim.requests) == 1


def test_a_long_list_is_read_to_its_end_and_the_next_time_to_what_is_known(
    make_sim: Callable[..., Simulator], make_session: Callable[..., Session]
) -> None:
    sim = make_sim(0.001, rate_limit=1000)
    ask_elsewhere(sim, *(f"Question {n}?" for n in range(120)))
    session = make_session(sim)
    look(session)
    assert len(session.ledger.jobs(limit=1000)) == 120
    before = lists(sim)
    ask_elsewhere(sim, "One more?")
    look(session)
    assert len(session.ledger.jobs(limit=1000)) == 121
    assert lists(sim) - before == 2


def lists(sim: Simulator) -> int:
    return sum(method == "GET" and path.endswith("completions") for method, path in sim.requests)


def test_our_own_jobs_are_never_adopted(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    jobs = [asker.job(), asker.job("What is mate?", backend="agent")]
    for job in jobs:
        asker.end(job)
    look(asker.session)
    assert not adopted(asker.session)


def test_a_submit_on_its_way_keeps_all_from_being_adopted(
    still: Simulator, ask: Ask, until: Callable[..., None]
) -> None:
    """The service lists the job before its reply has told us the id."""
    asker = ask(still)
    still.add_fault("hold@post", times=1)
    job = asker.job("What is tea?")
    until(lambda: still.held == 1)
    assert len(still.bill.jobs) == 1
    look(asker.session)
    assert not adopted(asker.session), "it would be there twice"
    still.release()
    until(lambda: job.row.remote_id != "")
    look(asker.session)
    assert [row.id for row in asker.session.ledger.jobs()] == [job.id]


def unsure(asker: Any) -> Any:
    """Give a job whose only POST, as far as is known, was lost: no watcher sends it."""
    job = asker.submit("What is tea?")
    asker.session.ledger.write(job.id, {"state": "unconfirmed", "sending_at": time.time()})
    return job


def test_an_intent_whose_reply_was_lost_takes_its_job_back_from_an_adopted_row(
    sim: Simulator, ask: Ask, until: Callable[..., None]
) -> None:
    """What no rule foresees: the id of an adopted row comes back as the reply to a resend of ours."""
    asker = ask(sim)
    ours = unsure(asker)
    (remote,) = ask_elsewhere(sim, "What is tea?")
    look(asker.session)
    (row,) = adopted(asker.session)
    ledger = asker.session.ledger
    until(lambda: ledger.get(row.id).state == "completed")
    ledger.write(ours.id, {"state": "queued", "remote_id": remote, "accepted_at": time.time()})
    assert ledger.get(row.id) is None
    assert ledger.body(row.id) is None
    assert asker.end(attach(ours.id, session=asker.session)) == "completed"
    assert [each.id for each in ledger.jobs()] == [ours.id]
    assert spent(asker.session) == (1, round(sim.bill.total, 6))
    look(asker.session)
    assert len(ledger.jobs()) == 1


def test_an_unconfirmed_job_can_be_settled_as_the_run_that_was_adopted(
    sim: Simulator, ask: Ask, until: Callable[..., None]
) -> None:
    asker = ask(sim)
    job = unsure(asker)
    (remote,) = ask_elsewhere(sim, "What is tea?")
    look(asker.session)
    assert len(adopted(asker.session)) == 1
    asker.session.settle(job.id, remote_id=remote)
    assert asker.end(job) == "completed"
    assert [row.id for row in asker.session.ledger.jobs()] == [job.id]
    assert len(sim.bill.jobs) == 1


def test_a_forgotten_job_is_not_brought_back(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    job = asker.job("What is tea?")
    asker.end(job)
    remote = job.remote_id
    asker.session.ledger.forget([job.id])
    look(asker.session)
    assert [row.id for row in asker.session.ledger.jobs()] == [job.id]
    assert asker.session.ledger.body(job.id) is None
    assert remote not in job.row.remote_id


def test_other_accounts_and_addresses_stay_apart(
    make_sim: Callable[..., Simulator], make_session: Callable[..., Session]
) -> None:
    one, two = make_sim(), make_sim()
    ask_elsewhere(one, "What is tea?")
    ask_elsewhere(one, "What is rum?", key="pplx-somebody-else-0123")
    session = make_session(two)
    look(session)
    assert not adopted(session)
    session = make_session(one)
    look(session)
    (row,) = adopted(session)
    assert row.account == account_of(session.key, session.base_url, session.ledger.salt)


@pytest.mark.parametrize(
    "fault", ["status=500@get#1", "html=502@get#1", "malformed@get#1", "reset-before@get#1"]
)
def test_a_list_that_cannot_be_had_changes_nothing(
    sim: Simulator, make_session: Callable[..., Session], fault: str
) -> None:
    ask_elsewhere(sim, "What is tea?")
    session = make_session(sim)
    sim.add_fault(fault)
    look(session)
    assert not adopted(session)
    look(session)
    assert len(adopted(session)) == 1


def test_a_retired_api_is_not_asked(make_sim: Callable[..., Simulator], ask: Ask) -> None:
    sim = make_sim(sonar_retired=True)
    session = ask(sim).session
    look(session)
    assert lists(sim) == 1
    assert session.ledger.retired_until(session.account) is None, "only a submit's refusal moves anything"
    session.ledger.retire(session.account, time.time() + 60)
    look(session)
    assert lists(sim) == 1


def test_without_a_key_nothing_is_asked(sim: Simulator, make_session: Callable[..., Session]) -> None:
    assert look_elsewhere(make_session(sim, api_key="")) is None


def test_usual_costs_leave_adopted_jobs_out(
    sim: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    ask_elsewhere(sim, "What is tea?")
    session = make_session(sim)
    look(session)
    until(lambda: adopted(session)[0].state == "completed")
    assert session.ledger.past(session.base_url, "sonar", "sonar-deep-research", "", 200) == []


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["id", "created_at", "requests"]), inner)
        ),
    )
)
def test_any_list_can_be_read(body: Any) -> None:
    for found in listed({"requests": [body, {"id": "a", "created_at": body}]}, 1e9):
        assert isinstance(found, Adoptable)


def test_moments_are_read_in_both_ways_and_old_jobs_left_out() -> None:
    now = 1_800_000_000.0
    rows = [
        {"id": "a", "created_at": now - 5, "model": "m", "status": "COMPLETED"},
        {"id": "b", "created_at": "2027-01-15T07:59:55Z"},
        {"id": "c", "created_at": now - 8 * 86_400},
        {"request_id": "d"},
        {"created_at": now},
        "e",
    ]
    found = listed({"requests": rows}, now)
    assert [(each.remote_id, each.created_at) for each in found] == [
        ("a", now - 5),
        ("b", now - 5),
        ("d", now),
    ]
    assert found[0] == Adoptable("a", now - 5, "m", "COMPLETED")


@pytest.mark.parametrize(
    ("told", "settled"),
    [
        ({"completed_at": 1_500}, 1_500.0),
        ({"completed_at": "1970-01-01T00:25:00+00:00"}, 1_500.0),
        ({"completed_at": None}, 9_000.0),
        ({"completed_at": 10}, 1_000.0),
        ({"completed_at": 99_000}, 9_000.0),
    ],
)
def test_a_job_that_ended_before_it_was_known_ended_when_the_service_says(
    tmp_path: Path, told: dict[str, Any], settled: float
) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    adopted_rows = ledger.adopt([Adoptable("r1", 1_000.0, "m", "COMPLETED")], "me", "http://service.test")
    assert adopted_rows is not None
    (row,) = adopted_rows
    response = {"choices": [{"message": {"content": "Tea."}}], "usage": {"cost": {"total_cost": 0.5}}}
    body = {"id": "r1", "status": "COMPLETED", "response": response, **told}
    reply = Reply(200, {}, json.dumps(body), body, is_json=True)
    assert outcomes.after_ask(row, reply, 9_000.0).changes["settled_at"] == settled
    failed = {"id": "r1", "status": "FAILED", "failed_at": told["completed_at"]}
    reply = Reply(200, {}, json.dumps(failed), failed, is_json=True)
    assert outcomes.after_ask(row, reply, 9_000.0).changes["settled_at"] == settled
