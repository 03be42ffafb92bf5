"""Follow-ups: what goes over the wire, what they cost, what happens where that which they follow is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.answer import Answer
from pplx_jupyter.asking import research
from pplx_jupyter.errors import RequestError
from pplx_jupyter.job import attach
from pplx_jupyter.notebook.cell.why import why_new
from pplx_jupyter.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.job import Job
    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator
    from tests.asking import Asker

FIRST = "What is tea? shape:plain"
NEXT = "And since when? shape:plain"


@pytest.fixture
def asker(ask: Callable[..., Asker], sim: Simulator) -> Asker:
    return ask(sim)


def answered(asker: Asker, prompt: str = FIRST, **rest: Any) -> Job:
    job = asker.job(prompt, **rest)
    assert asker.end(job) == "completed"
    return job


def sent(sim: Simulator) -> Any:
    """Give the newest question as the service took it."""
    return list(sim._world._runs.values())[-1].order.body


def text_of(job: Job) -> str:
    assert isinstance(job.answer, Answer)
    return job.answer.text


def test_sonar_is_told_the_whole_conversation_once(asker: Asker, sim: Simulator) -> None:
    first = answered(asker, name="tea", system_prompt="Be brief.")
    second = first.ask(NEXT, name="since", system_prompt="Be long.")
    assert asker.end(second) == "completed"
    third = second.ask("And where?")
    assert asker.end(third) == "completed"
    assert sent(sim)["messages"] == [
        {"role": "user", "content": FIRST},
        {"role": "assistant", "content": text_of(first)},
        {"role": "user", "content": NEXT},
        {"role": "assistant", "content": text_of(second)},
        {"role": "user", "content": "And where?"},
    ]
    follows = third.follows
    assert follows is not None
    assert follows.id == second.id
    assert len(sim.bill.jobs) == 3
    asker.session.close()


def test_asking_it_again_is_free_and_another_parent_is_another_question(
    asker: Asker, sim: Simulator, make_session: Callable[..., Session]
) -> None:
    first, other = answered(asker, name="tea"), answered(asker, "What is coffee? shape:plain")
    second = first.ask(NEXT)
    asker.end(second)
    again = make_session(sim)
    assert attach("tea", session=again).ask(NEXT).id == second.id
    assert research(NEXT, after="tea", session=again).id == second.id
    assert len(sim.bill.jobs) == 3
    prints = {Request(NEXT).fingerprint, second.row.fingerprint, other.ask(NEXT).row.fingerprint}
    assert len(prints) == 3
    assert second.row.fingerprint == Request(NEXT).following(first.id, first.row.fingerprint).fingerprint


def test_it_follows_the_very_answer_that_it_is_asked_after(
    asker: Asker, sim: Simulator, make_session: Callable[..., Session]
) -> None:
    first = answered(asker, name="tea")
    second = first.ask(NEXT)
    asker.end(second)
    newer = answered(asker, name="tea", refresh=True)
    assert newer.id != first.id
    anew = newer.ask(NEXT)
    asker.end(anew)
    assert sent(sim)["messages"][1]["content"] == text_of(newer)
    assert [job.row.follows for job in (second, anew)] == [first.id, newer.id]
    assert "it follows a newer answer" in why_new(anew.row, second.row)
    # After a restart the question gives its newest answer, and both follow-ups are there.
    later = make_session(sim)
    again = research(FIRST, session=later)
    assert (again.id, again.ask(NEXT).id) == (newer.id, anew.id)
    assert attach(first.id, session=later).ask(NEXT).id == second.id
    assert len(sim.bill.jobs) == 4


def test_agent_goes_on_from_the_run(asker: Asker, sim: Simulator) -> None:
    first = answered(asker, backend="agent")
    second = first.ask(NEXT)
    assert asker.end(second) == "completed"
    assert second.row.backend == "agent", "a thread stays with its API"
    assert sent(sim)["previous_response_id"] == first.remote_id
    assert sent(sim)["input"] == NEXT


def test_a_run_that_is_gone_is_told_anew(asker: Asker, sim: Simulator) -> None:
    first = answered(asker, backend="agent")
    del sim._world._runs[first.remote_id]
    second = first.ask(NEXT)
    assert asker.end(second) == "completed"
    body = sent(sim)
    assert "previous_response_id" not in body
    assert [(item["role"], item["content"]) for item in body["input"]] == [
        ("user", FIRST),
        ("assistant", text_of(first)),
        ("user", NEXT),
    ]
    assert second.ask(NEXT).row.fingerprint != second.row.fingerprint


def test_a_sonar_answer_is_followed_on_the_agent_api(asker: Asker, sim: Simulator) -> None:
    first = answered(asker)
    second = first.ask(NEXT, backend="agent")
    assert asker.end(second) == "completed"
    assert [item["role"] for item in sent(sim)["input"]] == ["user", "assistant", "user"]


def test_a_follow_up_that_gave_no_answer_is_retried_as_one(asker: Asker, sim: Simulator) -> None:
    first = answered(asker)
    second = first.ask("And since when? outcome:failed")
    assert asker.end(second) == "failed"
    again = second.retry()
    asker.end(again)
    assert again.row.fingerprint == second.row.fingerprint
    assert len(sent(sim)["messages"]) == 3


@pytest.mark.parametrize(
    ("prompt", "why"),
    [("seconds:60", "is still under way"), ("outcome:failed", "is failed: it has no answer")],
)
def test_what_has_no_answer_cannot_be_followed(
    ask: Callable[..., Asker], sim: Simulator, still: Simulator, prompt: str, why: str
) -> None:
    service = still if "seconds" in prompt else sim
    asker = ask(service)
    first = asker.job(f"What is tea? {prompt}", name="tea")
    if "outcome" in prompt:
        asker.end(first)
    with pytest.raises(RequestError, match=rf"tea \(\w+\) {why}.* Nothing was sent\."):
        first.ask(NEXT)
    assert len(asker.session.ledger.jobs()) == 1


def test_what_was_forgotten_cannot_be_followed_but_what_followed_it_keeps_its_answer(
    asker: Asker, sim: Simulator
) -> None:
    first = answered(asker)
    second = first.ask(NEXT)
    asker.end(second)
    asker.session.ledger.forget([first.id])
    assert text_of(second)
    with pytest.raises(RequestError, match="was forgotten: its answer is deleted"):
        first.ask(NEXT)
    with pytest.raises(RequestError, match="was forgotten"):
        second.ask("Another one?")
    assert len(sim.bill.jobs) == 2


def test_a_conversation_or_another_address_cannot_follow(
    asker: Asker, sim: Simulator, make_sim: Callable[..., Simulator], make_session: Callable[..., Session]
) -> None:
    first = answered(asker, name="tea")
    with pytest.raises(RequestError, match="messages are a whole conversation"):
        first.ask("", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(RequestError, match="no job “coffee”"):
        research(NEXT, after="coffee", session=asker.session)
    elsewhere = make_session(make_sim())
    with pytest.raises(RequestError, match="a follow-up goes where its first question went"):
        research(NEXT, after="tea", session=elsewhere)
