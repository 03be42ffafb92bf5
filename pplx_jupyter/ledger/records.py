"""What a ledger holds, and what it is asked with: plain records.

A row is one submission. Its `seq` rises with every change to any row, so that a reader asks
"what changed since" and needs no listener.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplx_jupyter.render.words import file_name, job_name

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = [
    "ADOPTED",
    "ELSEWHERE",
    "GIVEN_IN_CLEAR",
    "OPEN",
    "REUSABLE",
    "SETTLED",
    "Adoptable",
    "Attempts",
    "Decision",
    "Draft",
    "Owner",
    "Row",
]

OPEN = ("submitting", "queued", "running")
"""States in which a watcher still has something to do."""

SETTLED = ("completed", "incomplete", "failed", "cancelled", "expired")
"""States that end a job; ``unconfirmed`` is neither: a person settles it."""

REUSABLE = ("completed", "incomplete")
"""States whose answer a second run of the same question gets."""


GIVEN_IN_CLEAR = "webhook_secret_is_literal"
"""Key of a row's request: its webhook's secret was given in clear, and so is known to the asking process alone."""

ADOPTED = "adopted:"
"""What the fingerprint of an adopted job begins with: no question ever has it."""

ELSEWHERE = "asked elsewhere"
"""Stands where the notebook of an adopted job would."""


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
    run: str = ""
    filled: Mapping[str, str] = dataclasses.field(default_factory=dict)
    expected: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    batch: str = ""

    def __post_init__(self) -> None:
        # Both are printed in terminals and on pages, and Python code may give any text.
        object.__setattr__(self, "name", job_name(self.name))
        object.__setattr__(self, "notebook", file_name(self.notebook))


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
        Why the job gave no answer, as the fields of `pplx_jupyter.receipt.Failure`, or None.
    progress
        What is known while it runs: ``{"searches", "sources", "latest", "steps"}``.
    day, run
        The local day that its cost counts for, and the run of a whole notebook that asked it, if one did.
    asked_model
        The model as it was asked for: `model` becomes what the service says it used.
    expected
        What such a question usually cost when it was asked, see `pplx_jupyter.ledger.expected.Expected`.
    lost
        Earlier submits of this row whose reply was lost and that a person let be sent once more: perhaps billed.
    shown_at
        When a notebook or terminal first showed how it ended; None until then.
    forgotten_at
        When its prompt and answer were deleted; what it cost is kept.
    pictures_until
        Until when the answer's images are being fetched, where they were asked for; None before, and once that is over.
    batch
        The batch that it was asked with; empty for a question that was asked alone.
    unwritten
        Why the ledger does not have all of this, where it is in this process's memory alone; never kept.
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
    day: str = ""
    run: str = ""
    asked_model: str = ""
    expected: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    lost: int = 0
    shown_at: float | None = None
    forgotten_at: float | None = None
    pictures_until: float | None = None
    batch: str = ""
    unwritten: str = ""

    def __post_init__(self) -> None:
        # What an older version kept, or a lockfile holds, was not cleaned.
        object.__setattr__(self, "name", job_name(self.name))

    @property
    def is_open(self) -> bool:
        """Whether a watcher still has something to do."""
        return self.state in OPEN

    @property
    def is_adopted(self) -> bool:
        """Whether it was asked elsewhere, and found in the service's list: its question is not known."""
        return self.fingerprint.startswith(ADOPTED)

    @property
    def follows(self) -> str:
        """The id of the job that this one follows, or an empty text."""
        found = self.request.get("follows")
        return str(found.get("job") or "") if isinstance(found, dict) else ""

    @property
    def label(self) -> str:
        """What a person calls it: ``prices (7f3a9c)``."""
        return f"{self.name} ({self.id})" if self.name else self.id


@dataclasses.dataclass(frozen=True, slots=True)
class Adoptable:
    """A job as the service lists it: asked by this account, perhaps from another machine or program.

    Attributes
    ----------
    created_at
        Seconds since the epoch, by the service's clock.
    """

    remote_id: str
    created_at: float
    model: str = ""
    remote_status: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Attempts:
    """The rows of one question.

    Attributes
    ----------
    best
        What a second run gets: an answer or a job under way first, else the last attempt.
    last
        The last attempt, whatever came of it.
    """

    best: Row | None = None
    last: Row | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What asking a question means.

    Attributes
    ----------
    what
        ``"keep"`` (the row serves it), ``"arm"`` (the row's submit created nothing: it is sent again),
        or ``"new"`` (a row is inserted, and will be sent).
    row
        The row, where one is kept or armed.
    """

    what: str
    row: Row | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """A process that may hold leases, and until when it does."""

    id: str
    host: str
    boot: str
    pid: int
    started: str
    until: float
