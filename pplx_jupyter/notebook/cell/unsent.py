"""Cells whose question is not sent: over a budget, or a dry run."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger import REUSABLE
from pplx_jupyter.ledger.expected import Expected
from pplx_jupyter.notebook.simulated import is_simulated
from pplx_jupyter.notebook.usual import cost_range, full_range, origin
from pplx_jupyter.render.words import day, day_time, money, one_line
from pplx_jupyter.rows import receipt_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.ledger.budgets import Refusal
    from pplx_jupyter.render.pieces import Sentence
    from pplx_jupyter.request import Request
    from pplx_jupyter.session import Session
    from pplx_jupyter.submission import Plan

__all__ = ["planned_forms", "refused_forms"]

_LONGEST_TEXT = 300
"""Characters of a message that a dry run shows of what came before."""

_EFFORTS = ("minimal", "low", "medium", "high")


def refused_forms(session: Session, request: Request, refusal: Refusal, name: str) -> dict[str, str]:
    """Give the note of a question that could pass a budget, with what all refused ones come to together."""
    from pplx_jupyter.render.sending import budget_forms

    sums, refused = refusal.sums, session.refused
    now = day_time(datetime.datetime.now().astimezone(), seconds=True)
    return budget_forms(
        whose=refusal.budget.words,
        amount=refusal.budget.amount,
        spent=sums.spent,
        set_aside=sums.set_aside,
        running=sums.running,
        unknown=sums.unknown,
        left=refusal.left,
        usual=cost_range(Expected(refusal.low, refusal.high)),
        remedy=refusal.remedy,
        cheaper=_cheaper(session, request, refusal),
        others=list(refused.values()) if len(refused) > 1 else (),
        ident=f"{one_line(name)} · {now}" if name else now,
        simulated=is_simulated(session.ledger, session.base_url),
    )


def _cheaper(session: Session, request: Request, refusal: Refusal) -> tuple[str, str] | None:
    """Find the highest lower effort that this ledger knows to cost less: at most, and in the middle."""
    present = session.plan(request, yes=True)
    effort = present.request.reasoning_effort
    if effort not in _EFFORTS:
        return None
    for lower in reversed(_EFFORTS[: _EFFORTS.index(effort)]):
        usual = session.expected(present.request.replace(reasoning_effort=lower), present.backend)
        if not usual.jobs or usual.high is None or usual.high >= refusal.high:
            continue
        if (usual.low or 0.0) + usual.high < (refusal.low or 0.0) + refusal.high:
            return f"--effort {lower}", cost_range(usual)
    return None


def planned_forms(session: Session, plan: Plan, filled: Mapping[str, str]) -> dict[str, str]:
    """Give what running a cell would do and send."""
    from pplx_jupyter.api import agent, sonar
    from pplx_jupyter.api.bodies import agent_body, sonar_body
    from pplx_jupyter.render.sending import dry_run_forms

    row = plan.decision.row if plan.decision.what == "keep" else None
    what, words = _unsent_headline(session, plan) if row is None else _kept_headline(row)
    secret = "(not shown)" if plan.request.webhook_secret else None
    payload: Mapping[str, Any] = (
        agent_body(plan.request) if plan.backend == "agent" else sonar_body(plan.request, secret)
    )
    if plan.request.follows is not None:
        payload = _with_thread(session, plan, payload)
    path = agent.PATH if plan.backend == "agent" else sonar.PATHS[0]
    return dry_run_forms(
        what=what,
        money_words=words,
        sentences=_sentences(session, plan) if row is None and not session.frozen else [],
        filled=filled,
        payload=payload,
        path=f"POST {session.base_url}{path}",
        when=_before(row),
    )


def _with_thread(session: Session, plan: Plan, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put what a follow-up follows into its payload, long texts cut."""
    from pplx_jupyter.api.threads import Thread, continued
    from pplx_jupyter.watch.history import thread_of

    account = session.account if session.has_key else ""
    thread = thread_of(session.ledger, plan.request.to_json(), account=account, backend=plan.backend)
    if thread is None:
        return payload
    cut = [{**each, "content": _cut(each["content"])} for each in thread.messages]
    return continued(payload, plan.backend, Thread(cut, thread.response_id))


def _cut(content: Any) -> Any:
    if not isinstance(content, str) or len(content) <= _LONGEST_TEXT:
        return content
    return f"{content[:_LONGEST_TEXT]}… ({len(content):,} characters)"


def _before(row: Row | None) -> Sentence:
    """Say when what is shown would be sent, where a run would not send it."""
    from pplx_jupyter.render.pieces import Code

    if row is None:
        return ()
    return ("Sent already: ",) if row.is_open else ("Only ", Code("--refresh"), " would send: ")


def _unsent_headline(session: Session, plan: Plan) -> tuple[str, str]:
    if session.frozen:
        return (
            "Dry run: a question that is not in the lockfile.",
            "A frozen run stops there; it sends nothing.",
        )
    if plan.refusal is not None:
        budget = plan.refusal.budget
        what = f"Dry run: refused, since it could pass the budget {budget.words}, {money(budget.amount)}."
        return what, "Nothing was sent or billed."
    return f"Dry run: a question that would be sent to the {plan.backend} API.", "Nothing was sent or billed."


def _kept_headline(row: Row) -> tuple[str, str]:
    if row.state in REUSABLE:
        receipt = receipt_of(row)
        when = f", {day(receipt.settled_at)}" if receipt.settled_at else ""
        return f"Dry run: answered in your ledger already ({row.label}{when}).", "Running it costs nothing."
    if row.is_open:
        return f"Dry run: under way already ({row.label}).", "Running it follows that job and buys nothing."
    return (
        f"Dry run: asked before, and {row.label} is {row.state}.",
        "Running it shows that record and sends nothing.",
    )


def _sentences(session: Session, plan: Plan) -> list[Sentence]:
    usually = full_range(plan.expected)
    if usually:
        words = f"Such a question usually takes and costs {usually} ({origin(plan.expected)})."
    else:
        aside = money(plan.expected.set_aside)
        words = f"What such a question costs is not known yet; {aside} would be set aside for it."
    found: list[Sentence] = [(words,)]
    if plan.refusal is not None:
        sums = plan.refusal.sums
        simulated = sums.spent > 0 and is_simulated(session.ledger, session.base_url)
        found.append(
            (
                f"Of that budget {money(sums.spent)} is spent{' (simulated)' if simulated else ''}, {money(sums.set_aside)} set aside, {money(plan.refusal.left)} left.",
            )
        )
    return found
