"""What a question usually costs and takes: from this ledger's own jobs, else as the service publishes."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ASSUMED_HIGH", "HISTORY", "Expected", "Past", "expected", "expected_of", "together"]

HISTORY = 200
"""How many settled jobs a range is made of at most."""

_ENOUGH = 5
"""Below so many, a tenth and a median of one's own jobs say less than the service's range."""

ASSUMED_HIGH = 1.30
"""US dollars set aside for a question of which no figure is known: the upper end that the service publishes."""

_PUBLISHED = {
    # https://docs.perplexity.ai/getting-started/pricing: a typical deep research.
    ("sonar", "sonar-deep-research"): (0.40, 1.30, 120.0, 360.0),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Past:
    """A settled job: what it cost, in US dollars, and how long it was at the service, in seconds."""

    cost: float
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """What such a question usually costs (US dollars) and takes (seconds).

    Attributes
    ----------
    low, high
        Median and 90th percentile of the cost; None where no figure is known.
    seconds_low, seconds_high
        The same of the time at the service: what a job waited for its turn is not in it.
    longest
        The longest that such a job took; None where the range is the published one.
    jobs
        How many settled jobs the range is made of; 0: it is the published one, or not known.
    """

    low: float | None = None
    high: float | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
    longest: float | None = None
    jobs: int = 0

    @property
    def set_aside(self) -> float:
        """What a budget keeps for such a job while its cost is not known."""
        return ASSUMED_HIGH if self.high is None else self.high

    def to_json(self) -> dict[str, Any]:
        """Give what a row keeps of it."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what a row kept; an empty mapping gives a range that is not known."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in names})


def expected(past: Sequence[Past], backend: str, model: str) -> Expected:
    """Give the median and the 90th percentile of past jobs, where they are enough; else the published range.

    Parameters
    ----------
    past
        Settled jobs of the same backend, model and effort.
    """
    if len(past) < _ENOUGH:
        published = _PUBLISHED.get((backend, model))
        return Expected(*published) if published else Expected()
    costs, times = sorted(job.cost for job in past), sorted(job.seconds for job in past)
    return Expected(
        low=_nearest_rank(costs, 0.5),
        high=_nearest_rank(costs, 0.9),
        seconds_low=_nearest_rank(times, 0.5),
        seconds_high=_nearest_rank(times, 0.9),
        longest=times[-1],
        jobs=len(past),
    )


def expected_of(kept: Mapping[str, Any], backend: str, model: str) -> Expected:
    """Give what a row expected when it was asked; the published range where it kept none."""
    return Expected.from_json(kept) if "high" in kept else expected((), backend, model)


def together(each: Sequence[Expected]) -> Expected:
    """Give what several questions usually cost together; the low end is None where one's is not known."""
    lows = [usual.low for usual in each]
    return Expected(
        low=None if None in lows else sum(low for low in lows if low is not None),
        high=sum(usual.set_aside for usual in each),
    )


def _nearest_rank(ordered: Sequence[float], share: float) -> float:
    # The nearest-rank percentile: always a value that occurred (NIST, Engineering Statistics Handbook, 7.2.6.2).
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
