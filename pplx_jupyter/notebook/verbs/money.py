"""Verbs about money and what is kept: ``budget``, ``cost``, ``forget``."""

from __future__ import annotations

import datetime
import os
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.ledger.budgets import PERIODS, day_of, keys_of
from pplx_jupyter.ledger.records import SETTLED
from pplx_jupyter.notebook.frontend import here
from pplx_jupyter.notebook.verbs.words import nothing_more, options, publish, the_job, value_of
from pplx_jupyter.render.words import count, job_name, money
from pplx_jupyter.settings import seconds_of
from pplx_jupyter.submission import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.magics import PplxResearch
    from pplx_jupyter.session import Session

__all__ = ["budget_verb", "cost_verb", "forget_verb"]

_BY = ("notebook", "day", "model", "month")
_MOST = 100_000


def budget_verb(magics: PplxResearch, words: list[str]) -> None:
    """Show the budgets that hold here, set one, or take one away with ``off``."""
    per = value_of(words, "--per", PERIODS) or "notebook"
    options(words)
    session = magics.session()
    place = here(magics.host, session.settings)
    if words:
        amount = _amount(words.pop(0))
        nothing_more(words, "budget")
        if per == "notebook" and not place.notebook:
            raise RequestError(
                "which notebook this is, is not known here: name it in PPLX_JUPYTER_NOTEBOOK, or set a budget --per day. Nothing has changed."
            )
        session.ledger.set_budget(per, place.notebook if per == "notebook" else "", amount)
        session.refused.clear()
    _show_budgets(magics, session, place.notebook)


def cost_verb(magics: PplxResearch, words: list[str]) -> None:
    """Show what jobs have cost, by notebook, day, model or month; as charts with ``--plot`` or for a time."""
    from pplx_jupyter.notebook.costs import cost_forms
    from pplx_jupyter.notebook.simulated import is_simulated

    by = value_of(words, "--by", _BY)
    since = value_of(words, "--since")
    given = options(words, "--plot", "--month", "--by", "--since")
    nothing_more(words, "cost")
    session = magics.session()
    if since and "--month" in given:
        raise RequestError("--since and --month exclude each other; remove one.")
    if given or since:
        _show_charts(
            magics, session, by, "month" if "--month" in given else since or "30d", plot="--plot" in given
        )
        return
    found = session.ledger.totals(by or "notebook", session.base_url)
    simulated = is_simulated(session.ledger, session.base_url)
    publish(magics, cost_forms(by or "notebook", found, simulated=simulated, at=_now()))


def _show_charts(magics: PplxResearch, session: Session, by: str, period: str, *, plot: bool) -> None:
    from pplx_jupyter.notebook.spending import costs_of, page_forms, period_of, picture_forms
    from pplx_jupyter.notebook.spending.page import lefts_of
    from pplx_jupyter.notebook.spending.picture import can_draw

    costs = costs_of(session, period_of(period, _now().date()))
    charts = [by] if by else ["day", "notebook", "model", *(["duration"] if plot else [])]
    lefts = lefts_of(session, here(magics.host, session.settings).notebook)
    draws = plot and costs.total is not None and can_draw() and hasattr(magics.host, "kernel")
    publish(magics, page_forms(costs, charts, lefts, folded=draws, hint=plot and not can_draw()))
    if draws:
        publish(magics, *picture_forms(costs, charts))


