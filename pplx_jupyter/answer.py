"""Answer and what it is made of: one shape for the bodies of both APIs.

These are plain frozen records. `pplx_jupyter.reading` makes them from a body;
`pplx_jupyter.render` makes something to look at from them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pplx_jupyter.diff import Diff

__all__ = ["Answer", "Cost", "Failure", "Image", "Receipt", "Search", "Source", "Usage"]


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A page that the answer rests on.

    Attributes
    ----------
    number
        What a marker ``[n]`` names it by: its place (sonar, from 1) or its result id (agent).
    url
        As the service sent it: not yet checked, see `pplx_jupyter.render.clean`.
    date, last_updated
        As the service sent them, usually ``YYYY-MM-DD``; None where none was sent.
    """

    number: int
    url: str
    title: str = ""
    date: str | None = None
    last_updated: str | None = None
    snippet: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """An image that came with the answer; never loaded unless asked for."""

    url: str
    origin_url: str = ""
    title: str = ""
    width: int | None = None
    height: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Search:
    """One step of the search, as far as the service tells.

    Attributes
    ----------
    kind
        ``"searched"`` (text is the query) or ``"read"`` (text is the page's address).
    results
        How many pages the step found; None where not told.
    """

    kind: str
    text: str
    results: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """Token and search counts in one vocabulary for both APIs; None where not sent."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    citation_tokens: int | None = None
    reasoning_tokens: int | None = None
    search_queries: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What the answer cost, in US dollars.

    Attributes
    ----------
    total
        The server's ``total_cost``; computed only where that is absent (then `estimated`);
        None where it is not known. Never 0 for "unknown".
    items
        The server's own items, such as ``{"reasoning_tokens": 0.4296}``, in its order,
        without the ``_cost`` ending and without the total.
    """

    total: float | None = None
    items: Mapping[str, float] = dataclasses.field(default_factory=dict)
    estimated: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a question.

    Attributes
    ----------
    text
        The Markdown as the service sent it, without the thinking block.
    thinking
        The content of a leading ``<think>`` block, or ``""``.
    sources
        In the order sent; look one up by `source`, never by position.
    searches
        What was searched and read (agent only).
    incomplete
        The reason why the answer ends early (``"max_output_tokens"``), else None.
    model
        The model that the service says it used.
    simulated
        Made by the simulator: every form says so.
    understood
        False where the body had no shape this version knows; `raw` is then all there is.
    raw
        The body, whole, as decoded from JSON.
    receipt
        How it came, where it came from a job.
    """

    text: str = ""
    thinking: str = ""
    sources: Sequence[Source] = ()
    images: Sequence[Image] = ()
    related_questions: Sequence[str] = ()
    searches: Sequence[Search] = ()
    usage: Usage = dataclasses.field(default_factory=Usage)
    cost: Cost = dataclasses.field(default_factory=Cost)
    incomplete: str | None = None
    model: str = ""
    simulated: bool = False
    understood: bool = True
    raw: Any = None
    receipt: Receipt | None = dataclasses.field(default=None, compare=False)

    def source(self, number: int) -> Source | None:
        """Give the source that a marker ``[number]`` names, or None."""
        return next((s for s in self.sources if s.number == number), None)

    def diff(self, other: Answer) -> Diff:
        """Tell what changed from an earlier answer to this one: sources, sections, sentences, numbers.

        Raises
        ------
        RequestError
            `other` is no answer.
        """
        from pplx_jupyter.diff import compare
        from pplx_jupyter.errors import RequestError

        if not isinstance(other, Answer):
            raise RequestError(
                f"answer.diff compares with another answer, not with a {type(other).__name__}; job.diff() finds the last one itself."
            )
        return compare(other, self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the answer to a JSON file: text, sources, cost, receipt and the whole body; give its path.

        An answer that was saved there before is replaced, any other file is not.

        Parameters
        ----------
        path
            Where to; it ends in ``.json``.

        Raises
        ------
        RequestError
            The name ends otherwise, or another file stands there.
        PplxError
            It cannot be written.
        """
        from pplx_jupyter.export.saved import save

        return save(self, path)

    def __repr__(self) -> str:
        return f"<Answer {len(self.text):,} characters, {len(self.sources)} sources, model {self.model or 'unknown'}>"

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from pplx_jupyter.render import answer_forms

        return answer_forms(self, self.receipt)


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

    @property
    def elapsed(self) -> float | None:
        """Seconds from asking to the answer by our own clock; None where one end is not known."""
        if self.asked_at is None or self.settled_at is None:
            return None
        return max(0.0, (self.settled_at - self.asked_at).total_seconds())


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why a job has no whole answer, as the ledger keeps it.

    Attributes
    ----------
    kind
        ``no_key``, ``unauthorized`` (401), ``forbidden`` (403), ``unsupported`` (an option that
        the agent API lacks, where sonar is retired), ``invalid`` (400, 422), ``rate_limited`` (429),
        ``no_connection`` (it never left), ``unreachable`` (a proxy's 5xx to the submit),
        ``failed``, ``cancelled``, ``expired``, ``not_found``, ``unconfirmed``, ``budget`` (moved to the
        other API, it could pass one).
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
        When it is sent or asked again by itself, if it is.
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
