"""Live widgets, and beside them the static form that a saved file keeps.

Both are outputs of the cell, the static one first. Where the widgets are shown, a rule of style hides
it: a page that cannot show them (another kernel, another program, an untrusted file) shows it. Nobody
can show a widget whose kernel is gone, so that it is taken out of the file after some quiet minutes.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pplx_jupyter.notebook.outputs.display import Pin, Slot, next_to_widget, pin_widget
from pplx_jupyter.notebook.outputs.final import NOTHING
from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.notebook.frontend import Place

__all__ = ["AWAY", "LIVE", "Beside", "Live", "close_all", "pin_all"]

LIVE = "pplx-live"
"""Class that something in the widgets has, as long as they are shown."""

_KEPT = "pplx-kept"
_HIDES = (
    f"<style>.jp-OutputArea-child:has(.{_KEPT}):has(+.jp-OutputArea-child .{LIVE}){{display:none}}</style>"
)
IDLE_SECONDS = 600.0
"""How long the widgets stay without a click."""

AWAY = "Put away after ten quiet minutes. Run the cell again to go on."
"""Stands in place of the widgets, in a page that no longer takes the output's update."""

_LOOK_SECONDS = 5.0


class Live(Protocol):
    """Widgets of one cell.

    Attributes
    ----------
    box
        All of them, in one.
    """

    box: Any

    @property
    def used_at(self) -> float:
        """When they were last used, on the monotonic clock."""

    def close(self) -> None:
        """Free the widgets."""

    def put_away(self) -> None:
        """Leave a line in their place, without `LIVE`, and free the others."""


class Beside:
    """The two outputs of one cell.

    Parameters
    ----------
    place
        Where the cell runs.
    """

    def __init__(self, place: Place) -> None:
        self.pin = Pin(place.kernel, place.parent)
        token = secrets.token_hex(3)
        self._static, self._live = (Slot(f"pplx-{token}-{end}", self.pin) for end in ("kept", "live"))
        self._cell = place.cell or token
        self._run = str((place.parent.get("header") or {}).get("msg_id") or "")

    def show(self, shell: Any, forms: Mapping[str, str], live: Live) -> None:
        """Show both below the running cell, from its own thread; what an earlier run of it showed is closed."""
        self._static.show(shell, _marked(forms), {})
        view = {"version_major": 2, "version_minor": 0, "model_id": live.box.model_id}
        self._live.show(shell, {**NOTHING, "application/vnd.jupyter.widget-view+json": view}, {})
        _keep(_Shown(live, self._live, self._cell, self._run))

    def keep(self, forms: Mapping[str, str]) -> None:
        """Let the file keep another static form, from any thread."""
        self._static.update(_marked(forms), {})


def pin_all(widget: Any, pin: Pin) -> None:
    """Pin a box, and all that is in it, to its cell; layouts and styles, too, that may be closed on any thread."""
    for part in (widget, widget.layout, getattr(widget, "style", None)):
        if part is not None:
            pin_widget(part, pin)
    for child in getattr(widget, "children", ()):
        pin_all(child, pin)


def close_all(widget: Any) -> None:
    """Free a box, and all that is in it, with their layouts and styles."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    for part in (getattr(widget, "style", None), widget.layout, widget):
        if part is not None and part.comm is not None:
            part.close()


def _marked(forms: Mapping[str, str]) -> dict[str, str]:
    return next_to_widget({**forms, "text/html": f'<div class="{_KEPT}">{forms["text/html"]}{_HIDES}</div>'})


class _Shown(NamedTuple):
    """Widgets, their output, the cell that shows it, and the run of that cell."""

    live: Live
    slot: Slot
    cell: str
    run: str


_shown: list[_Shown] = []
_away: list[_Shown] = []
"""Those that were put away: a line is left of each, for a page that was loaded anew."""

_KEPT_AWAY = 20
_lock = threading.Lock()
"""A cell shows something while the background thread puts another away."""


def _keep(shown: _Shown) -> None:
    """Keep what a cell shows; free what an earlier run of it showed, and the oldest of too many lines."""
    with _lock:
        gone = [each for each in [*_shown, *_away] if each.cell == shown.cell and each.run != shown.run]
        gone += [each for each in _away if each not in gone][:-_KEPT_AWAY]
        _shown[:] = [*(each for each in _shown if each not in gone), shown]
        _away[:] = [each for each in _away if each not in gone]
    for each in gone:
        each.live.close()
    run_in_background(_put_away(shown))


async def _put_away(shown: _Shown) -> None:
    while shown in _shown and time.monotonic() - shown.live.used_at < IDLE_SECONDS:  # noqa: ASYNC110 - time passes
        await asyncio.sleep(_LOOK_SECONDS)
    with _lock:
        if shown not in _shown:
            return
        _shown.remove(shown)
        _away.append(shown)
    shown.slot.update(NOTHING, {})
    shown.live.put_away()
