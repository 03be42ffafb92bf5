"""What a reply, or its absence, makes of a row: pure functions, so that every case has a plain test.

A *refusal* of a first submit creates nothing and ends the row; a *passing trouble* is noted in the
row and asked again; only the service's own word, or seven days, ends a job that it has accepted.
"""

from __future__ import annotations

from pplx_jupyter.watch.outcomes.asking import after_ask, ask_unreached
from pplx_jupyter.watch.outcomes.cancelling import after_cancel, dropped
from pplx_jupyter.watch.outcomes.change import Change
from pplx_jupyter.watch.outcomes.sending import (
    after_lost,
    after_submit,
    after_unsent,
    held_back,
    over_budget,
    to_agent,
    unanswered,
    unwritten,
)

__all__ = [
    "Change", "after_ask", "after_cancel", "after_lost", "after_submit", "after_unsent", "ask_unreached",
    "dropped", "held_back", "over_budget", "to_agent", "unanswered", "unwritten",
]  # fmt: skip
