"""What a click on the form's button would do and cost, and what is left of the budget."""

from __future__ import annotations

import dataclasses
import os
import time
from html import escape
from typing import TYPE_CHECKING

from pplx_jupyter.ledger import REUSABLE
from pplx_jupyter.ledger.budgets import Sums, day_of, keys_of, limits_of
from pplx_jupyter.notebook.usual import cost_range, origin, time_range
from pplx_jupyter.render.pieces import html
from pplx_jupyter.render.words import day, keep, money
from pplx_jupyter.rows import receipt_of
from pplx_jupyter.submission import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.request import Request
    from pplx_jupyter.session import Session

__all__ = ["Outlook", "outlook"]


@dataclasses.dataclass(frozen=True, slots=True)
class Outlook:
    """What a click would do.

    Attributes
    ----------
    button
        The text of the button: it says the money.
    usually
        What such a question takes and costs: ``0.45–1.10 USD, 2–6 min``, or an empty text.
    source
        Where that is from.
    budget
        What is left: ``Budget of this notebook: 3.12 of 5.00 USD left.``
    before
        Whether it was asked before; an empty text where that is not known.
    answered
        The row whose answer is there already.
    """

    button: str
    usually: str
    source: str
    budget: str
    before: str
    answered: Row | None = None

    def html(self) -> str:
        """Give it as the lines above the button."""
        source = f' <span class="pplx-m">({escape(self.source)})</span>' if self.source else ""
        if self.answered is not None:
            head = "<b>Answered already: free</b>"
        elif self.usually:
            head = f"<b>Usually {html([self.usually])}</b>{source}"
        else:
            head = "<b>What such a question costs is not known yet.</b>"
        below = escape(keep(" ".join(part for part in (self.budget, self.before) if part)))
        return f'<p style="margin:0 0 2px">{head}</p><p class="pplx-m" style="margin:0 0 8px">{below}</p>'

    def plain(self) -> str:
        """Give it as the beginning of one plain line."""
        parts = [
            f"usually {self.usually}" if self.usually else "",
            self.budget[:1].lower() + self.budget[1:-1],
        ]
        return "; ".join(part for part in parts if part)


def outlook(
    session: Session, request: Request, notebook: str, *, is_known: bool, how: Mapping[str, Any]
) -> Outlook:
    """Say what a click would do; reads the ledger, sends nothing.

    Parameters
    ----------
    is_known
        The request's prompt is the one that would be sent.
    how
        How it would be submitted, such as ``refresh``.

    Raises
    ------
    RequestError
        No API takes this combination of options.
    """
    plan = session.plan(request, notebook=notebook, **how)
    row = plan.decision.row if plan.decision.what == "keep" and is_known else None
    range_ = cost_range(plan.expected)
    usually = ", ".join(part for part in (range_, time_range(plan.expected)) if part)
    button = f"Ask ({range_})" if range_ else "Ask (billed)"
    answered = row if row is not None and row.state in REUSABLE else None
    if answered is not None:
        button = "Show the answer (free)"
    elif row is not None:
        button = "Follow it (free)" if row.is_open else "Show what came of it (free)"
    return Outlook(
        button,
        usually,
        origin(plan.expected),
        _left(session, notebook),
        _before(row) if is_known else "The {{ }} of the question are worked out when you click.",
        answered,
    )


def _before(row: Row | None) -> str:
    if row is None:
        return "Not asked before."
    if row.is_open:
        return f"Under way already ({row.label})."
    settled = receipt_of(row).settled_at
    when = f", {day(settled)}" if settled else ""
    return (
        f"Asked before ({row.label}{when}): {'its answer is kept' if row.state in REUSABLE else row.state}."
    )


def _left(session: Session, notebook: str) -> str:
    """Say what is left of the budget that is nearest to its end."""
    if session.frozen:
        return "A frozen run sends nothing."
    keys = keys_of(notebook, day_of(time.time()), os.environ.get(RUN_VARIABLE, ""))
    limits = limits_of(keys, session.ledger.budgets(), session.settings.budget)
    lefts = []
    for limit in limits:
        key = keys[limit.scope]
        sums = session.ledger.totals(limit.scope, session.base_url, key).get(key, Sums())
        lefts.append((max(0.0, limit.amount - sums.spent - sums.set_aside), limit))
    if not lefts:
        return ""
    left, limit = min(lefts, key=lambda each: each[0])
    return f"Budget {limit.words}: {money(left).removesuffix(' USD')} of {money(limit.amount)} left."
