"""What a research cell does: its line and body become a question, the question a job, the job an output."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import BudgetExceeded, RequestError
from pplx_jupyter.notebook.flags.line import parse_line
from pplx_jupyter.notebook.flags.names import check_free

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.ledger.budgets import Refusal
    from pplx_jupyter.notebook.flags.line import Line
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.notebook.magics import PplxResearch
    from pplx_jupyter.request import Request
    from pplx_jupyter.session import Session
    from pplx_jupyter.settings import Settings

__all__ = ["ask", "refreshes"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    """A cell as it was read.

    Attributes
    ----------
    filled
        The values that took the place of ``{{ name }}``.
    how
        What decides whether it is bought: keywords of `Session.submit` and `Session.plan`.
    wait
        Whether the cell blocks; None: as the settings and the place say.
    """

    line: Line
    request: Request
    filled: Mapping[str, str]
    session: Session
    place: Place
    how: Mapping[str, Any]
    wait: bool | None


def ask(magics: PplxResearch, line: str, cell: str) -> None:
    """Do what a research cell says.

    Raises
    ------
    RequestError
        The line, the prompt or a field is wrong; nothing was sent.
    PplxError
        There is no key, the budget refuses in a run that nobody watches, or a job that the cell waits for failed.
    """
    parsed = parse_line(line)
    wait = _wait(parsed)
    names: Mapping[str, Any] | None = magics.host.user_ns
    if parsed.cell.get("each"):
        from pplx_jupyter.notebook.cell.each import ask_each

        ask_each(magics, parsed, cell, wait=wait)
        return
    if parsed.cell.get("interact"):
        from pplx_jupyter.notebook.form.interact import interact

        names = interact(magics, parsed, cell)
    if names is None:
        # The controls are there; a click asks.
        return
    question = _read(magics, parsed, cell, names, wait)
    if parsed.cell.get("dry-run"):
        _show_plan(magics, question)
    else:
        _submit(magics, question)


def refreshes(parsed: Line, place: Place, settings: Settings) -> bool:
    """Whether ``--refresh`` is given and obeyed: a run that nobody watches leaves it out, unless the setting allows it."""
    if not parsed.cell.get("refresh"):
        return False
    if place.headless and not settings.refresh:
        print(
            "pplx_jupyter: --refresh is left out in a run that nobody watches, or it would buy on every run; PPLX_JUPYTER_REFRESH=1 allows it.",
            file=sys.stderr,
        )
        return False
    return True


def _wait(parsed: Line) -> bool | None:
    if parsed.cell.get("wait") and parsed.cell.get("no-wait"):
        raise RequestError("--wait and --no-wait exclude each other; remove one. Nothing was sent.")
    if parsed.cell.get("wait"):
        return True
    return False if parsed.cell.get("no-wait") else None


def _read(
    magics: PplxResearch, parsed: Line, cell: str, names: Mapping[str, Any], wait: bool | None
) -> _Question:
    from pplx_jupyter.notebook.cell.each import shaped
    from pplx_jupyter.notebook.cell.prompts import fill
    from pplx_jupyter.notebook.frontend import here
    from pplx_jupyter.request import Request

    prompt, filled = (cell, {}) if parsed.cell.get("no-template") else fill(cell, names)
    check_free(parsed.name, filled, magics.host.user_ns)
    request = Request.build(prompt=prompt.strip("\n"), **shaped(parsed, magics.host.user_ns))
    session = magics.session(frozen=bool(parsed.cell.get("frozen")))
    place = here(magics.host, session.settings)
    if parsed.cell.get("after"):
        from pplx_jupyter.notebook.cell.follow_up import following
        from pplx_jupyter.notebook.outputs.show import does_block

        blocks = (does_block(wait, session, place) or place.headless) and not parsed.cell.get("dry-run")
        request = following(magics.host, request, parsed, session, blocks=blocks)
    how = {
        # What is frozen is neither new nor old: a rerun has nothing to warn of.
        "refresh": not session.frozen and refreshes(parsed, place, session.settings),
        "max_age": parsed.cell.get("max-age"),
        "retry_failed": True if parsed.cell.get("retry-failed") else None,
        "yes": bool(parsed.cell.get("yes")),
    }
    return _Question(parsed, request, filled, session, place, how, wait)


def _show_plan(magics: PplxResearch, question: _Question) -> None:
    from pplx_jupyter.notebook.cell.unsent import planned_forms
    from pplx_jupyter.notebook.verbs.words import publish

    plan = question.session.plan(question.request, notebook=question.place.notebook, **question.how)
    publish(magics, planned_forms(question.session, plan, question.filled))


def _submit(magics: PplxResearch, question: _Question) -> None:
    from pplx_jupyter.job import Job
    from pplx_jupyter.notebook.outputs.show import show
    from pplx_jupyter.notebook.panel.notify import Telling, tell_of_job, telling

    session, place, parsed = question.session, question.place, question.line
    try:
        submitted = session.submit(
            question.request,
            name=parsed.name,
            notebook=place.notebook,
            cell=place.cell,
            filled=question.filled,
            **question.how,
        )
    except BudgetExceeded as error:
        if place.headless or error.refusal is None:
            raise
        _show_refusal(magics, question, error.refusal)
        return
    job = Job(session, submitted.row.id, reuse="ledger" if submitted.reused else None)
    if parsed.name:
        magics.host.user_ns[parsed.name] = job
    told = Telling()
    if submitted.row.is_open:
        told = telling(magics.host, place, session.settings, parsed.cell)
        tell_of_job(session, submitted.row, told)
    show(
        magics.host,
        job,
        session,
        place,
        wait=question.wait,
        timeout=parsed.cell.get("timeout"),
        brief=bool(parsed.cell.get("brief")),
        sound=told.page,
    )


def _show_refusal(magics: PplxResearch, question: _Question, refusal: Refusal) -> None:
    """Say why the question was not sent; the cells below go on, but not with an earlier answer of this name."""
    from pplx_jupyter.job import Job
    from pplx_jupyter.notebook.cell.unsent import refused_forms
    from pplx_jupyter.notebook.verbs.words import publish

    name = question.line.name
    if isinstance(magics.host.user_ns.get(name), Job):
        del magics.host.user_ns[name]
    publish(magics, refused_forms(question.session, question.request, refusal, name))
