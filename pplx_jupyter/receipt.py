"""Receipt and Failure: how an answer came, or why none did.

Plain frozen records, like the answer itself; `pplx_jupyter.rows` reads them from the ledger.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

__all__ = ["DROPPED", "Earlier", "Failure", "Receipt"]

DROPPED = "dropped, unconfirmed"
"""The reason of a failure that a person closed: nobody knows whether the service ever had the job."""


@dataclasses.dataclass(frozen=True, slots=True)
class Earlier:
    """A question that a follow-up follows; its texts are empty where it was forgotten."""

    job_id: str
    name: str = ""
    question: str = ""
    prompt: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """What is known about how an answer, or a failure, came. Times carry their offset.

    Attributes
    ----------
    question, prompt
        The question in one line, and the prompt as it was sent.
    reuse
        ``None`` (asked in this run), ``"ledger"`` or ``"lockfile"``.
    now
        When this form was made; only used for an age such as "3 days before this run".
    moved
        The sonar API was retired for this key, and the question went to the agent API.
    recency
        The question's own window, ``"week"`` where it asks for pages of the last week; empty where it names none.
    follows
        The questions that it follows, nearest first.
    late
        The service was asked to cancel it when it had finished already.
    has_cell
        It is shown below a cell that can be run: not in a form, a table or an app.
    sent_at
        When it left for the service; None where it never did.
    in_batch
        It was a row of a batch, and waited for its turn before it was sent.
    """

    job_id: str
    name: str = ""
    question: str = ""
    prompt: str = ""
    fingerprint: str = ""
    backend: str = ""
    model: str = ""
    effort: str = ""
    request_id: str = ""
    asked_at: datetime | None = None
    settled_at: datetime | None = None
    now: datetime | None = None
    reuse: str | None = None
    moved: bool = False
    simulated: bool = False
    filled: Mapping[str, str] = dataclasses.field(default_factory=dict)
    version: str = ""
    recency: str = ""
    follows: Sequence[Earlier] = ()
    late: bool = False
    has_cell: bool = True
    sent_at: datetime | None = None
    in_batch: bool = False

    @property
    def elapsed(self) -> float | None:
        """Seconds from asking to the answer by our own clock; None where one end is not known.

        A row of a batch counts from when it was sent, as in the batch's own table.
        """
        start = self.sent_at if self.in_batch else self.asked_at
        if start is None or self.settled_at is None:
            return None
        return max(0.0, (self.settled_at - start).total_seconds())


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why a job has no whole answer, as the ledger keeps it.

    Attributes
    ----------
    kind
        ``no_key``, ``unauthorized`` (401), ``forbidden`` (403), ``unsupported`` (an option that
        the agent API lacks, where sonar is retired), ``invalid`` (400, 404, 422 and every other 4xx),
        ``redirected`` (3xx), ``proxy`` (407), ``no_connection`` (it never left), ``unreachable`` (a proxy's 5xx to the submit),
        ``failed``, ``cancelled``, ``expired``, ``not_found``, ``unconfirmed``, ``budget`` (moved to the
        other API, it could pass one), ``forgotten`` (by ``%pplx forget``).
    said
        The server's own words: hostile text.
    fields
        The names of the fields at fault, where known.
    reason
        A short technical reason of ours, such as ``connection refused``.
    accepted
        Whether the service had accepted the job: if not, nothing was billed.
    cost
        What it cost where that is known, in US dollars.
    retry_at
        When it is asked about again by itself, if it is.
    """

    kind: str
    said: str = ""
    status: int | None = None
    type: str = ""
    request_id: str = ""
    fields: Sequence[str] = ()
    reason: str = ""
    accepted: bool = False
    cost: float | None = None
    host: str = ""
    key_from: str = ""
    at: datetime | None = None
    retry_at: datetime | None = None
