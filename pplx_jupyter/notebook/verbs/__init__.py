"""What ``%pplx VERB`` does: one module a kind of verb, and here the table of them all."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.flags.line import split
from pplx_jupyter.notebook.flags.verbs import HELP, explain_verb, explain_verbs
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

__all__ = ["VERBS", "run_verb"]


def run_verb(magics: PplxResearch, line: str) -> None:
    """Do what a ``%pplx`` line says.

    Raises
    ------
    RequestError
        There is no such verb, or its words are wrong.
    """
    words = split(line)
    asks = not HELP.isdisjoint(words) or words[:1] == ["help"]
    words = [word for word in words if word not in HELP]
    if words[:1] == ["help"]:
        # As `jobs --help`, so `help jobs`; a word that jobs are searched for stands behind its verb.
        words.pop(0)
    if not words:
        print(explain_verbs())
        return
    verb = words.pop(0)
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, 1)
        hint = f"did you mean %pplx {near[0]}?" if near else "%pplx alone lists what there is."
        raise RequestError(f"%pplx {verb} is not a command; {hint}")
    if asks:
        print(explain_verb(verb))
        return
    VERBS[verb](magics, words)


VERBS: dict[str, Callable[[Any, list[str]], None]] = {
    "jobs": jobs_verb,
    "show": show_verb,
    "diff": diff_verb,
    "attach": attach_verb,
    "wait": wait_verb,
    "cancel": cancel_verb,
    "retry": retry_verb,
    "settle": settle_verb,
    "form": form_verb,
    "export": export_verb,
    "freeze": freeze_verb,
    "budget": budget_verb,
    "cost": cost_verb,
    "forget": forget_verb,
    "key": key_verb,
    "doctor": doctor_verb,
    "demo": demo_verb,
}
"""Each verb's function; how it is written stands in `pplx_jupyter.notebook.flags.verbs`."""
