"""How often to ask: pure functions of time, so that a test needs no clock."""

from __future__ import annotations

import random

__all__ = ["KEPT_SECONDS", "LONG_SECONDS", "Share", "backoff", "next_ask"]

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


class Share:
    """Keeps a thread's work to a share of the interpreter, which it has in common with the user's cells.

    Parameters
    ----------
    share
        Seconds of work a second, in the long run.
    burst
        Seconds of work that may be done at once after a rest: a few jobs are never held up.
    """

    def __init__(self, share: float = 0.06, burst: float = 0.5) -> None:
        self._share = share
        self._burst = self._left = burst
        self._now = self._used = 0.0

    def wait(self, now: float, used: float) -> float:
        """Give the seconds until more work may begin; 0 where it may now.

        Parameters
        ----------
        now, used
            A monotonic clock, and the processor time that the thread has used so far.
        """
        if self._now:
            self._left += (now - self._now) * self._share - max(0.0, used - self._used)
            # What was used too much is not paid back for ever: leases are renewed meanwhile.
            self._left = max(-self._burst, min(self._burst, self._left))
        self._now, self._used = now, used
        return max(0.0, -self._left / self._share)

    @property
    def is_rested(self) -> bool:
        """Whether much may be begun at once; else a little at a time, so that no cell meets all of the work."""
        return self._left > self._burst / 2


def backoff(tries: int, *, longest: float = 60.0) -> float:
    """Give the seconds to wait after the `tries`-th failure in a row: doubling from one second, with full jitter above half."""
    wait = min(longest, 2.0 ** min(tries - 1, 10))
    return wait * random.uniform(0.5, 1.0)
