"""Batch: the user's handle on the rows of a table, each a job of its own.

It holds the rows and their jobs' ids; all else is read from the ledger, so that a batch may be made anew
from the same rows at any time, and buys nothing a second time.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.answer import Cost
from pplx_jupyter.batch.answers import Answers
from pplx_jupyter.batch.deciding import Deciding
from pplx_jupyter.batch.frame import frame_of
from pplx_jupyter.batch.plan import tightest
from pplx_jupyter.batch.sending import Sending
from pplx_jupyter.batch.standing import ASKED_ANEW, tally_of
from pplx_jupyter.batch.standings import Standings
from pplx_jupyter.batch.waiting import check_known, wait_until_over
from pplx_jupyter.errors import PplxError, RequestError, WaitInterrupted
from pplx_jupyter.fields.checks import check_integer
from pplx_jupyter.job import Job
from pplx_jupyter.ledger.gate import Gate
from pplx_jupyter.render.words import count
from pplx_jupyter.reuse import again
from pplx_jupyter.rows import answer_of, has_answer
from pplx_jupyter.schema import schema_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.batch.deciding import Asking, Found
    from pplx_jupyter.batch.plan import BatchPlan
    from pplx_jupyter.batch.questions import Question, Table
    from pplx_jupyter.batch.standing import Standing, Tally
    from pplx_jupyter.ledger.budgets import Refusal
    from pplx_jupyter.ledger.expected import Expected
    from pplx_jupyter.session import Session

__all__ = ["Batch"]

_LOOK_SECONDS = 1.0
"""How old a look at the ledger may be for one row of a batch that was not asked: a loop over thousands asks for each."""


class Batch:
    """Many questions of one kind: plan them, ask them, wait for them, read them as a data frame.

    Made by `pplx_jupyter.research_map` and by ``%%pplx_research --each``.

    Parameters
    ----------
    session
        Whose ledger the jobs are in.
    template
        The prompt as it was written, with its ``{{ name }}``.
    table
        The rows.
    questions
        What each row asks.

    Attributes
    ----------
    on_sent
        Called after rows of it were asked, go on or are cancelled, on the thread that did it, with how many questions
        that is certain to have bought; what shows the batch follows it then.
    """

    def __init__(
        self, session: Session, template: str, table: Table, questions: Sequence[Question], asking: Asking
    ) -> None:
        self.session = session
        self.template = template
        self.table = table
        self.questions = questions
        self.asking = asking
        self._deciding = Deciding(session, questions, asking)
        self.id = self._deciding.id
        self.schema = schema_in(self._deciding.first.response_format)
        self._rows = Standings(session, self.schema)
        self._sending = Sending(session, self._deciding, asking, self._rows)
        self._simulated: bool | None = None
        self._looked = -math.inf
        self.on_sent: Callable[[Batch, int], None] | None = None

    # -- before anything is sent ------------------------------------------------------------------

    @property
    def plan(self) -> BatchPlan:
        """What asking now would do and cost; nothing is written or sent."""
        return self._deciding.plan(self._look())

    def _look(self) -> Found:
        """Take from the ledger what it has of the rows, for nothing; say what asking the others means."""
        found = self._deciding.look()
        self._looked = time.monotonic()
        if not self.is_asked and not self.session.frozen:
            self._rows.find(found.rows, is_all=found.is_all, batch=self.id)
        return found

    @property
    def usual(self) -> Expected:
        """What one of its questions usually costs and takes."""
        return self._deciding.usual

    @property
    def budget(self) -> Refusal | None:
        """The budget that has least left for it, and what is gone of that; None where there is none."""
        return tightest(self.session, self.asking.notebook)

    @property
    def new_prompts(self) -> list[str]:
        """The prompts that would be bought, in the rows' order."""
        return self._deciding.new_prompts()

    def ask(self, *, first: int | None = None, background: bool = False, resume: bool = True) -> None:
        """Send what is new, as its turn comes; what is in the ledger is taken from there.

        Parameters
        ----------
        first
            Ask so many of the new questions only, the rows in their order; rows that wait in another batch, which
            was paused, count as new.
        background
            Return before all is written down: a thousand rows take a second.
        resume
            Go on where it was paused before.

        Raises
        ------
        RequestError
            `first` is no whole number from 1 on; nothing was sent.
        KeyMissing
            Something would be sent, and there is no key.
        BudgetExceeded
            All together could pass a budget; nothing was sent.
        """
        chosen = self._deciding.chosen(None if first is None else check_integer("first", first, 1, None))
        if not background or self.session.frozen:
            asked = self._sending.send(chosen, resume=resume)
            self._tell_sent(sum(each.created for each in asked))
            return
        plan = self.plan
        if plan.new:
            # What is certain to be refused is said by the cell that asks.
            _ = self.session.key
        if first is None:
            plan.check()
        self._sending.begin(chosen, resume=resume, label=self.label)
        self._tell_sent()

    def _tell_sent(self, bought: int = 0) -> None:
        if self.on_sent is not None:
            self.on_sent(self, bought)

    # -- where it stands --------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name it was given, or an empty text."""
        return self.asking.name

    @property
    def label(self) -> str:
        """What a person calls it: ``companies (b41d07)``."""
        return f"{self.name} ({self.id})" if self.name else self.id

    @property
    def handle(self) -> str:
        """What stands for it in a line of code."""
        return self.name or "batch"

    @property
    def is_sending(self) -> bool:
        """Whether its rows are being written down."""
        return self._sending.is_under_way

    @property
    def is_asked(self) -> bool:
        """Whether it has begun, or need not: its answers are all in the ledger, or on their way there."""
        return self._rows.is_asked or self.is_sending

    @property
    def error(self) -> PplxError | None:
        """Why its rows could not be written down, or None."""
        return self._sending.error

    @property
    def started(self) -> float:
        """When its first row was written down, in seconds since the epoch; 0 before."""
        return self._sending.started

    @property
    def gate(self) -> Gate:
        """How its questions leave."""
        return self.session.ledger.gate(self.id) or Gate(self.asking.at_once)

    @property
    def paused(self) -> str:
        """Why none of the rows that wait leaves, as `Gate.paused` tells it; empty where one does.

        A question that another batch asks, too, waits at the gate of one of the two.
        """
        at = {each.batch for each in self.standings if each.word == "waiting"} or {self.id}
        gates = [self.session.ledger.gate(batch) or Gate() for batch in at]
        if not all(gate.paused for gate in gates):
            return ""
        return "user" if any(gate.paused == "user" for gate in gates) else gates[0].paused

    def refresh(self) -> bool:
        """Read what has changed; say whether anything has. Of a batch that was not asked it is what the ledger has."""
        self._look_again()
        return self._rows.refresh()

    def _look_again(self, *, seconds: float = 0.0) -> None:
        """Look where the last look is older than so many seconds."""
        is_old = time.monotonic() - self._looked >= seconds
        if is_old and not self.is_asked and not self.session.frozen:
            self._look()

    @property
    def standings(self) -> list[Standing]:
        """Where each row stands as last read, in the rows' order."""
        return self._rows.of(self._deciding.fingerprints)

    @property
    def tally(self) -> Tally:
        """The sums of the rows as last read."""
        return tally_of(self.standings, self._rows.replaced)

    @property
    def is_simulated(self) -> bool:
        """Whether the simulator wrote its answers; every form says so."""
        if self._simulated is None:
            wrote = (each.job for each in self.standings if each.has_answer or each.word == "invalid")
            answered = next(wrote, "")
            answer = self._answer(answered) if answered else None
            # One address has one service: one answer tells of all.
            self._simulated = None if answer is None else answer.simulated
        return bool(self._simulated)

    @property
    def slow_until(self) -> float:
        """When the service takes the next question, as its refusals taught; 0 where nothing is in the way."""
        now = time.time()
        row = next((each for each in self.standings if each.word == "waiting"), None)
        if row is None or self.session.frozen:
            return 0.0
        kept = self.session.ledger.get(row.job)
        if kept is None:
            return 0.0
        free = self.session.ledger.free_at(kept.account, kept.backend, now)
        return free if free > now else 0.0

    def mark_shown(self, jobs: Iterable[str] | None = None) -> None:
        """Remember that a person, or a saved notebook, has been shown how its rows ended, or those of some jobs."""
        shown = [each.job for each in self.standings if each.job] if jobs is None else list(jobs)
        self.session.ledger.note_shown(shown, time.time())

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself: all that was asked is settled, or a refusal stopped the rest."""
        if self.is_sending:
            return False
        tally = self.tally
        if tally.under_way:
            return False
        return not tally.waiting or self.paused not in {"", "user"}

    # -- what it gives ----------------------------------------------------------------------------

    @property
    def jobs(self) -> list[Job | None]:
        """The job of each row, in their order; None for a row that was not asked. Equal rows share one."""
        self._sending.wait()
        self._look_again()
        found = [each.job for each in self.standings]
        jobs = {job_id: self._job(job_id) for job_id in found if job_id}
        return [jobs.get(job_id) for job_id in found]

    def job(self, number: int) -> Job | None:
        """Give the job of one row, counted from 0; None for a row that was not asked."""
        self._sending.wait()
        self._look_again(seconds=_LOOK_SECONDS)
        job_id = self._rows.of([self._deciding.fingerprints[number]])[0].job
        return self._job(job_id) if job_id else None

    def _job(self, job_id: str) -> Job:
        return Job(self.session, job_id, reuse="ledger" if self._rows.is_reused(job_id) else None)

    @property
    def answer(self) -> Answers:
        """The answer of each row, read when it is looked at: ``batch.answer[0]``; None where there is none."""
        return Answers(self)

    @property
    def cost(self) -> Cost:
        """What it cost so far: all that was bought, not what was in the ledger; rows asked anew count each time.

        Where jobs ended without a cost, the total is not known: it is None, and the item ``known`` is the sum of
        the others.
        """
        self.refresh()
        tally = self.tally
        if tally.unknown:
            return Cost(None, {"known": tally.spent} if tally.bought else {}, tally.estimated)
        return Cost(tally.spent, {}, tally.estimated)

    def wait(self, timeout: float | None = None) -> Any:
        """Block until all rows are settled, and give the data frame; see `frame`.

        Rows that failed are marked in it, and so are those that were not asked: of a batch whose plan nobody has
        clicked that is what the ledger has. An interrupt or a timeout ends the waiting, not the batch.

        Parameters
        ----------
        timeout
            Seconds to wait at most; None waits as long as it takes.

        Raises
        ------
        RequestError
            It was not asked yet, and the ledger has none of its rows.
        WaitTimeout
            The timeout passed; the batch goes on.
        WaitInterrupted
            A person interrupted (a KeyboardInterrupt); the batch goes on.
        PplxError
            The service refuses its questions, so that the rest was not sent; the message says why.
        """
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
            raise RequestError(f"timeout {timeout!r}: give a number of seconds, or None.", field="timeout")
        if not self.is_asked and self.error is None:
            check_known(self)
        try:
            self._sending.wait()
            wait_until_over(self, timeout)
        except KeyboardInterrupt:
            raise WaitInterrupted(
                f"stopped waiting for batch {self.label}: it goes on; {self.handle}.wait() waits again,"
                f" {self.handle}.cancel() stops it."
            ) from None
        stopped = self.stopped
        if stopped is not None:
            raise stopped
        return self.frame()

    @property
    def stopped(self) -> PplxError | None:
        """What stopped the rest of the rows: a refusal that each of them would meet; else None."""
        if self.error is not None:
            return self.error
        tally = self.tally
        if not tally.waiting or self.paused in {"", "user"}:
            return None
        refused = next((each for each in self.standings if each.word == "failed"), None)
        error = None if refused is None else Job(self.session, refused.job).error
        why = f" {error}" if error is not None else ""
        return PplxError(
            f"batch {self.label} stopped, and {tally.waiting} rows were not sent:{why} {self.handle}.resume() goes on."
        )

    def frame(self) -> Any:
        """Give the rows as a data frame, in their order, as far as they are settled.

        The input's columns come first, a pandas frame's with their kinds, then those of the schema, then answer
        (its text), state, reason, cost (US dollars), sources (how many) and job (its id). A field of the schema that
        is called as one of these, or as a column of the input, ends in ``_answer``: cost is always what an answer
        cost. A row without an answer has the reason; one that asks the same as a row above has that one's
        answer, and a cost of 0. Without pandas it is a list of dicts.
        """
        self.refresh()
        standings = self.standings
        read = {each: self._answer(each) for each in {s.job for s in standings} if each}
        answers = [read.get(each.job) for each in standings]
        return frame_of(self.table, standings, answers, self.schema)

    def _answer(self, job_id: str) -> Answer | None:
        row = self.session.ledger.get(job_id)
        if row is None or not has_answer(row):
            return None
        return answer_of(row, self.session.ledger.body(job_id))

    # -- what a person may do meanwhile ---------------------------------------------------------------

    def pause(self) -> None:
        """Send no new row; rows that are under way go on, and are billed.

        Rows that another batch asks, too, and that have not left, wait for this one from now on.
        """
        self._set_gate(paused="user")

    def resume(self) -> None:
        """Go on where `pause`, or a refusal, has stopped."""
        self._set_gate(paused="")
        self.session.watch()
        self._tell_sent()

    def _set_gate(self, *, paused: str) -> None:
        self._sending.wait()
        waiting = [each.job for each in self.standings if each.word == "waiting"]
        gate = dataclasses.replace(self.gate, paused=paused)
        self.session.ledger.set_gate(self.id, gate, list(dict.fromkeys(waiting)))
        self.session.bell.ring()

    def cancel(self) -> None:
        """Drop what was not sent, free of charge, and ask the service to stop the rest; returns at once.

        What is done so far may be billed.
        """
        self._sending.wait()
        now = time.time()
        failure = {"kind": "cancelled", "accepted": False, "at": now}
        dropped = {"state": "cancelled", "failure": failure, "settled_at": now, "trouble": None, "owner": ""}
        open_now = [each.job for each in self.standings if each.job and not each.is_over]
        self.session.ledger.drop_parked(list(dict.fromkeys(open_now)), {**dropped, "due_at": now})
        self.refresh()
        for job_id in dict.fromkeys(each.job for each in self.standings if each.job and not each.is_over):
            self.session.cancel(job_id)
        self.session.bell.ring()
        if open_now:
            self._tell_sent()

    def retry_failed(self) -> int:
        """Ask the rows anew that gave no answer, or one that does not fit the schema: new purchases; say how many.

        In a notebook the batch's cell shows them. Unconfirmed rows are left alone: they may have been billed, and ``%pplx settle`` decides.

        Raises
        ------
        BudgetExceeded
            All together could pass a budget; nothing was sent.
        """
        self._sending.wait()
        self.refresh()
        seen = self._rows.seen(ASKED_ANEW)
        if not seen:
            return 0
        left = {fingerprint: self._deciding.different[fingerprint] for fingerprint in seen}
        # Another window has this button, too: what it asked anew since is not bought again, but shown.
        asked = self._sending.send(
            left, resume=self.paused != "user", how=functools.partial(again, seen=seen)
        )
        bought = sum(each.created for each in asked)
        self._tell_sent(bought)
        return bought

    def __len__(self) -> int:
        return len(self.questions)

    def __repr__(self) -> str:
        self.refresh()
        tally = self.tally
        left = tally.words["not asked"]
        if left == tally.rows and not self.is_asked:
            return f"<Batch {self.label}: {count(left, 'row')}, not asked yet>"
        unasked = f", {left} not asked" if left else ""
        return f"<Batch {self.label}: {tally.over} of {count(tally.rows, 'row')} settled{unasked}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from pplx_jupyter.batch.forms import forms_of

        self.refresh()
        return forms_of(self)
