"""The steps of a job under way as a row keeps them: what was searched and read, and when it was first seen.

The service says what it has done, not when. The time is that of the first look that showed a step, by our own clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.answer import Search

__all__ = ["KEPT", "steps_seen"]

KEPT = 100
"""The newest steps that are kept; their number counts all."""

_TEXT = 300


def steps_seen(before: Mapping[str, Any], steps: Sequence[Search], age: float) -> dict[str, Any]:
    """Give the steps as a row's `progress` keeps them: ``[kind, text, results, seconds since accepted]``.

    Parameters
    ----------
    before
        The row's progress at the look before.
    steps
        All steps so far, oldest first.
    age
        Seconds since the service accepted the job.
    """
    known = list(before.get("steps") or ())
    # What is kept are the last of so many.
    first = int(before.get("total") or len(known)) - len(known)
    kept = []
    for at, step in enumerate(steps[-KEPT:], start=max(0, len(steps) - KEPT)):
        old: Sequence[Any] = known[at - first] if 0 <= at - first < len(known) else ()
        kept.append([step.kind, step.text[:_TEXT], step.results, old[3] if len(old) > 3 else round(age, 1)])
    return {"steps": kept, "total": len(steps)}
