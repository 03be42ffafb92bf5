"""Verbs that show jobs: ``jobs``, ``show``, ``attach``, ``wait``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.job import attach, jobs
from pplx_jupyter.notebook.frontend import here
from pplx_jupyter.notebook.show import show
from pplx_jupyter.notebook.verbs.words import options, publish, the_job

if TYPE_CHECKING:
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["attach_verb", "jobs_verb", "show_verb", "wait_verb"]


def jobs_verb(magics: PplxResearch, words: list[str]) -> None:
    """List the newest jobs."""
    from pplx_jupyter.elsewhere import adopted_since, look_elsewhere
    from pplx_jupyter.notebook.history import jobs_forms

    everywhere = "--all" in options(words, "--all")
    if words:
        raise RequestError("%pplx jobs takes no job; %pplx show ID shows one.")
    session = magics.session()
    told = adopted_since(session)
    look_elsewhere(session)
    found = [job.row for job in jobs(limit=10_000 if everywhere else 20, session=session)]
    publish(magics, jobs_forms(found, utc=session.frozen))
    if told:
        print(told)


def show_verb(magics: PplxResearch, words: list[str]) -> None:
    """Show a job, or its answer, here."""
    options(words)
    session, job = the_job(magics, words, "show")
    show(magics.host, job, session, here(magics.host, session.settings), wait=False)


def attach_verb(magics: PplxResearch, words: list[str]) -> None:
    """Follow a job again, and give it to a variable."""
    options(words)
    session, job = the_job(magics, words[:1], "attach")
    name = (words[1:2] or [job.name])[0]
    if name:
        if not name.isidentifier():
            raise RequestError(f"“{name}” cannot be a variable's name.")
        magics.host.user_ns[name] = job
    show(magics.host, job, session, here(magics.host, session.settings))


def wait_verb(magics: PplxResearch, words: list[str]) -> None:
    """Block until these jobs are there and show them here; without one, complete every cell of this kernel."""
    from pplx_jupyter.notebook.placed import under_way, wait_for_all

    options(words)
    session = magics.session()
    place = here(magics.host, session.settings)
    if not words and place.kernel is not None:
        wait_for_all(session, place)
        return
    # A terminal has no earlier cell to complete: what was asked there is printed here.
    for job in [attach(word, session=session) for word in words] or [p.job for p in under_way(session)]:
        show(magics.host, job, session, place, wait=True)
