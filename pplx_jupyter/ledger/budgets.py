"""Money: what a row adds to the running totals, and whether one more question fits the budgets.

Pure functions; the ledger keeps the totals in the transaction that changes the row. Amounts in the
totals are whole billionths of a US dollar, so that adding and taking away leaves nothing behind.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING

from pplx_jupyter.ledger.expected import expected_of
from pplx_jupyter.ledger.records import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pplx_jupyter.ledger.records import Row

__all__ = [
    "DEFAULT_AMOUNT",
    "PERIODS",
    "Budget",
    "Refusal",
    "Sums",
    "day_of",
    "first_refusal",
    "keys_of",
    "limits_of",
    "sums_of",
]

DEFAULT_AMOUNT = 10.0
"""US dollars per notebook and day, until a person sets a budget."""

PERIODS = ("notebook", "day", "month", "total")
"""What a budget that a person sets may be per."""

_WORDS = {
    "notebook": "of this notebook",
    "day": "of this day",
    "month": "of this month",
    "total": "of this ledger",
    "notebook day": "of this notebook and day",
    "run": "of this run",
}
_LAST = 253_000_000_000.0
"""Seconds: in the year 9987, the last that every clock can tell."""

_NANO = 1_000_000_000
_MOST = 1_000_000.0
"""US dollars that one job counts for at most: what is over that is a fault, and must not overflow a total."""


def day_of(seconds: float) -> str:
    """Give the local day of a time, such as ``2026-11-22``."""
    # A time of the service's may be anything.
    return time.strftime("%Y-%m-%d", time.localtime(min(max(0.0, seconds), _LAST)))


@dataclasses.dataclass(frozen=True, slots=True)
class Sums:
    """What jobs cost together. Amounts are whole billionths of a US dollar; see the properties for dollars.

    Attributes
    ----------
    jobs
        How many the service had, or may have had.
    reported, estimated
        Costs as the service sent them, and computed where it sent none.
    running, running_low, running_high
        Jobs under way, and their usual range.
    unknown, unknown_high
        Jobs that may have been billed an amount that nobody told, and what is kept aside for them.
    """

    jobs: int = 0
    reported: int = 0
    estimated: int = 0
    running: int = 0
    running_low: int = 0
    running_high: int = 0
    unknown: int = 0
    unknown_high: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(mine + theirs for mine, theirs in zip(self.values(), other.values(), strict=True)))

    def __sub__(self, other: Sums) -> Sums:
        return Sums(*(mine - theirs for mine, theirs in zip(self.values(), other.values(), strict=True)))

    def values(self) -> tuple[int, ...]:
        """Give all fields in order."""
        return dataclasses.astuple(self)

    @property
    def spent(self) -> float:
        """US dollars that are known to be spent, estimates included."""
        return (self.reported + self.estimated) / _NANO

    @property
    def set_aside(self) -> float:
        """US dollars kept for jobs under way and of unknown cost."""
        return (self.running_high + self.unknown_high) / _NANO

    def dollars(self, name: str) -> float:
        """Give one of the amounts in US dollars."""
        return int(getattr(self, name)) / _NANO


def sums_of(row: Row) -> Sums:
    """Give what one row adds to every total that it belongs to."""
    usual = expected_of(row.expected, row.backend, row.asked_model)
    high = _nano(usual.set_aside)
    lost = Sums(jobs=row.lost, unknown=row.lost, unknown_high=row.lost * high)
    if row.state in OPEN:
        return lost + Sums(jobs=1, running=1, running_low=_nano(usual.low or 0.0), running_high=high)
    if row.cost is not None:
        amount = _nano(row.cost)
        reported, estimated = (0, amount) if row.cost_estimated else (amount, 0)
        return lost + Sums(jobs=1, reported=reported, estimated=estimated)
    if row.accepted_at is None and row.sending_at is None:
        return lost
    return lost + Sums(jobs=1, unknown=1, unknown_high=high)


def _nano(dollars: float) -> int:
    # Comparing this way round makes 0 of NaN, too.
    return round(min(dollars, _MOST) * _NANO) if dollars > 0 else 0


def keys_of(notebook: str, day: str, run: str, model: str = "") -> dict[str, str]:
    """Give the totals that a row belongs to, each with its key.

    ``notebook day`` is what the default budget is per, ``run`` what one started run is.
    """
    keys = {
        "notebook": notebook,
        "day": day,
        "month": day[:7],
        "total": "",
        "notebook day": f"{day} {notebook}",
        "model": model,
    }
    if run:
        keys["run"] = run
    return keys


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """An amount of US dollars that a scope's total may not pass.

    Attributes
    ----------
    scope
        A scope of `keys_of`.
    key
        Which of them, such as the notebook's name.
    source
        ``"set"`` (by ``%pplx budget``), ``"setting"`` or ``"default"``.
    """

    scope: str
    key: str
    amount: float
    source: str = "set"

    @property
    def words(self) -> str:
        """Whose budget it is: ``of this notebook``."""
        return _WORDS[self.scope]


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why a question does not fit: the budget, what is gone of it, and what the question could cost.

    Attributes
    ----------
    low, high
        What it usually costs, in US dollars; low is None where that is not known, and high assumed.
    day
        The sums of the whole day: what a budget per day must hold.
    """

    budget: Budget
    sums: Sums
    low: float | None
    high: float
    day: Sums = dataclasses.field(default_factory=Sums)

    @property
    def left(self) -> float:
        """US dollars that are neither spent nor kept aside; never below 0."""
        return max(0.0, self.budget.amount - self.sums.spent - self.sums.set_aside)

    @property
    def needed(self) -> float:
        """The amount of a budget that this question would fit."""
        return self.sums.spent + self.sums.set_aside + self.high

    @property
    def remedy(self) -> str:
        """How to raise the budget: a line to run in the notebook, or an option of the run."""
        if self.budget.source == "setting":
            amount = math.ceil(self.needed)
            # What a notebook sets comes before the environment, wherever the setting is from.
            return (
                f"--budget {amount}"
                if self.budget.scope == "run"
                else f"%config PplxResearch.budget = {amount}"
            )
        if self.budget.scope == "notebook day":
            return f"%pplx budget {math.ceil(self.day.spent + self.day.set_aside + self.high):.2f} --per day"
        return f"%pplx budget {math.ceil(self.needed):.2f} --per {self.budget.scope}"

    def line(self, questions: int = 1) -> str:
        """Say it in one line, for an error; `questions` are refused together."""
        if questions > 1:
            return self._line_together(questions)
        usually = (
            f"usually costs {_digits(self.low)}–{_digits(self.high)} USD"
            if self.low is not None
            else (f"has no usual cost yet, and {_digits(self.high)} USD are set aside for such a one")
        )
        is_setting = self.budget.source == "setting" and self.budget.scope != "run"
        or_else = f" (outside a notebook PPLX_JUPYTER_BUDGET={math.ceil(self.needed)})" if is_setting else ""
        return (
            f"it could pass the budget {self.budget.words}, {_digits(self.budget.amount)} USD:"
            f" spent {_digits(self.sums.spent)}, set aside {_digits(self.sums.set_aside)}, left {_digits(self.left)};"
            f" this question {usually}. Ask it this once: --yes (in Python yes=True). Raise the budget: {self.remedy}{or_else}. Nothing was sent."
        )

    def _line_together(self, questions: int) -> str:
        usually = (
            f"usually cost {_digits(self.low)}–{_digits(self.high)} USD together"
            if self.low is not None
            else f"have no usual cost yet, and {_digits(self.high)} USD are set aside for them"
        )
        return (
            f"it could pass the budget {self.budget.words}, {_digits(self.budget.amount)} USD:"
            f" spent {_digits(self.sums.spent)}, set aside {_digits(self.sums.set_aside)}, left {_digits(self.left)};"
            f" these {questions} questions {usually}. Raise the budget: {self.remedy}. Nothing was sent."
        )


