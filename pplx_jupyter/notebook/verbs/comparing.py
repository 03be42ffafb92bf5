"""The verb that compares answers: ``diff``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.job import attach
from pplx_jupyter.notebook.frontend import here
from pplx_jupyter.notebook.outputs.display import output_metadata
from pplx_jupyter.notebook.outputs.shown import note_shown
from pplx_jupyter.notebook.verbs.words import options, publish

if TYPE_CHECKING:
    from pplx_jupyter.diff import Diff
    from pplx_jupyter.job import Job
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["compared", "diff_verb"]


def diff_verb(magics: PplxResearch, words: list[str]) -> None:
    """Show what changed since the last answer to the same question, or between two answers."""
    options(words)
    if not 1 <= len(words) <= 2:
        raise RequestError(
            "%pplx diff takes one job, which it compares with the answer before it, or two: ids or names. %pplx jobs lists them."
        )
    session = magics.session()
    job, *rest = [attach(word, session=session) for word in words]
    try:
        # Whichever is named first, the change is told from the earlier one to the later.
        other = rest[0] if rest else job.earlier()
    except RequestError as error:
        # A first answer is no mistake: a run that nobody watches goes on.
        print(error)
        return
    diff, older, newer = compared(job, other)
    place = here(magics.host, session.settings)
    for each in (older, newer):
        note_shown(place, each.id)
    publish(magics, diff._repr_mimebundle_(), _metadata(older, newer))


def compared(job: Job, other: Job) -> tuple[Diff, Job, Job]:
    """Give what changed from the earlier of two jobs to the later, and both in this order."""
    older, newer = sorted((job, other), key=lambda each: each.row.created_at)
    diff = newer.diff(older)
    if not diff.same_question:
        from pplx_jupyter.notebook.cell.why import differences

        diff = dataclasses.replace(diff, question=tuple(differences(newer.row, older.row)))
    return diff, older, newer


def _metadata(older: Job, newer: Job) -> dict[str, Any]:
    """Give what the saved output says of its jobs: freezing finds both by it."""
    row = older.row
    both = output_metadata(newer.row)
    both["pplx_jupyter"]["compared_with"] = {"job": row.id, "fingerprint": row.fingerprint}
    return both
