"""Showing the table of jobs below a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.history.browser import PAGE, Browser
from pplx_jupyter.notebook.history.forms import jobs_forms
from pplx_jupyter.notebook.history.typed import filters_in_words
from pplx_jupyter.notebook.outputs.beside import Beside
from pplx_jupyter.notebook.simulated import marked

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Found, Wanted
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["show_history"]

_MOST_NOTEBOOKS = 50


def show_history(shell: Any, session: Session, place: Place, wanted: Wanted) -> None:
    """Show the jobs that fit, and let a person go on searching; from the cell's own thread."""
    found = marked(session.ledger, session.ledger.found(wanted, limit=PAGE))
    beside = Beside(place)

    def keep(found: Found, first: int, filters: str) -> None:
        beside.keep(jobs_forms(found, first=first, filters=filters))

    browser = Browser(
        session,
        beside.pin,
        wanted,
        found,
        notebooks=_notebooks(session, place),
        on_read=keep,
        variables=shell.user_ns,
    )
    beside.show(shell, jobs_forms(found, filters=filters_in_words(wanted)), browser)


def _notebooks(session: Session, place: Place) -> list[tuple[str, str]]:
    """Give this notebook, and those that asked most."""
    totals = session.ledger.totals("notebook", session.base_url)
    others = sorted(totals, key=lambda name: -totals[name].jobs)[:_MOST_NOTEBOOKS]
    here = [("this notebook", place.notebook)] if place.notebook else []
    return here + [(name, name) for name in sorted(others) if name and name != place.notebook]
