from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import perplexity
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES = [{"role": "user", "content": "Prices of power shape:plain"}]


@pytest.fixture
def client(quick: Any) -> Any:
    with perplexity.Perplexity(api_key="key-1", base_url=quick.sim.url, max_retries=0) as made:
        yield made


def test_sonar_through_the_official_client(quick: Any, client: Any) -> None:
    jobs = client.async_.chat.completions
    created = jobs.create(
        request={"model": "sonar-deep-research", "messages": MESSAGES}, idempotency_key="once"
    )
    assert created.status == "CREATED"
    done = jobs.get(created.id)
    assert done.status == "COMPLETED"
    assert "simulated" in done.response.choices[0].message.content
    assert done.response.usage.cost.total_cost == quick.sim.bill.total > 0
    assert done.response.search_results[0].url == done.response.citations[0]
    assert [row.id for row in jobs.list().requests] == [created.id]


def test_agent_through_the_official_client(client: Any) -> None:
    created = client.responses.create(input="Prices of power", effort="high", background=True, store=True)
    assert created.status == "queued"
    done = client.responses.retrieve(created.id)
    assert done.status == "completed"
    assert "simulated" in done.output[-1].content[0].text
    assert {item.type for item in done.output} == {"search_results", "fetch_url_results", "message"}
    assert done.usage.cost.total_cost > 0


def test_a_follow_up_through_the_official_client(quick: Any, client: Any) -> None:
    options = {"effort": "high", "background": True, "store": True}
    first = client.responses.create(input="Prices of power", **options)
    client.responses.retrieve(first.id)
    second = client.responses.create(input="And of gas?", previous_response_id=first.id, **options)
    assert client.responses.retrieve(second.id).status == "completed"
    said = {"type": "message", "role": "assistant", "content": "They rose."}
    asked = [{"type": "message", "role": "user", "content": text} for text in ("Prices?", "And of gas?")]
    third = client.responses.create(input=[asked[0], said, asked[1]], **options)
    assert client.responses.retrieve(third.id).status == "completed"
    with pytest.raises(perplexity.NotFoundError):
        client.responses.create(input="And of gas?", previous_response_id="resp_gone", **options)
    talk = [
        *MESSAGES,
        {"role": "assistant", "content": "They rose."},
        {"role": "user", "content": "And of gas?"},
    ]
    jobs = client.async_.chat.completions
    asked_again = jobs.create(request={"model": "sonar-deep-research", "messages": talk})
    assert jobs.get(asked_again.id).status == "COMPLETED"


def test_cancel_through_the_official_client(make: Callable[..., Any]) -> None:
    caller = make()
    with perplexity.Perplexity(api_key="key-1", base_url=caller.sim.url, max_retries=0) as client:
        created = client.responses.create(input="x", effort="low", background=True)
        cancelled = client.responses.cancel(created.id)
        assert (cancelled.response_id, cancelled.status) == (created.id, "cancelling")
        caller.sim.advance(3)
        assert client.responses.retrieve(created.id).status == "cancelled"


def test_the_asynchronous_client(quick: Any) -> None:
    async def run() -> list[Any]:
        async with perplexity.AsyncPerplexity(
            api_key="key-1", base_url=quick.sim.url, max_retries=0
        ) as client:
            jobs = client.async_.chat.completions
            request: Any = {"model": "sonar", "messages": MESSAGES}
            created = await jobs.create(request=request)
            run = await client.responses.create(input="x", effort="fast", background=True)
            got, listed = await asyncio.gather(jobs.get(created.id), jobs.list())
            retrieved: Any = await client.responses.retrieve(run.id)
            return [got.status, len(listed.requests), retrieved.status]

    assert asyncio.run(run()) == ["COMPLETED", 1, "completed"]


def test_errors_become_the_clients_own(quick: Any) -> None:
    def client(key: str) -> perplexity.Perplexity:
        return perplexity.Perplexity(api_key=key, base_url=quick.sim.url, max_retries=0)

    with client("bad-key") as wrong, pytest.raises(perplexity.AuthenticationError):
        wrong.async_.chat.completions.list()
    with client("key-1") as right:
        with pytest.raises(perplexity.NotFoundError):
            right.responses.retrieve("resp_none")
        quick.sim.sonar_retired = True
        with pytest.raises(perplexity.PermissionDeniedError):
            right.async_.chat.completions.list()
