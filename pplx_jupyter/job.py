"""Job: the user's handle on one submission.

It holds an id and reads the ledger: a second handle, in another cell, kernel or year, is as good as the first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any, Self

from pplx_jupyter.answer import Answer, Cost
from pplx_jupyter.earlier import earlier_answer
from pplx_jupyter.errors import JobFailed, JobUnconfirmed, PplxError, RequestError, WaitInterrupted
from pplx_jupyter.fields.checks import check_integer
from pplx_jupyter.ledger import REUSABLE
from pplx_jupyter.render.words import job_name
from pplx_jupyter.request import Request
from pplx_jupyter.rows import answer_of, earlier_of, error_of, failure_of, forms_of, has_answer, receipt_of
from pplx_jupyter.session import Session, current_session
from pplx_jupyter.waiting import Waiting, running_loop

if TYPE_CHECKING:
    from collections.abc import Generator

    from pplx_jupyter.diff import Diff
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.receipt import Failure, Receipt

__all__ = ["Job", "answer_to", "attach", "jobs"]


class Job:
    """One submission: ask it for its state, wait for its answer, cancel it.

    Parameters
    ----------
    session
        Whose ledger the job is in.
    job_id
        Its id in that ledger.
    reuse
        ``"ledger"`` where the answer was there before this run asked; in a frozen run it is ``"lockfile"``.

    Attributes
    ----------
    waits_at_use
        Whether `answer`, `cost`, `body` and `raw` wait for the job, as `wait` does. False, except for
        what a cell asked in a run that nobody watches with the setting `parallel`: such cells send
        their questions first, and the first use of a result waits.
    """

    def __init__(self, session: Session, job_id: str, *, reuse: str | None = None) -> None:
        self.session = session
        self.id = job_id
        self.reuse = "lockfile" if session.frozen else reuse
        self.waits_at_use = False

    @property
    def row(self) -> Row:
        """The job as the ledger knows it now."""
        row = self.session.ledger.get(self.id)
        if row is None:
            raise RequestError(f"job {self.id} is not in the ledger {self.session.ledger.where}.")
        return row

    @property
    def name(self) -> str:
        """The name it was given, or an empty text."""
        return self.row.name

    @property
    def status(self) -> str:
        """Its state: submitting, queued, running, completed, incomplete, failed, cancelled, expired or unconfirmed."""
        return self.row.state

    @property
    def remote_status(self) -> str:
        """The service's own last word for its state."""
        return self.row.remote_status

    @property
    def remote_id(self) -> str:
        """The service's id of it, or an empty text."""
        return self.row.remote_id

    @property
    def request(self) -> Request:
        """The question as it was asked, without a webhook's secret; a RequestError where it is not known."""
        row = self.row
        if row.forgotten_at is not None:
            raise RequestError(f"{row.label} was forgotten: its question is deleted.")
        if row.is_adopted:
            raise RequestError(f"{row.label} was asked elsewhere: its question is not known here.")
        return Request.from_json(row.request)

    @property
    def answer(self) -> Answer | None:
        """The answer; None until the job is settled with one. With `waits_at_use` it is that of `wait`, errors included."""
        if self.waits_at_use:
            return self.wait(self.session.settings.timeout)
        return self._known_answer()

    def _known_answer(self) -> Answer | None:
        row = self.row
        if not has_answer(row):
            return None
        ledger = self.session.ledger
        found = answer_of(row, ledger.body(row.id), ledger.pictures(row.id))
        return dataclasses.replace(found, receipt=self.receipt)

    @property
    def cost(self) -> Cost:
        """What it cost, as far as known."""
        self._at_use()
        row = self.row
        answer = self._known_answer()
        return answer.cost if answer is not None else Cost(row.cost, {}, row.cost_estimated)

    @property
    def body(self) -> str | None:
        """The last body of the service, as it came; None where nothing came yet."""
        self._at_use()
        return self.session.ledger.body(self.id)

    @property
    def raw(self) -> Any:
        """That body, decoded where it is JSON."""
        body = self.body
        if body is None:
            return None
        try:
            return json.loads(body)
        except ValueError:
            return body

    @property
    def receipt(self) -> Receipt:
        """What is known of how it came."""
        row = self.row
        return receipt_of(row, reuse=self.reuse, follows=earlier_of(self.session.ledger, row))

    @property
    def done(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return not self.row.is_open

    def wait(self, timeout: float | None = None, *, nested: bool | None = None) -> Answer:
        """Block until the answer is there, and give it.

        An interrupt or a timeout ends the waiting, not the job. Where images were asked for, it waits a few
        seconds more for them.

        Parameters
        ----------
        timeout
            Seconds to wait at most; None waits as long as it takes.
        nested
            Let your own tasks on the kernel's loop go on meanwhile. This applies ``nest_asyncio2``, which
            patches asyncio for the whole kernel and cannot be undone; default: the setting `nested_wait`.
            Buttons do not become live by it.

        Raises
        ------
        WaitTimeout
            The timeout passed; the job goes on.
        WaitInterrupted
            A person interrupted (a KeyboardInterrupt); the job goes on.
        JobFailed, JobCancelled, JobExpired, JobUnconfirmed
            The job gave no answer.
        ServiceError
            The service did not take it, or could not be reached; or it refuses to be asked about it, which goes on.
        BudgetExceeded
            It moved to the other API, and could pass a budget there; nothing was billed.
        """
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
            raise RequestError(f"timeout {timeout!r}: give a number of seconds, or None.", field="timeout")
        nested = self.session.settings.nested_wait if nested is None else nested
        try:
            waiting = Waiting(self.session, lambda: self.row, timeout)
            if nested and (loop := running_loop()) is not None:
                waiting.nested(loop)
            else:
                waiting.block()
        except KeyboardInterrupt:
            row = self.row
            goes_on = f"it goes on; %pplx wait {row.id} waits again, %pplx cancel {row.id} stops it"
            raise WaitInterrupted(f"stopped waiting for {row.label}: {goes_on}.") from None
        return self._result()

    def _at_use(self) -> None:
        """Wait where the first use of a result does; a job that failed has a cost and a body, too."""
        if self.waits_at_use and not self.done:
            with contextlib.suppress(JobFailed, JobUnconfirmed):
                self.wait(self.session.settings.timeout)

    def __await__(self) -> Generator[Any, None, Answer]:
        """Wait without blocking the loop; cancelling the waiting does not cancel the job."""
        return self._settled().__await__()

    async def _settled(self) -> Answer:
        await Waiting(self.session, lambda: self.row).politely()
        return self._result()

    def _result(self) -> Answer:
        answer = self._known_answer()
        if answer is not None:
            return answer
        raise self.error or PplxError(f"job {self.id} gave no answer.")

    @property
    def failure(self) -> Failure | None:
        """Why it gave no answer, or what keeps it from being asked about; None where all is well."""
        return failure_of(self.row)

    @property
    def error(self) -> PplxError | None:
        """What `wait` raises, or None."""
        return error_of(self.row)

    def cancel(self) -> None:
        """Ask the service to cancel; returns at once. What is done so far may be billed."""
        self.session.cancel(self.id)

    def retry(self, *, yes: bool = False) -> Job:
        """Ask a question that gave no answer anew: a new job, and a new purchase, once.

        Where it was asked anew already, here or in another window, that job is given.

        Parameters
        ----------
        yes
            Ask although it could pass a budget.

        Raises
        ------
        RequestError
            The job is under way, has its answer, is unconfirmed, or was forgotten.
        BudgetExceeded
            It could pass a budget; nothing was sent.
        """
        row = self.row
        if row.forgotten_at is not None:
            raise RequestError(
                f"{row.label} was forgotten: its question is deleted. Ask it anew in its cell. Nothing was sent."
            )
        if row.is_open:
            raise RequestError(f"{row.label} is still {row.state}; cancel it first.")
        if row.state in REUSABLE:
            raise RequestError(
                f"{row.label} has its answer; to ask anew all the same, use --refresh or refresh=True."
            )
        if row.state == "unconfirmed":
            raise RequestError(
                f"{row.label} is unconfirmed; %pplx settle {row.id} --ask-again sends it once more."
            )
        submitted = self.session.submit(
            self.request,
            name=row.name,
            notebook=row.notebook,
            cell=row.cell,
            filled=row.filled,
            retry_of=row,
            yes=yes,
        )
        self.session.watch()
        return Job(self.session, submitted.row.id)

    def ask(
        self,
        prompt: str,
        *,
        name: str = "",
        refresh: bool = False,
        max_age: str | None = None,
        yes: bool = False,
        **fields: Any,
    ) -> Job:
        """Ask a follow-up: the service is told this job's question and answer, and what they followed, before it.

        Asked again after the same answer, it costs nothing; after another answer to the same question, as
        `refresh` gives, it is another question. The parameters are those of `research`; options of this job's
        own question are not taken over.

        Raises
        ------
        RequestError
            This job has no answer, or a field is wrong; nothing was sent.
        KeyMissing
            There is no key; nothing was sent.
        BudgetExceeded
            It could pass a budget; nothing was sent.
        """
        from pplx_jupyter.asking import research

        self._at_use()
        return research(
            prompt,
            name=name,
            after=self,
            session=self.session,
            refresh=refresh,
            max_age=max_age,
            yes=yes,
            **fields,
        )

    @property
    def follows(self) -> Job | None:
        """The job that this one follows, or None."""
        parent = self.row.follows
        return Job(self.session, parent) if parent else None

    def earlier(self) -> Job:
        """Give the job of the last earlier answer: to the same question, else to what its NAME or cell asked before.

        Raises
        ------
        RequestError
            There is none.
        """
        return Job(self.session, earlier_answer(self.session.ledger, self.row).id, reuse="ledger")

    def diff(self, other: Job | Answer | str | None = None) -> Diff:
        """Tell what changed since the last answer to the same question: sources, sections, sentences, numbers.

        Parameters
        ----------
        other
            What it is compared with: a job, its id or name, or an answer; None finds the last one, see `earlier`.

        Raises
        ------
        RequestError
            There is nothing to compare with, or one of the two has no answer.
        """
        answer = _comparable(self)
        if other is None:
            other = self.earlier()
        elif isinstance(other, str):
            other = attach(other, session=self.session)
        if isinstance(other, Job):
            if other.id == self.id:
                raise RequestError(f"{self.row.label} cannot be compared with itself; name another job.")
            other = _comparable(other)
        return answer.diff(other)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled by its id: whoever reads it back looks it up in the ledger of its own session.
        return attach, (self.id,)

    def __repr__(self) -> str:
        row = self.row
        return f"<Job {row.label}: {row.state}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        ledger = self.session.ledger
        row, pictures = self.row, ledger.pictures(self.id)
        return forms_of(
            row, ledger.body(self.id), pictures, reuse=self.reuse, follows=earlier_of(ledger, row)
        )


def attach(job: Job | str, *, session: Session | None = None) -> Job:
    """Give the job of this id, beginning of an id, name, or id of the service's; one under way is followed again.

    Parameters
    ----------
    job
        What names it. A `Job` is looked up by its id, in its own session where none is given.

    Raises
    ------
    RequestError
        No job, or more than one, fits.
    """
    session = session or (job.session if isinstance(job, Job) else current_session())
    text = (job.id if isinstance(job, Job) else str(job)).strip()
    found = session.ledger.find(text) if text else []
    if text and not found:
        # It is kept cleaned, and cut.
        text = job_name(text)
        found = session.ledger.find(text) if text else []
    exact = (
        [row for row in found if row.id == text] or [row for row in found if row.name == text][:1] or found
    )
    if not exact:
        raise RequestError(f"no job “{text}” is in the ledger {session.ledger.where}; %pplx jobs lists them.")
    if len(exact) > 1:
        raise RequestError(
            f"“{text}” fits {len(exact)} jobs ({', '.join(row.id for row in exact[:5])} …); write more of the id."
        )
    row = session.follow(exact[0])
    if row.is_open and session.has_key:
        session.watch()
    return Job(session, row.id, reuse="ledger" if row.state in REUSABLE else None)


def jobs(*, limit: int = 50, session: Session | None = None) -> list[Job]:
    """Give the newest jobs of the ledger, newest first, `limit` at most.

    Raises
    ------
    RequestError
        `limit` is no whole number, or negative.
    """
    # SQLite takes no longer number.
    limit = min(check_integer("limit", limit, 0, None), sys.maxsize)
    session = session or current_session()
    return [Job(session, row.id) for row in session.ledger.jobs(limit=limit)]


def answer_to(do: str, job: Job) -> Answer:
    """Give the answer of a job to do something with, such as ``"save"``.

    Raises
    ------
    RequestError
        It has none.
    """
    row, answer = job.row, job.answer
    if answer is None and row.forgotten_at is not None:
        raise RequestError(f"{row.label} was forgotten: its answer is deleted, and none is left to {do}.")
    if answer is None:
        then = f"; %pplx wait {row.id} waits for it" if row.is_open else ""
        raise RequestError(f"{row.label} has no answer to {do}: it is {row.state}{then}.")
    return answer


def _comparable(job: Job) -> Answer:
    row, answer = job.row, answer_to("compare", job)
    if not answer.understood:
        raise RequestError(f"the answer of {row.label} was not understood, so its text cannot be compared.")
    return answer
