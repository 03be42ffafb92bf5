"""Which jobs the cells of this kernel show: newer than what the notebook's file says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplx_jupyter.notebook.frontend import Place

__all__ = ["note_shown", "shown_by_cell"]

_shown: dict[str, tuple[str, list[str]]] = {}
"""By cell: its last run, and the jobs that this run showed."""


def note_shown(place: Place, job_id: str) -> None:
    """Note that the running cell shows a job; what an earlier run of the cell showed is gone."""
    run = str((place.parent.get("header") or {}).get("msg_id") or "")
    cell = place.cell or run
    known, jobs = _shown.get(cell, ("", []))
    if known != run:
        jobs = []
    if job_id not in jobs:
        jobs.append(job_id)
    _shown[cell] = (run, jobs)


def shown_by_cell() -> dict[str, list[str]]:
    """Give the jobs that each cell showed in its last run, by the cell's id, or its run's where it has none."""
    return {cell: list(jobs) for cell, (_, jobs) in _shown.items()}
