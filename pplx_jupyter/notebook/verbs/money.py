"""Verbs about money and what is kept: ``budget``, ``cost``, ``forget``."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.ledger.budgets import PERIODS, day_of, keys_of
from pplx_jupyter.ledger.protocol import SETTLED
from pplx_jupyter.notebook.frontend import here
from pplx_jupyter.notebook.verbs.words import nothing_more, options, publish, the_job, value_of
from pplx_jupyter.render.words import count, money
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
    """Show what jobs have cost, by notebook, day, model or month."""
    from pplx_jupyter.notebook.costs import cost_forms

    by = value_of(words, "--by", _BY) or "notebook"
    options(words)
    nothing_more(words, "cost")
    session = magics.session()
    publish(magics, cost_forms(by, session.ledger.totals(by, session.base_url)))


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
    forgotten = session.ledger.forget([row.id for row in rows])
    if not forgotten:
        print(f"{rows[0].label} was forgotten before; what it cost is kept.")
        return
    one = rows[0].label if len(rows) == 1 else count(forgotten, "job")
    print(
        f"Prompts and answers of {one} are deleted; what they cost is kept. Outputs of notebooks are files of yours: clear those yourself."
    )


def _check_alone(session: Session, name: str) -> None:
    """Refuse a name that several jobs have: a line that is run twice must not delete the next older one."""
    named = [row.id for row in session.ledger.find(name) if row.name == name]
    if len(named) > 1:
        raise RequestError(
            f"“{name}” names {len(named)} jobs ({', '.join(named[:5])}): write the id of the one to forget. Nothing was deleted."
        )


def _show_budgets(magics: PplxResearch, session: Session, notebook: str) -> None:
    from pplx_jupyter.notebook.costs import budget_forms

    keys = keys_of(notebook, day_of(time.time()), os.environ.get(RUN_VARIABLE, ""))
    totals = {scope: session.ledger.totals(scope, session.base_url, key)[key] for scope, key in keys.items()}
    publish(magics, budget_forms(keys, session.ledger.budgets(), session.settings.budget, totals))


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
