"""What may be done with a ledger.

Whoever holds a row's lease alone talks to the service about it: writes of a watcher name the `owner` and do
nothing once the lease is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pplx_jupyter.ledger.budgets import Budget, Refusal, Sums
    from pplx_jupyter.ledger.expected import Past
    from pplx_jupyter.ledger.gate import Gate
    from pplx_jupyter.ledger.records import Adoptable, Attempts, Decision, Draft, Owner, Row
    from pplx_jupyter.ledger.wanted import Found, Spent, Wanted

__all__ = ["Ledger"]


class Ledger(Protocol):
    """What every kind of ledger offers; all calls are short, atomic and safe from any thread."""

    @property
    def where(self) -> str:
        """Where it is, in words for a person."""

    @property
    def salt(self) -> str:
        """A random text of this ledger's, for the hash that names an account."""

    def attempts(self, fingerprint: str, base_url: str, backend: str | None = None) -> Attempts:
        """Give the rows of a question; `backend`, where given, takes rows of that API alone."""

    def answered(self, fingerprint: str, base_url: str) -> list[Row]:
        """Give the answers to a question, newest first: those that a refresh replaced, too."""

    def intend(
        self,
        draft: Draft,
        decide: Callable[[Attempts], Decision],
        *,
        budget: float | None = None,
        allowed: bool = False,
    ) -> tuple[Row, Decision]:
        """Do what `decide` says of the question's rows, and give the row; in one transaction with the budgets.

        Parameters
        ----------
        decide
            A pure function: called under the ledger's lock, so that two kernels that ask the same buy once.
        budget
            The setting `budget`, in US dollars.
        allowed
            Ask although it could pass a budget.

        Raises
        ------
        BudgetExceeded
            It could pass a budget; nothing is written.
        """

    def attempts_of(
        self, fingerprints: Sequence[str], base_url: str, backend: str | None = None
    ) -> dict[str, Attempts]:
        """Give the rows of many questions, by fingerprint, in one look."""

    def intend_all(
        self,
        drafts: Sequence[Draft],
        decide: Callable[[Attempts], Decision],
        *,
        gate: Gate,
        budget: float | None = None,
    ) -> list[tuple[Row, Decision]]:
        """Do what `decide` says of each question of a batch; the budgets must hold for all of them together.

        What is to be sent is parked until the batch's gate lets it out, see `release`. Intents of an earlier
        run that are parked still become this batch's.

        Raises
        ------
        BudgetExceeded
            All together could pass a budget; nothing is written.
        """

    def gate(self, batch: str) -> Gate | None:
        """Give how a batch's questions leave; None where there is no such batch."""

    def set_gate(self, batch: str, gate: Gate, job_ids: Sequence[str] = ()) -> None:
        """Pause a batch, let it go on, or change how many of it are under way at once.

        Of the rows `job_ids`, those that another batch holds and that have not left become this one's.
        """

    def release(self, account: str, now: float) -> int:
        """Make the parked intents due whose turn it is, by their gates and the account's rate; give how many."""

    def drop_parked(self, job_ids: Sequence[str], changes: Mapping[str, Any]) -> int:
        """Write `changes` into those of the rows that are parked still; give how many."""

    def note_shown(self, job_ids: Sequence[str], now: float) -> None:
        """Note that a notebook has shown how these settled jobs ended, where none had yet."""

    def free_at(self, account: str, backend: str, now: float) -> float:
        """Give when a question may leave, as the account's refusals taught; `now` where nothing is in its way."""

    def slow_down(self, account: str, backend: str, now: float, told: float | None) -> None:
        """Remember that the service refused a question as one too many, and when it said to come again."""

    def rehold(
        self, job_id: str, expected: Mapping[str, Any], *, owner: str, budget: float | None
    ) -> Refusal | None:
        """Set aside another amount for a job that is about to be sent elsewhere; give why it does not fit, if so."""

    def intend_again(
        self, job_id: str, changes: Mapping[str, Any], *, budget: float | None = None, allowed: bool = False
    ) -> Row | None:
        """Make an unconfirmed row an intent once more, in one transaction with the budgets of today.

        Gives None where the row is not unconfirmed any more: somebody else has settled it.

        Raises
        ------
        BudgetExceeded
            It could pass a budget, and is not allowed to; nothing is written.
        """

    def refusal(
        self, notebook: str, run: str, base_url: str, expected: Mapping[str, Any], budget: float | None
    ) -> Refusal | None:
        """Give why one more question would not fit the budgets now, or None; nothing is written."""

    def past(self, base_url: str, backend: str, model: str, effort: str, limit: int) -> list[Past]:
        """Give the newest settled jobs of this kind whose cost the service reported."""

    def totals(self, scope: str, base_url: str, key: str | None = None) -> dict[str, Sums]:
        """Give the running totals of a scope by key, see `pplx_jupyter.ledger.budgets.keys_of`; of one key where given."""

    def budgets(self) -> list[Budget]:
        """Give the budgets that a person has set."""

    def set_budget(self, scope: str, key: str, amount: float | None) -> None:
        """Set a budget; None takes it away."""

    def forms(self, job_id: str, version: str) -> Mapping[str, Any] | None:
        """Give what was kept of a settled job's permanent forms by this version of the renderer."""

    def rename(self, job_id: str, name: str) -> Row | None:
        """Give a job another name; None where there is no such job, or another process is writing: it is not worth waiting for.

        Raises
        ------
        LedgerError
            Nothing can be written.
        """

    def keep_forms(self, job_id: str, version: str, forms: Mapping[str, Any]) -> None:
        """Keep a settled job's permanent forms; those of another version are replaced."""

    def pictures(self, job_id: str) -> Mapping[str, bytes]:
        """Give what was kept of an answer's images, by their addresses."""

    def keep_pictures(self, job_id: str, pictures: Mapping[str, bytes]) -> None:
        """Keep an answer's images, by their addresses, and note that nothing more will come."""

    def forget(self, job_ids: Sequence[str]) -> int:
        """Delete prompt, answer and name of settled jobs, and keep what they cost; give how many."""

    def get(self, job_id: str) -> Row | None:
        """Give the row of this id."""

    def find(self, text: str) -> list[Row]:
        """Give the rows whose id begins with, or whose name or remote id is, this text; newest first."""

    def body(self, job_id: str) -> str | None:
        """Give the last body that the service sent for this job, as it came."""

    def write(
        self,
        job_id: str,
        changes: Mapping[str, Any],
        *,
        body: str | None = None,
        owner: str | None = None,
        states: Sequence[str] | None = None,
    ) -> Row | None:
        """Change a row, and keep a body with it; give the new row.

        Does nothing and gives None where `owner` no longer holds the lease, or the row's state
        is none of `states`.
        """

    def hold(self, row: Row, changes: Mapping[str, Any], *, body: str | None = None, why: str = "") -> Row:
        """Keep a change that could not be written in memory, and give the row with it.

        Until a later write takes it along, all that this process reads of the row has it, and says `why`.
        """

    def changed(self, after: int, ids: Iterable[str] | None = None) -> list[Row]:
        """Give the rows changed since `after`, oldest change first."""

    def jobs(
        self,
        *,
        states: Sequence[str] | None = None,
        notebook: str | None = None,
        cell: str | None = None,
        base_url: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Row]:
        """Give rows, newest first."""

    def found(self, wanted: Wanted, *, limit: int = 50, offset: int = 0) -> Found:
        """Find jobs by words, state, notebook, time and cost; give a page of them, newest first, and their sums."""

    def read_in(self, seconds: float) -> int:
        """Read, for about so long, the words of older jobs that a search does not reach yet; give how many are left."""

    def spent(self, base_url: str, since: float | None = None, until: float | None = None) -> list[Spent]:
        """Give what jobs asked in a time (seconds since the epoch) cost, by day, notebook, model and effort."""

    def claim(
        self, owner: str, free: Sequence[str], accounts: Sequence[str], now: float, limit: int
    ) -> list[Row]:
        """Take the lease of due open rows that nobody holds, or that one of the `free` owners held."""

    def under_way(self, accounts: Sequence[str], now: float) -> tuple[int, float | None]:
        """Count the open rows of these accounts, and give when the next that is not due yet will be."""

    def unshown(self, notebook: str, base_url: str, limit: int) -> list[Row]:
        """Give the rows of a notebook whose end nobody has been shown, those under way too; newest first."""

    def first(self, what: str) -> bool:
        """Say whether nobody has asked this of the ledger before, and remember it: of many kernels, one does a thing."""

    def listing_due(self, account: str, now: float, every: float) -> bool:
        """Whether the service's list was last asked for over `every` seconds ago; if so, `now` is written down."""

    def adopt(self, found: Sequence[Adoptable], account: str, base_url: str) -> list[Row] | None:
        """Insert a row for each job of the service's that no row knows, and give these rows.

        Gives None, and inserts nothing, while a submit is on its way whose id is not known yet: it could be
        one of them.
        """

    def owners(self) -> list[Owner]:
        """Give all processes that hold, or held, leases."""

    def renew(self, owner: Owner) -> None:
        """Write until when a process holds its leases."""

    def retired_until(self, account: str) -> float | None:
        """Give until when the sonar API counts as retired for this account."""

    def retire(self, account: str, until: float | None) -> None:
        """Remember that the sonar API is retired for this account; None forgets it."""

    def close(self) -> None:
        """Close this thread's connection."""
