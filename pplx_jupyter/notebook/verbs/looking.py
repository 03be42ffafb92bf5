"""Verbs that show jobs: ``jobs``, ``show``, ``attach``, ``wait``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.job import attach, jobs
from pplx_jupyter.notebook.frontend import here
from pplx_jupyter.notebook.show import show
from pplx_jupyter.notebook.verbs.words import options, publish, the_job

if TYPE_CHECKING:
    from pplx_jupyter.job import Job
    from pplx_jupyter.notebook.magics import PplxResearch
    from pplx_jupyter.session import Session

__all__ = ["attach_verb", "jobs_verb", "show_verb", "wait_verb"]


def jobs_verb(magics: PplxResearch, words: list[str]) -> None:
    """List the newest jobs."""
    from pplx_jupyter.notebook.history import jobs_forms

    everywhere = "--all" in options(words, "--all")
    if words:
        raise RequestError("%pplx jobs takes no job; %pplx show ID shows one.")
    session = magics.session()
    found = [job.row for job in jobs(limit=10_000 if everywhere else 20, session=session)]
    publish(magics, jobs_forms(found))


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
    """Block until jobs are there."""
    options(words)
    session = magics.session()
    found = [attach(word, session=session) for word in words] or _open_jobs(session)
    if not found:
        print("No job is under way.")
    for job in found:
        place = here(magics.host, session.settings)
        show(magics.host, job, session, place, wait=True)


def _open_jobs(session: Session) -> list[Job]:
    from pplx_jupyter.job import Job
    from pplx_jupyter.ledger import OPEN

    return [Job(session, row.id) for row in session.ledger.jobs(states=OPEN, base_url=session.base_url)]
