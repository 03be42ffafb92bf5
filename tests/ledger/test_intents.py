"""Intents that are written anew, and those that wait: what is bought is counted, and nothing leaves twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pplx_jupyter.errors import BudgetExceeded
from pplx_jupyter.ledger import Adoptable
from pplx_jupyter.ledger.expected import Expected
from pplx_jupyter.ledger.gate import PARKED, Gate
from pplx_jupyter.reuse import decide
from tests.asking import intend

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.ledger import Draft, Row
    from pplx_jupyter.ledger.sqlite import SqliteLedger

TOO_LITTLE = 0.01
MORE = Expected(low=2.0, high=3.0, jobs=5).to_json()


def unconfirmed(ledger: SqliteLedger, draft: Draft) -> Row:
    """Give a row that was sent, and nobody knows what came of it."""
    row, _ = ledger.intend(draft, decide, budget=1000.0)
    found = ledger.write(row.id, {"state": "unconfirmed", "sending_at": time.time()})
    assert found is not None
    return found


def test_of_two_windows_that_settle_at_once_one_asks_again(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row = unconfirmed(ledger, draft())
    first = ledger.intend_again(row.id, {"sending_at": None})
    assert first is not None
    sent = ledger.write(row.id, {"sending_at": time.time(), "state": "queued", "remote_id": "r1"})
    assert ledger.intend_again(row.id, {"sending_at": None}) is None
    assert ledger.get(row.id) == sent, "what the first has sent stays as it is"


def test_what_was_allowed_once_stays_so_wherever_it_moves(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row = unconfirmed(ledger, draft())
    with pytest.raises(BudgetExceeded):
        ledger.intend_again(row.id, {}, budget=TOO_LITTLE)
    assert ledger.intend_again(row.id, {}, budget=TOO_LITTLE, allowed=True) is not None
    for _ in range(2):
        assert ledger.rehold(row.id, MORE, owner="", budget=TOO_LITTLE) is None
    found = ledger.get(row.id)
    assert found is not None
    assert found.expected["high"] == 3.0


def test_another_amount_is_set_aside_by_whoever_holds_the_row(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft())
    assert ledger.rehold(row.id, MORE, owner="another", budget=1000.0) is None
    assert ledger.get(row.id) == row


def test_what_is_armed_anew_counts_as_asked_now(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    row, _ = intend(ledger, draft())
    ended = {"state": "failed", "failure": {"kind": "no_connection"}, "settled_at": 2.0, "created_at": 1.0}
    ledger.write(row.id, ended)
    before = time.time()
    armed, _ = intend(ledger, draft())
    assert (armed.id, armed.created_at >= before) == (row.id, True)


def test_of_a_batch_only_what_is_new_must_fit_the_budget(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    usual = Expected(low=0.5, high=1.0, jobs=5).to_json()
    drafts = [draft(f"{n}", batch="one", expected=usual) for n in range(3)]
    ledger.intend_all(drafts[:2], decide, gate=Gate(10), budget=3.5)
    found = ledger.intend_all(drafts, decide, gate=Gate(10), budget=3.5)
    assert [decision.what for _, decision in found] == ["keep", "keep", "new"]


def test_two_batches_of_an_account_share_its_rate(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    for batch in ("one", "two"):
        drafts = [draft(f"{batch} {n}", batch=batch) for n in range(10)]
        ledger.intend_all(drafts, decide, gate=Gate(10), budget=1000.0)
    assert [ledger.release("me", time.time()) for _ in range(3)] == [5, 0, 0], "an unknown account begins so"


def test_a_pause_keeps_nothing_from_being_dropped(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    drafts = [draft(f"{n}", batch="one") for n in range(2)]
    (stopped, _), (waits, _) = ledger.intend_all(drafts, decide, gate=Gate(10), budget=1000.0)
    assert ledger.release("me", time.time()) == 2
    ledger.write(stopped.id, {"cancel": "asked"})
    ledger.set_gate("one", Gate(10, paused="user"))
    due = {row.id: row.due_at for row in ledger.jobs()}
    assert (due[stopped.id] < PARKED, due[waits.id]) == (True, PARKED)


def test_two_services_may_give_the_same_id(ledger: SqliteLedger) -> None:
    found = [Adoptable("r1", time.time() - 60, "sonar-deep-research", "COMPLETED")]
    for url in ("http://one.test", "http://other.test"):
        taken = [ledger.adopt(found, "me", url) for _ in range(2)]
        assert [len(rows or ()) for rows in taken] == [1, 0]
