"""The forms that this kernel shows: for ``%pplx form --cell``, and to free what an earlier run of a cell showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplx_jupyter.notebook.form.form import ResearchForm
    from pplx_jupyter.notebook.frontend import Place

__all__ = ["keep", "latest"]

_KEPT = 20

_shown: list[tuple[ResearchForm, str, str]] = []
"""Each form with its cell and the run of that cell, oldest first."""


def keep(form: ResearchForm, place: Place) -> None:
    """Remember a form that is about to be shown; those that its cell showed before, and the oldest of too many, are freed."""
    run = str((place.parent.get("header") or {}).get("msg_id") or "")
    cell = place.cell or run
    _shown[:] = [each for each in _shown if each[0] is not form]
    gone = [each for each in _shown if each[1] == cell and each[2] != run]
    kept = [each for each in _shown if each not in gone]
    gone += kept[: max(0, len(kept) + 1 - _KEPT)]
    for each in gone:
        _shown.remove(each)
        each[0].close()
    _shown.append((form, cell, run))


def latest(name: str = "") -> ResearchForm | None:
    """Give the form that was shown last, or the last of this name."""
    return next((form for form, _, _ in reversed(_shown) if not name or form.name == name), None)