def forget_verb(magics: PplxResearch, words: list[str]) -> None:
    """Delete prompts and answers for good, and keep what they cost."""
    age = value_of(words, "--older-than")
    given = options(words, "--yes")
    if not age:
        session, job = the_job(magics, words, "forget")
        _check_alone(session, words[0])
        rows = [job.row]
        if rows[0].state not in SETTLED:
            raise RequestError(
                f"{rows[0].label} is {rows[0].state}: only what has ended can be forgotten. Nothing was deleted."
            )
    else:
        nothing_more(words, "forget --older-than")
        session = magics.session()
        rows = _older(session, seconds_of(age, "%pplx forget --older-than") or 0.0)
        if not rows:
            print(f"No job that has ended is older than {age}: nothing was deleted.")
            return
        if "--yes" not in given:
            print(
                f"This would delete prompts and answers of {count(len(rows), 'job')} for good; they cost {_cost(rows)}. Nothing was deleted."
                f" To do it: %pplx forget --older-than {age} --yes"
            )
            return
    followed = _followed(session, rows)
    forgotten = session.ledger.forget([row.id for row in rows])
    if not forgotten:
        print(f"{rows[0].label} was forgotten before; what it cost is kept.")
        _tell_of_files_put_aside(session)
        return
    one = rows[0].label if len(rows) == 1 else count(forgotten, "job")
    print(
        f"Prompts and answers of {one} are deleted; what they cost is kept. Outputs of notebooks are files of yours: clear those yourself."
    )
    _tell_of_files_put_aside(session)
    if followed:
        names = ", ".join(row.label for row in followed[:5]) + (" …" if len(followed) > 5 else "")
        alone = len(followed) == 1
        print(
            f"What followed {'it' if len(rows) == 1 else 'them'} {'keeps its answer' if alone else 'keep their answers'} ({names}):"
            f" %pplx show {followed[0].id} shows {'it' if alone else 'the first'}. {'Its cell' if alone else 'Their cells'} cannot be run again."
        )


def _tell_of_files_put_aside(session: Session) -> None:
    """Name the files that forgetting does not reach."""
    from pplx_jupyter.ledger.sqlite.mending import put_aside

    files = put_aside(session.ledger.where)
    if files:
        named = ", ".join(file.name for file in files)
        one = len(files) == 1
        print(
            f"{named} in {files[0].parent} {'is' if one else 'are'} left of a broken ledger, and may still hold it:"
            f" delete {'that file' if one else 'those files'} yourself."
        )


def _followed(session: Session, rows: Sequence[Row]) -> list[Row]:
    """Give the follow-ups to these jobs; one that is under way still needs what is about to be deleted.

    Raises
    ------
    RequestError
        One has not been sent yet.
    """
    gone = {row.id for row in rows}
    found = [
        row
        for row in session.ledger.jobs(limit=_MOST)
        if row.follows in gone and row.id not in gone and row.forgotten_at is None
    ]
    waiting = next((row for row in found if row.state in {"submitting", "unconfirmed"}), None)
    if waiting is not None:
        raise RequestError(
            f"{waiting.label} follows it, and has not been sent for certain: wait for it, or cancel it. Nothing was deleted."
        )
    return found


def _check_alone(session: Session, name: str) -> None:
    """Refuse a name that several jobs have: a line that is run twice must not delete the next older one."""
    name = job_name(name)
    named = [row.id for row in session.ledger.find(name) if row.name == name]
    if len(named) > 1:
        raise RequestError(
            f"“{name}” names {len(named)} jobs ({', '.join(named[:5])}): write the id of the one to forget. Nothing was deleted."
        )


def _show_budgets(magics: PplxResearch, session: Session, notebook: str) -> None:
    from pplx_jupyter.notebook.costs import budget_forms

    keys = keys_of(notebook, day_of(time.time()), os.environ.get(RUN_VARIABLE, ""))
    totals = {scope: session.ledger.totals(scope, session.base_url, key)[key] for scope, key in keys.items()}
    limits = (session.ledger.budgets(), session.settings.budget)
    publish(magics, budget_forms(keys, *limits, totals, at=_now()))


def _now() -> datetime.datetime:
    return datetime.datetime.now().astimezone()


def _amount(text: str) -> float | None:
    if text.lower() in {"off", "none"}:
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise RequestError(
            f"%pplx budget {text}: write an amount of US dollars such as 5.00, or off. Nothing has changed."
        )
    return amount


def _older(session: Session, seconds: float) -> list[Row]:
    before = time.time() - seconds
    found = session.ledger.jobs(states=SETTLED, limit=_MOST)
    return [row for row in found if row.forgotten_at is None and (row.settled_at or row.created_at) < before]


def _cost(rows: Sequence[Row]) -> str:
    unknown = sum(row.cost is None for row in rows)
    known = money(sum(row.cost or 0.0 for row in rows))
    return f"{known}, and {unknown} of them an unknown amount" if unknown else known
