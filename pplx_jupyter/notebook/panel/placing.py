"""Showing a job below the running cell, live or as it ended; and freeing what earlier runs of the cell showed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pplx_jupyter.notebook.away import mark_shown
from pplx_jupyter.notebook.outputs.display import Pin, output_metadata
from pplx_jupyter.notebook.outputs.final import final_forms
from pplx_jupyter.notebook.panel.offers import offers_of
from pplx_jupyter.notebook.panel.painter import painter_of
from pplx_jupyter.notebook.panel.view import View
from pplx_jupyter.rows import earlier_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["show_final", "show_live"]

_KEPT_PANELS = 50


def show_live(
    shell: Any,
    session: Session,
    row: Row,
    place: Place,
    *,
    brief: bool,
    sound: bool = False,
    earlier: Row | None = None,
) -> None:
    """Show a job under way below the running cell: the panel, and under it the static hint."""
    view = _view(shell, session, row, place, brief=brief, sound=sound, earlier=earlier)
    view.show(shell)
    _begin(view, session, place)


def _view(shell: Any, session: Session, row: Row, place: Place, **rest: Any) -> View:
    def rename(before: Row, after: Row) -> None:
        """Let NAME hold the job that followed, where it still holds the one before."""
        from pplx_jupyter.job import Job

        held = shell.user_ns.get(before.name)
        if isinstance(held, Job) and held.id == before.id:
            shell.user_ns[before.name] = Job(session, after.id)

    pin = Pin(place.kernel, place.parent)
    return View(session, row, pin, has_file=not place.voila, on_anew=rename, **rest)


def _begin(view: View, session: Session, place: Place) -> None:
    painter = painter_of(session)
    run = str((place.parent.get("header") or {}).get("msg_id") or "")
    _keep(_Shown(view, place.cell or view.upper.display_id, run), painter.remove)
    painter.add(view)


class _Shown(NamedTuple):
    """A view, the cell that shows it, and the run of that cell."""

    view: View
    cell: str
    run: str


_shown: list[_Shown] = []


def _keep(shown: _Shown, forget: Callable[[View], None]) -> None:
    """Close what an earlier run of this cell showed, and the oldest of too many: ipywidgets keeps every widget for ever."""
    _shown.append(shown)
    gone = [each for each in _shown if each.cell == shown.cell and each.run != shown.run]
    settled = [each for each in _shown if not each.view.row.is_open and each not in gone]
    surplus = len(_shown) - len(gone) - _KEPT_PANELS
    for each in [*gone, *settled[: max(0, surplus)]]:
        _shown.remove(each)
        forget(each.view)
        each.view.close()


def show_final(
    shell: Any,
    session: Session,
    row: Row,
    body: str | None,
    place: Place,
    *,
    reuse: str | None,
    brief: bool,
) -> None:
    """Show a settled job below the running cell, in its permanent forms; with its buttons where somebody is there."""
    ledger = session.ledger
    follows = earlier_of(ledger, row)
    forms = final_forms(
        row, body, ledger.pictures(row.id), reuse=reuse, follows=follows, brief=brief, ledger=ledger
    )
    if reuse != "lockfile":
        mark_shown(session.ledger, row)
    if offers_of(row) and not place.headless and not place.voila:
        view = _view(shell, session, row, place, brief=brief)
        view.show_offer(shell, forms[1])
        _begin(view, session, place)
        return
    metadata = output_metadata(row)
    for each in forms:
        if any(each.values()):
            shell.display_pub.publish(data=each, metadata=metadata)
