"""What asking a batch means now: of each different question, whether it is bought, taken from the ledger, or let go on.

Nothing is written or sent here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from typing import TYPE_CHECKING

from pplx_jupyter.batch.plan import BatchPlan, plan_of
from pplx_jupyter.ledger.expected import Expected
from pplx_jupyter.ledger.gate import Gate, is_parked
from pplx_jupyter.rows import has_answer
from pplx_jupyter.submission import Submission, with_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplx_jupyter.batch.questions import Question
    from pplx_jupyter.ledger import Attempts, Decision, Row
    from pplx_jupyter.request import Request
    from pplx_jupyter.session import Session

__all__ = ["AT_ONCE", "Asking", "Deciding", "Found"]

AT_ONCE = 10
"""How many questions of a batch are under way at the same time, unless it says otherwise."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How the questions of a batch are asked; the words are those of `Session.submit`."""

    name: str = ""
    notebook: str = ""
    cell: str = ""
    at_once: int = AT_ONCE
    refresh: bool = False
    max_age: float | None = None
    retry_failed: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What the ledger has of a batch's questions before anything is asked.

    Attributes
    ----------
    decisions
        What asking each different question means now, in their order.
    waits
        Ids of the rows that asking would let go on.
    rows
        What is there for nothing, by fingerprint: what asking keeps, and of what it would ask anew the answer
        that there is until then.
    """

    decisions: Sequence[Decision]
    waits: frozenset[str]
    rows: dict[str, Submission]

    @property
    def is_all(self) -> bool:
        """Whether asking would send nothing."""
        return not self.waits and all(each.what == "keep" for each in self.decisions)


class Deciding:
    """The different questions of a batch, and what asking them would do.

    Parameters
    ----------
    questions
        What each row asks.

    Attributes
    ----------
    id
        The batch's, made of its questions and the service's address: the same table asks as the same batch.
    fingerprints
        The fingerprint of what each row asks, in the rows' order.
    different
        Each different question by its fingerprint, in the order of the rows that ask it first.
    requests
        What is sent for each of them: every default that a setting has is filled in.
    first
        The request of the first row.
    began
        When the run with `Asking.refresh` began that this batch has sent, in seconds since the epoch; 0 where it has
        sent none.
    """

    def __init__(self, session: Session, questions: Sequence[Question], asking: Asking) -> None:
        # Filled in here alone: what its plan told is what a later click asks, whatever is set meanwhile.
        asked = [with_defaults(each.request, session.settings) for each in questions]
        self.fingerprints = [request.fingerprint for request in asked]
        self.requests: dict[str, Request] = dict(zip(self.fingerprints, asked, strict=True))
        self.different: dict[str, Question] = {}
        for fingerprint, question in zip(self.fingerprints, questions, strict=True):
            self.different.setdefault(fingerprint, question)
        self.first = asked[0]
        told = "\n".join([session.base_url, *self.different])
        self.id = hashlib.sha256(told.encode()).hexdigest()[:6]
        self.began = 0.0
        self._session = session
        self._asking = asking

    @property
    def usual(self) -> Expected:
        """What one of the questions usually costs and takes."""
        if self._session.frozen:
            return Expected()
        return self._session.expected(self.first, self._session.choose(self.first))

    def look(self) -> Found:
        """Say what the ledger has of the questions."""
        best: list[Row | None] = []
        how = self.how(self.fresh_since()[0])

        def noted(attempts: Attempts) -> Decision:
            best.append(attempts.best)
            return how(attempts)

        decisions = self._session.decisions(list(self.different), noted, backend=self.first.backend)
        waits = self._paused(decisions)
        rows: dict[str, Submission] = {}
        for fingerprint, decision, row in zip(self.different, decisions, best, strict=True):
            kept = decision.row if decision.what == "keep" else None
            if kept is not None and kept.id not in waits:
                rows[fingerprint] = Submission(kept, created=False)
            elif row is not None and has_answer(row):
                rows[fingerprint] = Submission(row, created=False)
        return Found(decisions, frozenset(waits), rows)

    def plan(self, found: Found) -> BatchPlan:
        """Say what asking now would do and cost."""
        return plan_of(
            self._session,
            found.decisions,
            self.usual,
            paused=len(found.waits),
            rows=len(self.fingerprints),
            notebook=self._asking.notebook,
            at_once=self._asking.at_once,
        )

    def chosen(self, first: int | None = None) -> dict[str, Question]:
        """Give the different questions by their fingerprints; of the new ones the `first` alone."""
        if first is None:
            return self.different
        left = first
        taken: dict[str, Question] = {}
        found = self.look()
        for (fingerprint, question), decision in zip(self.different.items(), found.decisions, strict=True):
            row = decision.row if decision.what == "keep" else None
            is_new = row is None or (row.id in found.waits and row.batch != self.id)
            left -= is_new
            if not is_new or left >= 0:
                taken[fingerprint] = question
        return taken

    def new_prompts(self) -> list[str]:
        """Give the prompts that would be bought, in the rows' order."""
        found = self.look()
        return [
            each.request.prompt
            for each, decision in zip(self.different.values(), found.decisions, strict=True)
            if decision.what != "keep" or (decision.row is not None and decision.row.id in found.waits)
        ]

    def how(self, since: float | None) -> Callable[[Attempts], Decision]:
        """Give what decides whether a question is bought."""
        asking = self._asking
        return self._session.how(
            refresh=asking.refresh, since=since, max_age=asking.max_age, retry_failed=asking.retry_failed
        )

    def fresh_since(self) -> tuple[float | None, float]:
        """Give since when answers count as asked anew, and when asking all anew began.

        A run with `refresh` that was cut off, by a crash or a restart, goes on: what it has bought is not
        bought again. None: it begins now, or there is no such run.
        """
        if self._session.frozen:
            return None, 0.0
        began = self.began or self._cut_off()
        if not self._asking.refresh:
            # Not forgotten by a run that only brings the panel back.
            return None, began
        if began:
            return began, began
        # What is followed counts as asked by this run.
        return None, min([time.time(), *(row.created_at for row in self._under_way())])

    def _paused(self, decisions: Sequence[Decision]) -> set[str]:
        """Give the ids of the rows that asking would let go on: they wait in a batch that was paused.

        None, where they are all of this very batch and nothing else is new: then its panel comes back, paused.
        """
        kept = [each.row for each in decisions if each.what == "keep" and each.row is not None]
        parked = [row for row in kept if row.is_open and is_parked(row.due_at)]
        gates = {each: self._session.ledger.gate(each) for each in {row.batch for row in parked}}
        shut = {each for each, gate in gates.items() if gate is not None and gate.paused}
        found = [row for row in parked if row.batch in shut]
        if len(kept) == len(decisions) and all(row.batch == self.id for row in found):
            return set()
        return {row.id for row in found}

    def _cut_off(self) -> float:
        """Give when the run with `refresh` began that is under way still; 0 where there is none."""
        began = (self._session.ledger.gate(self.id) or Gate()).began
        return began if began and any(row.created_at >= began for row in self._under_way()) else 0.0

    def _under_way(self) -> list[Row]:
        """Give the rows of its questions that are under way, or wait for their turn."""
        found = self._session.ledger.attempts_of(list(self.different), self._session.base_url)
        return [each.best for each in found.values() if each.best is not None and each.best.is_open]
