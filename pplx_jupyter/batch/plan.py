"""What a batch would do, and whether it may: known before anything is sent."""

from __future__ import annotations

import dataclasses
import math
import os
from typing import TYPE_CHECKING

from pplx_jupyter.errors import BudgetExceeded
from pplx_jupyter.ledger.expected import Expected, together
from pplx_jupyter.render.words import count, money, money_range
from pplx_jupyter.submission import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.ledger import Decision
    from pplx_jupyter.ledger.budgets import Refusal
    from pplx_jupyter.session import Session

__all__ = ["BatchPlan", "minutes_of", "plan_of", "range_of", "tightest"]

_EVERYTHING = 1e6
"""No budget holds so many US dollars: asked for, it tells what is left of the tightest."""


@dataclasses.dataclass(frozen=True, slots=True)
class BatchPlan:
    """What a batch would do.

    Attributes
    ----------
    rows, questions
        How many rows there are, and how many different questions they ask.
    answered, under_way, unanswered
        Questions that are in the ledger already, with an answer, under way, or ended without one.
    new
        Questions that asking would send, and that are billed then.
    paused
        Those of the new ones that are written down already, and wait in a batch that was paused.
    usual
        What one of them usually costs and takes.
    at_once
        How many are under way at the same time, at most.
    left
        US dollars left of the tightest budget, and whose that is in `whose`; None where there is no budget.
    refusal
        Why all new ones together do not fit a budget, or None.
    """

    rows: int
    questions: int
    answered: int
    under_way: int
    unanswered: int
    new: int
    paused: int
    usual: Expected
    at_once: int
    left: float | None = None
    whose: str = ""
    refusal: Refusal | None = None

    @property
    def range(self) -> str:
        """What the new questions usually cost together: ``12.60–31.80 USD``; empty where that is not known."""
        return self.range_of(self.new)

    def range_of(self, questions: int) -> str:
        """Give what so many questions usually cost together."""
        return range_of(self.usual, questions)

    @property
    def minutes(self) -> str:
        """How long that usually takes: ``16–28 min``; empty where that is not known."""
        return minutes_of(self.usual, self.new, self.at_once)

    @property
    def fits(self) -> int:
        """How many of the new questions fit the budget."""
        if self.left is None or self.refusal is None:
            return self.new
        return (
            min(self.new, int((self.left + 1e-9) // self.usual.set_aside))
            if self.usual.set_aside
            else self.new
        )

    def check(self) -> None:
        """Raise BudgetExceeded where the new questions do not fit; the error has the whole sum."""
        if self.refusal is not None:
            raise BudgetExceeded(self.refusal.line(self.new - self.paused), refusal=self.refusal)

    @property
    def headline(self) -> str:
        """Say what is not sent yet, in one line."""
        if not self.new:
            return f"Nothing to buy: none of the {count(self.rows, 'row')} is new"
        usually = f", usually {self.range} together" if self.range else ""
        return f"Not sent yet: {count(self.new, 'question')} to buy{usually}"

    @property
    def details(self) -> str:
        """Say what the rows come to, how long they take, and what is left of the budget."""
        fresh = self.new - self.paused
        held = [
            f"{self.answered} {'is' if self.answered == 1 else 'are'} in your ledger (free)"
            if self.answered
            else "",
            f"{self.under_way} {'is' if self.under_way == 1 else 'are'} under way already"
            if self.under_way
            else "",
            f"{self.unanswered} ended without an answer before" if self.unanswered else "",
            f"{self.paused} {'waits' if self.paused == 1 else 'wait'} in a batch that was paused, and would go on"
            if self.paused
            else "",
            f"{fresh} {'is' if fresh == 1 else 'are'} new" if fresh else "",
        ]
        same = self.rows - self.questions
        told = "1 asks what another asks, and is" if same == 1 else f"{same} ask what another asks, and are"
        kinds = f"{count(self.rows, 'row')}{f' ({told} asked once)' if same else ''}"
        parts = [f"{kinds}: {', '.join(each for each in held if each)}."]
        if self.minutes:
            parts.append(f"About {self.minutes} at {self.at_once} at a time.")
        if self.left is not None and self.new:
            parts.append(
                f"Budget {self.whose}: {money(self.left)} left{', which is not enough for all' if self.refusal else ''}."
            )
        return " ".join(parts)

    def __str__(self) -> str:
        return f"{self.headline}\n{self.details}"


def range_of(usual: Expected, questions: int) -> str:
    """Give what so many questions usually cost together; empty where that is not known."""
    if usual.low is None or usual.high is None or not questions:
        return ""
    return money_range(questions * usual.low, questions * usual.high)


def minutes_of(usual: Expected, questions: int, at_once: int) -> str:
    """Give how long so many questions usually take, so many at a time; empty where that is not known."""
    if usual.seconds_low is None or usual.seconds_high is None or not questions:
        return ""
    turns = math.ceil(questions / max(1, at_once))
    low, high = (max(1, round(turns * seconds / 60)) for seconds in (usual.seconds_low, usual.seconds_high))
    return f"{low} min" if low == high else f"{low}–{high} min"


def tightest(session: Session, notebook: str) -> Refusal | None:
    """Give the budget of a notebook that has least left, with its sums; None where there is none."""
    return _refusal(session, notebook, Expected(high=_EVERYTHING))


def _refusal(session: Session, notebook: str, expected: Expected) -> Refusal | None:
    run = os.environ.get(RUN_VARIABLE, "")
    return session.ledger.refusal(
        notebook, run, session.base_url, expected.to_json(), session.settings.budget
    )


def plan_of(
    session: Session,
    decisions: Sequence[Decision],
    usual: Expected,
    *,
    paused: int,
    rows: int,
    notebook: str,
    at_once: int,
) -> BatchPlan:
    """Give the plan of different questions, of which `decisions` says what each means."""
    kept = [each.row for each in decisions if each.what == "keep" and each.row is not None]
    new = len(decisions) - len(kept)
    refusal = most = None
    if new and not session.frozen:
        refusal = _refusal(session, notebook, together([usual] * new))
        most = refusal or tightest(session, notebook)
    return BatchPlan(
        rows=rows,
        questions=len(decisions),
        answered=sum(row.state in {"completed", "incomplete"} for row in kept),
        under_way=sum(row.is_open for row in kept) - paused,
        unanswered=sum(row.state not in {"completed", "incomplete"} and not row.is_open for row in kept),
        new=new + paused,
        paused=paused,
        usual=usual,
        at_once=at_once,
        left=None if most is None else most.left,
        whose="" if most is None else most.budget.words,
        refusal=refusal,
    )