def _digits(dollars: float) -> str:
    return f"{dollars:.4f}" if 0 < dollars < 0.01 else f"{dollars:.2f}"


def limits_of(
    keys: Mapping[str, str], set_by_person: Iterable[Budget], setting: float | None
) -> list[Budget]:
    """Give the budgets that hold for a question.

    Parameters
    ----------
    keys
        Of the question, see `keys_of`.
    set_by_person
        All that ``%pplx budget`` has set; a key that is empty stands for every day, month or all.
    setting
        The setting `budget`: of a run where there is one, else of the notebook and day.
    """
    limits = [
        dataclasses.replace(found, key=keys[found.scope])
        for found in set_by_person
        if found.scope in keys and found.key in {"", keys[found.scope]}
    ]
    scope = "run" if "run" in keys else "notebook day"
    if setting is not None:
        limits.append(Budget(scope, keys[scope], setting, "setting"))
    elif not limits:
        limits.append(Budget("notebook day", keys["notebook day"], DEFAULT_AMOUNT, "default"))
    return limits


def first_refusal(
    limits: Iterable[Budget],
    totals: Mapping[str, Sums],
    low: float | None,
    high: float,
    *,
    freed: float = 0.0,
) -> Refusal | None:
    """Give why a question that could cost `high` does not fit: the budget that it misses by most.

    `freed` is what the totals keep aside for this very question.
    """
    refusals = [Refusal(limit, totals.get(limit.scope, Sums()), low, high) for limit in limits]
    over = {found: found.needed - freed - found.budget.amount for found in refusals}
    worst = max(refusals, key=over.__getitem__, default=None)
    # Far below a cent: sums of floats end a hair off.
    return worst if worst is not None and over[worst] > 1e-9 else None
