"""Which jobs are looked for, and what is found."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplx_jupyter.ledger.words import holds, phrases_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from pplx_jupyter.ledger.records import Row

__all__ = ["Found", "Spent", "Wanted"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Conditions on jobs, all of which hold; by default every job fits.

    Attributes
    ----------
    search
        Words of name, prompt or answer, or their beginnings, in any order; never any syntax.
    states, notebook
        Its state is one of these; it was asked in this notebook.
    since, until
        It was asked at this time or later; before this one. Seconds since the epoch.
    cost_from, cost_to
        It cost at least, at most so many US dollars, estimates included.
    cost_unknown
        It may have been billed an amount that nobody told.
    """

    search: str = ""
    states: tuple[str, ...] | None = None
    notebook: str | None = None
    since: float | None = None
    until: float | None = None
    cost_from: float | None = None
    cost_to: float | None = None
    cost_unknown: bool = False

    def fits(self, row: Row, words: str) -> bool:
        """Whether a job fits; `words` are those of `pplx_jupyter.ledger.words.text_of`."""
        low, high = self.cost_from, self.cost_to
        phrases = phrases_of(self.search)
        return (
            (self.states is None or row.state in self.states)
            and (self.notebook is None or row.notebook == self.notebook)
            and (self.since is None or row.created_at >= self.since)
            and (self.until is None or row.created_at < self.until)
            and (low is None or (row.cost is not None and row.cost >= low))
            and (high is None or (row.cost is not None and row.cost <= high))
            and (not self.cost_unknown or may_cost(row))
            # Signs alone are no words: no job has them.
            and (bool(phrases) or not self.search.strip())
            and holds(words, phrases)
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """The jobs that were found.

    Attributes
    ----------
    rows
        Those of the page that was asked for, newest first.
    count
        How many fit in all.
    reported, estimated
        What these cost together, in US dollars: as the service sent it, and computed where it sent none.
    unknown
        How many of these may have been billed an amount that nobody told.
    unread
        How many jobs of the ledger a search does not reach yet, see `pplx_jupyter.ledger.Ledger.read_in`.
    simulated
        Addresses at which the simulator answered; a ledger itself does not tell.
    """

    rows: list[Row]
    count: int
    reported: float
    estimated: float
    unknown: int
    unread: int = 0
    simulated: Collection[str] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """What the jobs of one day, notebook, model and effort cost together; amounts in US dollars.

    Attributes
    ----------
    jobs
        How many the service had, or may have had, as in `pplx_jupyter.ledger.budgets.Sums`: what was
        dropped before it was sent, or refused, is none.
    running
        How many are under way.
    unknown
        How many may have been billed an amount that nobody told.
    """

    day: str
    notebook: str
    model: str
    effort: str
    jobs: int
    reported: float
    estimated: float
    running: int
    unknown: int


def may_cost(row: Row) -> bool:
    """Whether a job that has ended may have been billed an amount that nobody told."""
    sent = row.accepted_at is not None or row.sending_at is not None
    return row.cost is None and not row.is_open and sent
