"""How the questions of a batch leave: its gate, and what an intent is that waits for its turn.

A parked intent is never due. It is let out when fewer of its batch are under way than the gate allows,
and the account's rate has room: whichever process watches does it, so that a batch outlives its kernel.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Self

__all__ = ["PARKED", "Gate", "is_parked"]

PARKED = 32_503_680_000.0
"""When a parked intent is due: in the year 3000."""


@dataclasses.dataclass(frozen=True, slots=True)
class Gate:
    """How a batch's questions leave.

    Attributes
    ----------
    at_once
        How many of them are under way at most.
    paused
        Why none leaves: ``""`` (they do), ``"user"``, or the kind of the refusal that every further one would meet.
    began
        When its latest run that asks all anew began, in seconds since the epoch; 0 for one that reuses answers.
    """

    at_once: int = 10
    paused: str = ""
    began: float = 0.0

    @classmethod
    def from_text(cls, kept: str) -> Self:
        """Read what the ledger kept; what a newer version kept besides is left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        found = cls(**{name: value for name, value in json.loads(kept).items() if name in known})
        # An earlier version kept 2.5 where a person had written that.
        return dataclasses.replace(found, at_once=max(1, int(found.at_once)))

    def to_text(self) -> str:
        """Give it as the ledger keeps it."""
        return json.dumps(dataclasses.asdict(self))


def is_parked(due_at: float) -> bool:
    """Whether an intent waits for its turn in a batch."""
    return due_at >= PARKED
