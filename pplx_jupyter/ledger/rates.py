"""How fast an account may ask, as its refusals taught: pure functions of counts and time.

What was learnt is kept in the ledger, so that all kernels of an account share it. A question that goes
out too early costs nothing but a 429; a thousand of them would be a storm.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Self

__all__ = ["WINDOW", "Rate", "Sent", "free_at", "learnt", "room"]

WINDOW = 60.0
"""Seconds over which the service counts, as it publishes them; a refusal may tell of fewer."""

_FIRST = 5
"""With so many an unknown account begins: what the lowest tier may ask a minute."""

_BURST = 2.0
"""Refusals within these seconds are of one burst: whatever it had accepted by its end was allowed."""

_AHEAD = 60.0
"""A refusal this far in the future was noted by a clock that ran ahead, and teaches nothing."""

_GROWS = 300.0
"""After each so many seconds without a refusal twice as much is tried: tiers rise, other programs end."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rate:
    """What an account's last refusal taught.

    Attributes
    ----------
    allowed, window
        How many questions were accepted in how many seconds.
    refused_at, until
        When it was refused, and until when it is to wait, in seconds since the epoch.
    """

    allowed: int
    window: float
    refused_at: float
    until: float

    def to_text(self) -> str:
        """Give it as the ledger keeps it."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_text(cls, kept: str) -> Self:
        """Read what the ledger kept; what a newer version kept besides is left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in json.loads(kept).items() if name in known})


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """What an account has sent within a window.

    Attributes
    ----------
    count
        Questions that left and were not refused.
    accepted
        Those of them that have their id.
    oldest
        When the first of them left; None where there is none.
    """

    count: int
    accepted: int
    oldest: float | None


def learnt(before: Rate | None, sent: Sent, now: float, told: float | None) -> Rate:
    """Give what a 429 teaches.

    Parameters
    ----------
    sent
        Within the last `WINDOW` seconds.
    told
        When the service takes the next question, in seconds since the epoch; None: it did not say.
    """
    allowed = max(1, sent.accepted)
    since = now if sent.oldest is None else sent.oldest
    window = WINDOW if told is None else min(WINDOW, max(1.0, told - since))
    until = now + 1.0 if told is None else told
    if before is not None and now - before.refused_at < _BURST:
        allowed, window = max(allowed, before.allowed), min(window, before.window)
        until = max(until, before.until)
    return Rate(allowed, window, now, until)


def room(rate: Rate | None, sent: Sent, now: float) -> int:
    """Give how many more questions of a batch may leave now.

    An account that was never refused begins with five, and with twice what was accepted from then on.
    """
    if rate is None or rate.refused_at > now + _AHEAD:
        return max(0, max(_FIRST, 2 * sent.accepted) - sent.count)
    if now < rate.until:
        return 0
    grown: int = rate.allowed * 2 ** min(20, int(max(0.0, now - rate.refused_at) // _GROWS))
    return max(0, max(grown, sent.accepted) - sent.count)


def free_at(rate: Rate | None, sent: Sent, now: float) -> float:
    """Give when a question that a person asked by itself may leave; `now` where nothing is in its way."""
    if rate is None or rate.refused_at > now + _AHEAD or room(rate, sent, now):
        return now
    if now < rate.until:
        return rate.until
    return now + 1.0 if sent.oldest is None else max(now + 0.1, sent.oldest + rate.window)
