"""The verb that shows a form: ``form``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.verbs.words import nothing_more, options

if TYPE_CHECKING:
    from pplx_jupyter.notebook.form.form import ResearchForm
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["form_verb"]


def form_verb(magics: PplxResearch, words: list[str]) -> None:
    """Show a form: empty, or with a job's question; ``--cell`` gives its research cell instead."""
    from pplx_jupyter.notebook.form.form import ResearchForm
    from pplx_jupyter.notebook.form.shown import latest

    wants_cell = "--cell" in options(words, "--cell")
    name = words.pop(0) if words else ""
    nothing_more(words, "form")
    if not wants_cell:
        (_opened(magics, name) if name else ResearchForm()).show()
        return
    form = latest(name) or (_of_job(magics, name) if name else None)
    if form is None:
        raise RequestError("no form is shown in this kernel: %pplx form shows one.")
    # In the place of this cell; a frontend that does not know how puts it below.
    magics.host.set_next_input(form.cell, replace=True)


def _opened(magics: PplxResearch, name: str) -> ResearchForm:
    """Give the form of a job, or an empty one whose job will have that name."""
    from pplx_jupyter.notebook.flags.line import parse_line
    from pplx_jupyter.notebook.form.form import ResearchForm

    if name.isidentifier() and not magics.session().ledger.find(name):
        parse_line(name)
        return ResearchForm(name=name)
    return _of_job(magics, name)


def _of_job(magics: PplxResearch, name: str) -> ResearchForm:
    from pplx_jupyter.job import attach
    from pplx_jupyter.notebook.form.form import ResearchForm

    return ResearchForm.of_job(attach(name, session=magics.session()))
