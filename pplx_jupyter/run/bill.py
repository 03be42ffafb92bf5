"""A run's bill: what was bought, what was there already, what it cost as far as known. Pure text."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplx_jupyter.ledger import OPEN, REUSABLE
from pplx_jupyter.render.words import count, money, one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pplx_jupyter.ledger import Row

__all__ = ["Bill"]

_WORDS = {"submitting": "sending", "queued": "waiting", "completed": "finished"}
_ORIGINS = {"bought": "bought", "unsent": "not sent", "earlier": "asked earlier", "reused": "from the ledger"}
_QUESTION = 40


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a run used.

    Attributes
    ----------
    rows
        Its jobs, oldest first.
    elsewhere
        Ids of jobs that the notebook shows and this ledger does not know.
    run
        The run's name in the ledger.
    started
        When the run began, in seconds since the epoch.
    frozen
        The lockfile alone answered.
    """

    rows: Sequence[Row] = ()
    elsewhere: Sequence[str] = ()
    run: str = ""
    started: float = 0.0
    frozen: bool = False

    def origin(self, row: Row) -> str:
        """Tell how this run came by a job: ``"bought"``, ``"unsent"``, ``"earlier"`` (followed) or ``"reused"``."""
        if row.run == self.run:
            return "bought" if _billable(row) else "unsent"
        is_old = row.settled_at is not None and row.settled_at < self.started
        return "reused" if is_old else "earlier"

    def of(self, origin: str) -> list[Row]:
        """Give the jobs of one origin."""
        return [row for row in self.rows if self.origin(row) == origin]

    @property
    def code(self) -> int:
        """The exit code that the jobs alone call for: a notebook may have caught their errors."""
        states = {row.state for row in self.rows if row.run == self.run}
        if states & {"failed", "expired"}:
            return 1
        return 4 if "unconfirmed" in states else 0

    def summary(self) -> str:
        """Give jobs and money in a few words, for the bar; empty where there are none."""
        if not self.rows:
            return count(len(self.elsewhere), "answer") if self.elsewhere else ""
        reused = self.of("reused")
        new = [row for row in self.rows if row not in reused]
        groups = {
            "under way": [row for row in new if row.state in OPEN],
            "finished": [row for row in new if row.state in REUSABLE],
            "from the ledger": reused,
            "failed": [row for row in new if row.state in {"failed", "expired", "cancelled"}],
            "unconfirmed": [row for row in new if row.state == "unconfirmed"],
        }
        states = ", ".join(f"{len(rows)} {word}" for word, rows in groups.items() if rows)
        return f"{states} · {_sum(self.of('bought'))}"

    def lines(self, notebook: str) -> list[str]:
        """Give the bill, a line a job and one an origin."""
        if not self.rows and not self.elsewhere:
            return [f"{notebook}: no question was sent, and nothing was bought."]
        lines = [f"Bill of {notebook}", *_table([self._cells(row) for row in self.rows])]
        totals = {origin: self.of(origin) for origin in _ORIGINS}
        for origin, rows in totals.items():
            if rows:
                told = _saved(rows) if origin == "reused" else "" if origin == "unsent" else _sum(rows)
                lines.append(f"{_ORIGINS[origin]}: {count(len(rows), 'job')}{f', {told}' if told else ''}")
        if not totals["bought"]:
            lines.append("Nothing was bought.")
        if self.elsewhere:
            where = "from the lockfile" if self.frozen else "not in this ledger"
            lines.append(f"{where}: {count(len(self.elsewhere), 'job')}")
        return lines + self._left()

    def _cells(self, row: Row) -> tuple[str, ...]:
        origin = self.origin(row)
        cost = _cost(row)
        if origin == "reused":
            cost = _saved([row]) or cost
        question = "" if row.name else shorten(one_line(row.question), _QUESTION)
        label = f"{row.label} {question}".strip()
        return label, _WORDS.get(row.state, row.state), _ORIGINS[origin], cost

    def _left(self) -> list[str]:
        under_way = [row.label for row in self.rows if row.state in OPEN]
        if not under_way:
            return []
        return [
            f"Still under way: {', '.join(under_way)}. Nothing is lost: run this again, or pplx-jupyter jobs, to collect."
        ]


def _billable(row: Row) -> bool:
    return row.accepted_at is not None or row.sending_at is not None


def _cost(row: Row) -> str:
    if row.cost is not None:
        return f"≈ {money(row.cost)} (estimated)" if row.cost_estimated else money(row.cost)
    if row.state in OPEN:
        return "not known yet" if _billable(row) else "not sent yet"
    return money(None) if _billable(row) else money(0.0)


def _saved(rows: Iterable[Row]) -> str:
    """Tell what answers that were there already have saved, as far as their costs are known."""
    costs = [row.cost for row in rows if row.cost is not None and row.state in REUSABLE]
    return f"saved {money(sum(costs))}" if costs else ""


def _sum(rows: Iterable[Row]) -> str:
    """Add up, with what is reported, estimated, unknown and not known yet told apart."""
    rows = list(rows)
    known = [row for row in rows if row.cost is not None]
    estimated = [row.cost or 0.0 for row in known if row.cost_estimated]
    unknown = [row for row in rows if row.cost is None and row.state not in OPEN and _billable(row)]
    waiting = [row for row in rows if row.cost is None and row.state in OPEN]
    reported = [row.cost or 0.0 for row in known if not row.cost_estimated]
    parts = []
    if reported or not (estimated or unknown or waiting):
        parts.append(money(sum(reported)))
    if estimated:
        parts.append(f"≈ {money(sum(estimated))} (estimated)")
    if unknown:
        parts.append(f"{len(unknown)} of unknown cost")
    if waiting:
        parts.append(f"{len(waiting)} not known yet")
    return " + ".join(parts)


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    return [
        "  " + "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]
