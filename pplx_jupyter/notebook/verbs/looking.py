"""Verbs that show jobs: ``jobs``, ``show``, ``attach``, ``wait``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.job import attach
from pplx_jupyter.notebook.frontend import here
from pplx_jupyter.notebook.outputs.show import show
from pplx_jupyter.notebook.verbs.words import options, publish, the_job, value_of

if TYPE_CHECKING:
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["attach_verb", "jobs_verb", "show_verb", "wait_verb"]


_READ_IN_SECONDS = 1.0
"""How long a cell waits for words of older jobs to be read in; the rest is read in the background."""


def jobs_verb(magics: PplxResearch, words: list[str]) -> None:
    """Show the jobs that fit, as a table to search and click where somebody is there; plain words are searched for."""
    from pplx_jupyter.elsewhere import adopted_since, look_elsewhere
    from pplx_jupyter.notebook.history import FILTERS, jobs_forms, show_history, wanted_of
    from pplx_jupyter.notebook.history.typed import filters_in_words
    from pplx_jupyter.notebook.simulated import marked

    given = {flag.removeprefix("--"): value_of(words, flag) for flag in FILTERS}
    everything = "--all" in options(words, "--all", *FILTERS)
    given["search"] = " ".join([*words, given["search"]]).strip()
    session = magics.session()
    place = here(magics.host, session.settings)
    wanted = wanted_of(**given, here=place.notebook)
    told = adopted_since(session)
    look_elsewhere(session)
    if wanted.search:
        session.ledger.read_in(_READ_IN_SECONDS)
    if place.kernel is None or place.headless or session.frozen or everything:
        found = session.ledger.found(wanted, limit=10_000 if everything else 20)
        found = marked(session.ledger, found)
        publish(magics, jobs_forms(found, filters=filters_in_words(wanted), utc=session.frozen))
    else:
        show_history(magics.host, session, place, wanted)
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
    if words[1:] and not words[1].isidentifier():
        raise RequestError(f"“{words[1]}” cannot be a variable's name.")
    name = (words[1:2] or [job.name])[0]
    if name.isidentifier():
        magics.host.user_ns[name] = job
    show(magics.host, job, session, here(magics.host, session.settings))


def wait_verb(magics: PplxResearch, words: list[str]) -> None:
    """Block until these jobs are there and show them here; without one, complete every cell of this kernel."""
    from pplx_jupyter.notebook.outputs.placed import under_way, wait_for_all

    options(words)
    session = magics.session()
    place = here(magics.host, session.settings)
    if not words and place.kernel is not None:
        wait_for_all(session, place)
        return
    # A terminal has no earlier cell to complete: what was asked there is printed here.
    for job in [attach(word, session=session) for word in words] or [p.job for p in under_way(session)]:
        show(magics.host, job, session, place, wait=True)
