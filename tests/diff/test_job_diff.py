"""`Job.diff`: which answer it finds to compare with, and what it says where there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.errors import RequestError

if TYPE_CHECKING:
    from pplx_jupyter.job import Job
    from pplx_jupyter.simulator import Simulator

Ask = Any


def answered(asker: Any, prompt: str, text: str, **rest: Any) -> Job:
    """Ask, and let the ledger hold this text as its answer."""
    job: Job = asker.job(prompt, **rest)
    assert asker.end(job) == "completed"
    body = json.loads(job.body or "")
    body["response"]["choices"][0]["message"]["content"] = text
    job.session.ledger.write(job.id, {}, body=json.dumps(body))
    return job


def test_a_refreshed_question_is_compared_with_the_answer_before(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    first = answered(asker, "Why?", "It rose by 41.2 %. Nobody knows.", name="sky")
    second = answered(asker, "Why?", "It rose by 44.0 %. Nobody knows.", name="sky", refresh=True)
    third = answered(asker, "Why?", "It rose by 47.9 %. Nobody knows.", name="sky", refresh=True)
    assert third.earlier().id == second.id
    diff = third.diff()
    assert [(n.before, n.after, n.unit) for n in diff.numbers] == [("44.0", "47.9", "%")]
    assert diff.same_question
    for other in (first, first.id, first.answer):
        assert [(n.before, n.after) for n in third.diff(other).numbers] == [("41.2", "47.9")]
    receipts = diff.old.receipt, diff.new.receipt
    assert [receipt.job_id for receipt in receipts if receipt] == [second.id, third.id]
    assert len(sim.bill.jobs) == 3


def test_the_same_text_again_is_no_change(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    for refresh in (False, True):
        job = asker.job("Why is the sky blue?", refresh=refresh)
        assert asker.end(job) == "completed"
    diff = job.diff()
    assert not diff.changed
    assert str(diff).startswith("Nothing changed · asked ")


def test_without_an_earlier_answer_it_says_what_would_make_one(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    job = answered(asker, "Why?", "So.", name="sky")
    answered(asker, "Why?", "So.", take=2)
    answered(asker, "Another question?", "So.", name="sea")
    with pytest.raises(RequestError) as failed:
        job.diff()
    assert str(failed.value) == (
        f"sky ({job.id}) has no earlier answer to compare with: "
        "--refresh on the first line of its cell asks anew and keeps this one."
    )
    later = answered(asker, "Why?", "Then.", refresh=True)
    with pytest.raises(RequestError, match=f"%pplx diff {later.id} compares a later one with it"):
        job.diff()


def test_a_changed_question_of_the_same_name_is_compared_where_there_is_none_of_its_own(
    sim: Simulator, ask: Ask
) -> None:
    asker = ask(sim)
    answered(asker, "Why in 2024?", "So.", name="sky", notebook="other.ipynb")
    first = answered(asker, "Why in 2024?", "Since it rains.", name="sky", notebook="a.ipynb", refresh=True)
    failed = asker.job("Why in 2024? outcome:failed", name="sky", notebook="a.ipynb")
    assert asker.end(failed) == "failed"
    second = answered(asker, "Why in 2025?", "Since it rained.", name="sky", notebook="a.ipynb")
    assert second.earlier().id == first.id
    diff = second.diff()
    assert not diff.same_question
    assert "Why in [-2024-] {+2025+}?" in str(diff)
    assert "The question itself differs." in str(diff)
    # An answer to its own question comes first, however old.
    third = answered(asker, "Why in 2024?", "Since it snows.", name="sky", notebook="a.ipynb", refresh=True)
    assert third.earlier().id == first.id
    elsewhere = answered(asker, "Why in 2026?", "So.", name="sky", notebook="third.ipynb")
    # A copied file has the same cells.
    for job in (second, elsewhere):
        job.session.ledger.write(job.id, {"cell": "c0ffee01"})
    with pytest.raises(RequestError, match="has no earlier answer"):
        elsewhere.diff()


def test_what_has_no_answer_is_not_compared(sim: Simulator, still: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    first = answered(asker, "Why?", "So.")
    failed = asker.job("Why? outcome:failed", name="lost")
    assert asker.end(failed) == "failed"
    for job, other in ((failed, first), (first, failed), (first, "lost")):
        with pytest.raises(RequestError, match=r"lost \(\w+\) has no answer to compare: it is failed\.$"):
            job.diff(other)
    with pytest.raises(RequestError, match="cannot be compared with itself"):
        first.diff(first.id)
    running = ask(still).job("Why not?")
    with pytest.raises(RequestError, match=rf"it is \w+; %pplx wait {running.id} waits for it"):
        running.diff(first)
    first.session.ledger.write(first.id, {}, body='{"id": "x", "shape": "unknown"}')
    with pytest.raises(RequestError, match="was not understood"):
        first.diff(first.answer)


def test_forgotten_answers_are_not_found(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    first = answered(asker, "Why?", "So.", name="sky")
    second = answered(asker, "Why?", "Then.", name="sky", refresh=True)
    first.session.ledger.forget([first.id])
    with pytest.raises(RequestError, match="has no earlier answer"):
        second.diff()


def test_the_answers_of_a_question_are_those_of_its_address(sim: Simulator, make_sim: Any, ask: Ask) -> None:
    asker, other = ask(sim), ask(make_sim())
    elsewhere = answered(other, "Why?", "So.")
    first = answered(asker, "Why?", "So.")
    second = answered(asker, "Why?", "So.", refresh=True)
    rows = asker.session.ledger.answered(first.row.fingerprint, asker.session.base_url)
    assert [row.id for row in rows] == [second.id, first.id]
    assert elsewhere.row.fingerprint == first.row.fingerprint
