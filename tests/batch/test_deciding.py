"""What asking a batch would do: decided before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pplx_jupyter import research
from pplx_jupyter.batch.asking import make_batch
from pplx_jupyter.batch.deciding import Asking
from pplx_jupyter.errors import BudgetExceeded
from pplx_jupyter.ledger import OPEN
from pplx_jupyter.settings import Settings
from tests.batch.test_batch import PROMPT, companies

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.batch import Batch
    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

    MakeSession = Callable[..., Session]


def batch_of(session: Session, asked: list[dict[str, str]], **how: bool) -> Batch:
    return make_batch(session, PROMPT, asked, Asking(**how), {})  # type: ignore[arg-type]


def test_what_is_under_way_counts_as_asked_anew(
    still: Simulator, make_session: MakeSession, until: Callable[..., None]
) -> None:
    session = make_session(still)
    research("Who owns company 0 today?", session=session)
    until(lambda: len(still.bill.jobs) == 1)
    # The last is under way still when the table is asked again: the run that asks all anew goes on.
    asked = [*companies(2), {"company": "a slow one seconds:90000"}]
    batch_of(session, asked, refresh=True).ask()
    until(lambda: len(still.bill.jobs) == 3)
    still.advance(10_000)
    until(lambda: len(session.ledger.jobs(states=OPEN)) == 1)
    plan = batch_of(make_session(still), asked, refresh=True).plan
    assert (plan.new, plan.answered, plan.under_way) == (0, 2, 1)


def test_the_same_table_is_another_batch_at_another_service(
    make_sim: Callable[..., Simulator], make_session: MakeSession
) -> None:
    one, other = (batch_of(make_session(make_sim()), companies(2)) for _ in range(2))
    assert one.id != other.id
    one.pause()
    assert (one.paused, other.paused) == ("user", "")


def test_what_the_budget_refuses_is_refused_before_anything_is_written(
    sim: Simulator, make_session: MakeSession
) -> None:
    session = make_session(sim, settings=Settings(budget=5.0))
    with pytest.raises(BudgetExceeded, match="these 10 questions"):
        batch_of(session, companies(10)).ask(background=True)
    assert session.ledger.jobs() == []
