"""The page that stays of a batch, and what is remembered of it once a person has seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.batch import forms
from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.once import warn_once
from pplx_jupyter.notebook.outputs.shown import note_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pplx_jupyter.batch import Batch
    from pplx_jupyter.notebook.frontend import Place

__all__ = ["metadata_of", "note_page", "note_settled", "page_of"]


def page_of(batch: Batch) -> dict[str, str]:
    """Give the page that stays, in the three forms."""
    return forms.forms_of(batch)


def metadata_of(batch: Batch) -> Mapping[str, Any]:
    """Give what a saved output says of its batch, for tools that read the file."""
    return {"pplx_jupyter": {"batch": batch.id, "jobs": _jobs_of(batch) if batch.is_over else []}}


def note_page(batch: Batch, place: Place) -> None:
    """Remember what a cell showed: for freezing, and so that no later kernel tells of it as new."""
    for job_id in _jobs_of(batch):
        note_shown(place, job_id)
    batch.mark_shown()


def note_settled(batch: Batch, jobs: Iterable[str]) -> None:
    """Remember that the panel has shown how these ended: who has seen them arrive was not away."""
    try:
        batch.mark_shown(jobs)
    except LedgerError as error:
        # That a later kernel tells of them once more costs nothing.
        warn_once(str(error))


def _jobs_of(batch: Batch) -> list[str]:
    return list(dict.fromkeys(each.job for each in batch.standings if each.job))
