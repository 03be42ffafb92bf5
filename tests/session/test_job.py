"""The handle: waiting in every way, and what it raises."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.errors import (
    JobCancelled,
    JobExpired,
    JobFailed,
    JobUnconfirmed,
    PplxError,
    RequestError,
    ServiceError,
    WaitTimeout,
)
from pplx_jupyter.job import Job

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator

Ask = Any


def test_wait_gives_the_answer(sim: Simulator, ask: Ask) -> None:
    job = ask(sim).submit("Why?", name="sky")
    answer = job.wait(20)
    assert (answer.text, answer.cost.total) == (job.answer.text, job.cost.total)
    assert (job.done, job.error, job.failure, job.name) == (True, None, None, "sky")
    assert repr(job) == f"<Job sky ({job.id}): completed>"
    assert job.request.prompt == "Why?"
    assert job.wait(0) == answer


def test_a_timeout_ends_the_waiting_and_not_the_job(still: Simulator, ask: Ask, until: Any) -> None:
    job = ask(still).job("Why?")
    until(lambda: job.remote_id)
    started = time.monotonic()
    with pytest.raises(WaitTimeout, match=f"{job.id} is still queued after 0.3 s of waiting; it goes on"):
        job.wait(0.3)
    assert 0.25 < time.monotonic() - started < 3
    with pytest.raises(TimeoutError):
        job.wait(0)
    still.advance(1000)
    assert job.wait(20).text
    assert len(still.bill.jobs) == 1


def test_await(sim: Simulator, ask: Ask) -> None:
    job = ask(sim).submit("Why?")

    async def main() -> str:
        async with asyncio.timeout(20):
            return str((await job).text)

    assert asyncio.run(main()) == job.answer.text


def test_many_await_one_job(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    found = [asker.submit("Why?"), asker.submit("How?")]

    async def main() -> list[Any]:
        async def one(job: Job) -> Any:
            return await job

        async with asyncio.timeout(20):
            return await asyncio.gather(*(one(job) for job in found * 3))

    assert len({answer.text for answer in asyncio.run(main())}) == 2
    assert len(sim.bill.jobs) == 2


def test_cancelling_the_await_does_not_cancel_the_job(still: Simulator, ask: Ask, until: Any) -> None:
    job = ask(still).job("Why?")
    until(lambda: job.remote_id)

    async def main() -> None:
        async def one() -> Any:
            return await job

        task = asyncio.create_task(one())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await job

    asyncio.run(main())
    assert (job.row.cancel, job.row.is_open) == ("", True)
    still.advance(1000)
    assert job.wait(20).text


def test_awaiting_lets_the_loop_go_on(still: Simulator, ask: Ask, until: Any) -> None:
    job = ask(still).job("Why?")
    until(lambda: job.remote_id)
    ticks: list[float] = []

    async def main() -> None:
        async def tick() -> None:
            while len(ticks) < 20:
                ticks.append(time.monotonic())
                await asyncio.sleep(0.01)
            still.advance(1000)

        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            group.create_task(tick())
            await job

    asyncio.run(main())
    assert len(ticks) == 20
    assert max(b - a for a, b in itertools.pairwise(ticks)) < 1.0


def test_waiting_in_a_thread(sim: Simulator, ask: Ask) -> None:
    job = ask(sim).submit("Why?")
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(job.wait(20)))
    thread.start()
    thread.join(30)
    assert found[0].text


def test_nested_waiting_without_a_loop_is_plain_waiting(sim: Simulator, ask: Ask) -> None:
    from pplx_jupyter.settings import Settings

    assert ask(sim).submit("Why?").wait(20, nested=True).text
    assert ask(sim, settings=Settings(nested_wait=True)).submit("How?").wait(20).text
    assert not hasattr(asyncio, "_nest_patched"), "nothing was patched for it"


# -- what is raised


def ended(asker: Any, state: str, failure: dict[str, Any] | None = None, **changes: Any) -> Job:
    job: Job = asker.submit()
    asker.session.ledger.write(job.id, {"state": state, "failure": failure, **changes})
    return job


@pytest.mark.parametrize(
    ("state", "failure", "kind"),
    [
        ("failed", {"kind": "failed", "said": "no luck", "accepted": True}, JobFailed),
        ("cancelled", {"kind": "cancelled", "accepted": True}, JobCancelled),
        ("expired", {"kind": "expired", "accepted": True}, JobExpired),
        ("unconfirmed", {"kind": "unconfirmed", "reason": "the connection broke"}, JobUnconfirmed),
        ("failed", {"kind": "no_connection", "reason": "refused"}, ServiceError),
        ("failed", {"kind": "unauthorized", "status": 401, "request_id": "r-1", "said": "bad"}, ServiceError),
        ("failed", {"kind": "forbidden", "status": 403}, ServiceError),
        ("failed", {"kind": "invalid", "status": 422, "fields": ["n"], "type": "t"}, ServiceError),
        ("failed", {"kind": "unsupported", "fields": ["search_mode"]}, ServiceError),
        ("failed", None, PplxError),
    ],
)
def test_errors(
    sim: Simulator, ask: Ask, state: str, failure: dict[str, Any] | None, kind: type[PplxError]
) -> None:
    job = ended(ask(sim), state, failure)
    with pytest.raises(kind) as caught:
        job.wait(5)
    assert type(caught.value) is kind
    assert job.id in str(caught.value)
    assert "\n" not in str(caught.value)

    async def main() -> Any:
        return await job

    with pytest.raises(kind):
        asyncio.run(main())
    assert (job.answer, job.done) == (None, True)
    if isinstance(caught.value, ServiceError):
        assert failure is not None
        assert (caught.value.status, caught.value.request_id or "") == (
            failure.get("status"),
            failure.get("request_id", ""),
        )
    if isinstance(caught.value, JobFailed):
        assert caught.value.job_id == job.id
    assert sim.requests == []


def test_failures_over_the_wire(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    with pytest.raises(JobFailed, match="no sources could be read"):
        asker.submit("outcome:failed x").wait(20)
    sim.add_fault("status=401@post#1")
    with pytest.raises(ServiceError, match=r"401.*request [0-9a-f-]{36}") as caught:
        asker.submit("Why?").wait(20)
    assert (caught.value.status, caught.value.type) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("fault", "backend"), [("status=401", "sonar"), ("status=403", "agent"), ("status=403", "sonar")]
)
def test_a_refusal_to_be_asked_is_raised_and_the_job_goes_on(
    still: Simulator, ask: Ask, until: Any, fault: str, backend: str
) -> None:
    asker = ask(still)
    job = asker.job("Why?", backend=backend)
    until(lambda: job.remote_id)
    still.add_fault(f"{fault}@get")
    for _ in range(2):
        started = time.monotonic()
        with pytest.raises(ServiceError) as caught:
            job.wait(20)
        assert time.monotonic() - started < 10, "asked again at once, not after the hour"
        assert caught.value.status == int(fault[-3:])
    assert job.row.is_open
    assert "goes on" in job._repr_mimebundle_()["text/plain"]
    still.clear_faults()
    still.advance(1000)
    assert job.wait(20).text


def test_a_job_that_is_not_there(sim: Simulator, ask: Ask) -> None:
    with pytest.raises(RequestError, match="is not in the ledger"):
        Job(ask(sim).session, "abc123").wait(1)


def test_raw_is_what_came(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    job = ended(asker, "unconfirmed", {"kind": "unconfirmed"})
    assert (job.raw, job.body) == (None, None)
    asker.session.ledger.write(job.id, {}, body="<html>")
    assert (job.raw, job.body) == ("<html>", "<html>")
    asker.session.ledger.write(job.id, {}, body='{"a": 1}')
    assert job.raw == {"a": 1}


def test_the_receipt_tells_how_it_came(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    job = asker.submit("Why?", name="sky", reasoning_effort="high")
    job.wait(20)
    receipt = job.receipt
    assert (receipt.job_id, receipt.name, receipt.backend, receipt.effort) == (job.id, "sky", "sonar", "high")
    assert (receipt.reuse, receipt.request_id, receipt.prompt) == (None, job.row.request_id, "Why?")
    assert receipt.elapsed is not None
    assert 0 <= receipt.elapsed < 30
    assert asker.job("Why?", reasoning_effort="high").receipt.reuse == "ledger"


@pytest.mark.parametrize("state", ["queued", "completed", "failed", "unconfirmed"])
def test_every_state_has_its_forms(sim: Simulator, ask: Ask, state: str) -> None:
    asker = ask(sim)
    failure = {"kind": state} if state in {"failed", "unconfirmed"} else None
    job = ended(asker, state, failure, accepted_at=1.0)
    if state == "completed":
        asker.session.ledger.write(job.id, {}, body='{"choices": [{"message": {"content": "It is so."}}]}')
    forms = job._repr_mimebundle_()
    assert {"text/html", "text/markdown", "text/plain"} <= set(forms)
    assert all(forms.values())
