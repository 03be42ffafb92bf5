"""What ``%pplx VERB`` does: one module a kind of verb, and here the table of them all."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.flags.line import split
from pplx_jupyter.notebook.verbs.acting import cancel_verb, retry_verb, settle_verb
from pplx_jupyter.notebook.verbs.comparing import diff_verb
from pplx_jupyter.notebook.verbs.exporting import export_verb
from pplx_jupyter.notebook.verbs.forming import form_verb
from pplx_jupyter.notebook.verbs.freezing import freeze_verb
from pplx_jupyter.notebook.verbs.looking import attach_verb, jobs_verb, show_verb, wait_verb
from pplx_jupyter.notebook.verbs.money import budget_verb, cost_verb, forget_verb
from pplx_jupyter.notebook.verbs.setup import demo_verb, doctor_verb, key_verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["VERBS", "run_verb", "takes_job"]


def run_verb(magics: PplxResearch, line: str) -> None:
    """Do what a ``%pplx`` line says.

    Raises
    ------
    RequestError
        There is no such verb, or its words are wrong.
    """
    words = split(line)
    if not words or words == ["help"]:
        print("\n".join(f"%pplx {usage:<54}{text}" for _, usage, text in VERBS.values()))
        return
    verb = words.pop(0)
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, 1)
        hint = f"did you mean %pplx {near[0]}?" if near else "%pplx alone lists what there is."
        raise RequestError(f"%pplx {verb} is not a command; {hint}")
    VERBS[verb][0](magics, words)


def takes_job(verb: str) -> bool:
    """Whether a verb is followed by a job's id or name."""
    return verb in VERBS and " ID" in VERBS[verb][1]


VERBS: dict[str, tuple[Callable[[Any, list[str]], None], str, str]] = {
    "jobs": (
        jobs_verb,
        "jobs [WORDS] [--state failed] [--since 7d] [--all]",
        "lists, searches and opens the ledger’s jobs",
    ),
    "show": (show_verb, "show ID", "shows a job, or its answer, here"),
    "diff": (diff_verb, "diff ID [OTHER]", "shows what changed since the answer before, or since OTHER"),
    "attach": (attach_verb, "attach ID [NAME]", "follows a job again; NAME gets it"),
    "wait": (wait_verb, "wait [ID …]", "blocks until these jobs, or all, are there"),
    "cancel": (cancel_verb, "cancel ID", "asks Perplexity to stop a job"),
    "retry": (retry_verb, "retry ID [--yes]", "asks the same question anew: a new purchase"),
    "settle": (
        settle_verb,
        "settle ID --ask-again [--yes] | --drop | --remote ID",
        "settles an unconfirmed job",
    ),
    "form": (form_verb, "form [ID] [--cell]", "shows a form to ask with; --cell gives it as a cell"),
    "export": (
        export_verb,
        "export ID FILE [--overwrite]",
        "writes an answer to a file: report.html, refs.bib, …",
    ),
    "freeze": (freeze_verb, "freeze [NOTEBOOK]", "writes this notebook’s answers beside it, for --frozen"),
    "budget": (
        budget_verb,
        "budget [AMOUNT|off] [--per notebook|day|month|total]",
        "shows or sets what may be spent",
    ),
    "cost": (
        cost_verb,
        "cost [--by notebook|day|model|month] [--plot] [--since 30d]",
        "shows what jobs have cost",
    ),
    "forget": (
        forget_verb,
        "forget ID | --older-than 90d",
        "deletes prompts and answers, keeps what they cost",
    ),
    "key": (key_verb, "key [--save]", "asks for the API key, hidden"),
    "doctor": (doctor_verb, "doctor [--forget-retired]", "checks key, address, ledger, kernel and versions"),
    "demo": (demo_verb, "demo [--stop]", "works against the simulator from now on, without a key"),
}
"""Each verb's function, how it is written, and what it does."""
