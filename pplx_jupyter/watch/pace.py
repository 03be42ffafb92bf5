"""How often to ask: pure functions of time, so that a test needs no clock."""

from __future__ import annotations

import random

__all__ = ["KEPT_SECONDS", "LONG_SECONDS", "backoff", "next_ask"]

LONG_SECONDS = 30 * 60
"""After this a job counts as long: the panel says so, and it is asked once a minute."""

KEPT_SECONDS = 7 * 86_400
"""How long the service keeps an answer."""

_REQUESTS_PER_SECOND = 20.0


def next_ask(age: float, under_way: int = 1) -> float:
    """Give the seconds until a job that is `age` seconds old is asked again.

    Each second in the first minute, every two until five minutes, then every five; once a minute
    after half an hour. With many jobs under way the pace stretches, so that all of them together
    stay far below the service's published limit of 100 GETs a second.
    """
    if age < 60:
        wait = 1.0
    elif age < 300:
        wait = 2.0
    elif age < LONG_SECONDS:
        wait = 5.0
    else:
        wait = 60.0
    return max(wait, under_way / _REQUESTS_PER_SECOND)


def backoff(tries: int, *, longest: float = 60.0) -> float:
    """Give the seconds to wait after the `tries`-th failure in a row: doubling from one second, with full jitter above half."""
    wait = min(longest, 2.0 ** min(tries - 1, 10))
    return wait * random.uniform(0.5, 1.0)
