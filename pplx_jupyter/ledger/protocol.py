"""What a ledger is: rows, and the few things that may be done with them.

A row is one submission. Its `seq` rises with every change to any row, so that a reader asks
"what changed since" and needs no listener. Whoever holds a row's lease alone talks to the
service about it: writes of a watcher name the `owner` and do nothing once the lease is lost.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["GIVEN_IN_CLEAR", "OPEN", "REUSABLE", "SETTLED", "Draft", "Ledger", "Owner", "Row"]

OPEN = ("submitting", "queued", "running")
"""States in which a watcher still has something to do."""

SETTLED = ("completed", "incomplete", "failed", "cancelled", "expired")
"""States that end a job; ``unconfirmed`` is neither: a person settles it."""

REUSABLE = ("completed", "incomplete")
"""States whose answer a second run of the same question gets."""


GIVEN_IN_CLEAR = "webhook_secret_is_literal"
"""Key of a row's request: its webhook's secret was given in clear, and so is known to the asking process alone."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The intent: what a row knows before anything is sent."""

    fingerprint: str
    request: Mapping[str, Any]
    base_url: str
    account: str
    backend: str
    pinned: bool = False
    model: str = ""
    effort: str = ""
    question: str = ""
    name: str = ""
    notebook: str = ""
    cell: str = ""
    filled: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One submission, as the ledger knows it. Times are seconds since the epoch, money is US dollars.

    Attributes
    ----------
    seq
        Number of the last change to this row, rising over the whole ledger.
    pinned
        The question named its backend: only that backend's answers serve it.
    sending_at
        Written just before the first byte leaves; None again once it is certain that nothing arrived.
    accepted_at
        When the service gave the job an id.
    due_at
        When a watcher should look at the row next.
    tries
        Failed attempts since the last success, for the backoff.
    cancel
        ``""``, ``"asked"`` (by the user), ``"sent"`` (to the service), ``"refused"`` (no cancel here)
        or ``"late"`` (it had finished already).
    trouble
        The last passing problem, ``{"kind", "said", "since", "status", "request_id"}``, or None.
    failure
        Why the job gave no answer, as the fields of `pplx_jupyter.answer.Failure`, or None.
    progress
        What is known while it runs: ``{"searches", "sources", "latest", "steps"}``.
    """

    id: str
    seq: int
    state: str
    fingerprint: str
    request: Mapping[str, Any]
    base_url: str
    account: str
    backend: str
    pinned: bool
    model: str
    effort: str
    question: str
    name: str
    notebook: str
    cell: str
    filled: Mapping[str, str]
    idempotency_key: str
    created_at: float
    sending_at: float | None
    accepted_at: float | None
    settled_at: float | None
    due_at: float
    tries: int
    owner: str
    remote_id: str
    remote_status: str
    request_id: str
    moved: bool
    cancel: str
    trouble: Mapping[str, Any] | None
    failure: Mapping[str, Any] | None
    progress: Mapping[str, Any]
    cost: float | None
    cost_estimated: bool

    @property
    def is_open(self) -> bool:
        """Whether a watcher still has something to do."""
        return self.state in OPEN

    @property
    def label(self) -> str:
        """What a person calls it: ``prices (7f3a9c)``."""
        return f"{self.name} ({self.id})" if self.name else self.id


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """A process that may hold leases, and until when it does."""

    id: str
    host: str
    boot: str
    pid: int
    started: str
    until: float


class Ledger(Protocol):
    """What every kind of ledger offers; all calls are short, atomic and safe from any thread."""

    @property
    def where(self) -> str:
        """Where it is, in words for a person."""

    @property
    def salt(self) -> str:
        """A random text of this ledger's, for the hash that names an account."""

    def newest(self, fingerprint: str, base_url: str, backend: str | None = None) -> Row | None:
        """Give the row that a second run of a question gets: an answer or a job under way first, else the last attempt.

        `backend`, where given, takes rows of that API alone.
        """

    def intend(self, draft: Draft, *, fresh: bool = False) -> tuple[Row, bool]:
        """Find the newest row of this question, else insert one; say whether it was inserted.

        A row that the service never accepted is armed again. `fresh` always inserts.
        """

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

    def claim(
        self, owner: str, free: Sequence[str], accounts: Sequence[str], now: float, limit: int
    ) -> list[Row]:
        """Take the lease of due open rows that nobody holds, or that one of the `free` owners held."""

    def under_way(self, accounts: Sequence[str], now: float) -> tuple[int, float | None]:
        """Count the open rows of these accounts, and give when the next that is not due yet will be."""

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
