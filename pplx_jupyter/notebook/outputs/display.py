"""Outputs pinned to the cell that launched the job.

Every message that leaves after the cell has ended goes through `send`. Left to itself, ipykernel
gives such a message whatever request came last as its parent (a completion, even), and 7.0 raises
LookupError in a plain thread. VS Code drops messages with a foreign parent. Sending with the
launching cell's own parent works from any thread on ipykernel 6.17 to 7.4.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.ledger import Row

__all__ = [
    "Pin",
    "Slot",
    "gone_line",
    "is_captured",
    "make_button",
    "next_to_widget",
    "output_metadata",
    "pin_widget",
]


_LOST = ".jp-OutputArea-child:has(>.jupyter-widgets):not(:has(>.jupyter-widgets>*))"
"""What JupyterLab and Notebook 7 show of a widget whose kernel is gone: a line of error in place of all other forms."""

_STATIC = "pplx-static"
_HIDE_LOST = (
    f"<style>{_LOST}:has(+.jp-OutputArea-child .{_STATIC}),.jp-OutputArea-child:has(.{_STATIC})+{_LOST}"
    "{display:none}</style>"
)


def next_to_widget(forms: Mapping[str, Any]) -> dict[str, Any]:
    """Give a static output that stands right above or below a live one, and says all where that is lost.

    In a file that is opened without its kernel the frontend's error about the widget is hidden.
    """
    return {**forms, "text/html": f'<div class="{_STATIC}">{forms.get("text/html", "")}{_HIDE_LOST}</div>'}


_GONE = "<style>.pplx-gone{display:none}.jupyter-widgets-disconnected .pplx-gone{display:block}</style>"
"""The class is what ipywidgets 8 gives every view of a widget whose kernel has ended."""


def gone_line(what: str, *, in_app: bool = False) -> str:
    """Give a line for an HTML widget that is only seen when its kernel has ended: clicks then do nothing.

    Parameters
    ----------
    what
        What the line stands in, such as ``form``.
    in_app
        The page is an app's, which has no cells.
    """
    mend = "load this page again" if in_app else "run this cell again"
    said = f"The kernel behind this {what} has ended: {mend}."
    return f'<div class="pplx"><p class="pplx-s pplx-gone" role="status"><b>{said}</b></p></div>{_GONE}'


@dataclasses.dataclass(frozen=True, slots=True)
class Pin:
    """A kernel, and the message of the cell that outputs belong to."""

    kernel: Any
    parent: Mapping[str, Any]

    def send(self, kind: str, content: Mapping[str, Any], **rest: Any) -> None:
        """Send a message to the frontend as this cell's; safe from any thread."""
        self.kernel.session.send(self.kernel.iopub_socket, kind, content, parent=self.parent, **rest)


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """One output of a cell that can be replaced later.

    Attributes
    ----------
    pin
        The kernel and the cell; None in a terminal, where nothing can be replaced.
    is_captured
        An ``Output`` widget holds it, in a run that nobody watches: nbclient replaces nothing in there, so
        that what would take its place comes below.
    """

    display_id: str
    pin: Pin | None
    is_captured: bool = dataclasses.field(default=False, kw_only=True)

    def show(self, shell: Any, forms: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Put the output below the running cell; from the cell's own thread."""
        shell.display_pub.publish(
            data=dict(forms), metadata=dict(metadata), transient={"display_id": self.display_id}
        )

    def update(self, forms: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Replace the output, from any thread."""
        if self.pin is None or (self.is_captured and not any(forms.values())):
            return
        kind = "display_data" if self.is_captured else "update_display_data"
        content = {
            "data": dict(forms),
            "metadata": dict(metadata),
            "transient": {} if self.is_captured else {"display_id": self.display_id},
        }
        self.pin.send(kind, content, ident=kind.encode())


def is_captured(parent: Mapping[str, Any]) -> bool:
    """Whether an ``Output`` widget takes what the running cell shows, as in ``with out:`` or in ``interact``."""
    widgets = sys.modules.get("ipywidgets")
    if widgets is None:
        return False
    run = (parent.get("header") or {}).get("msg_id")
    # Private, so guarded: the public list of all widgets is deprecated.
    known = getattr(widgets.widgets.widget, "_instances", {})
    return any(isinstance(each, widgets.Output) and each.msg_id == run for each in list(known.values()))


def pin_widget(widget: Any, pin: Pin) -> None:
    """Make a widget's own messages the launching cell's: its comm sends through the pin from now on.

    Only what answers a message of the frontend's (a page that was reloaded asks for the state) goes
    out as the answer to that message: JupyterLab waits for it.
    """
    if widget.comm is not None and hasattr(widget.comm, "publish_msg"):
        _pin_comm(widget.comm, pin)


def make_button(pin: Pin, **traits: Any) -> Any:
    """Make a button that is the launching cell's from its first message on, also when that cell has long ended.

    Before 7, ipykernel gives what a widget is made with whatever request came last as its parent.
    """
    return _button_class()(pin, **traits)


@functools.cache
def _button_class() -> Any:
    import comm
    import ipywidgets
    from ipywidgets._version import __protocol_version__

    class Button(ipywidgets.Button):  # type: ignore[misc]
        def __init__(self, pin: Pin, **traits: Any) -> None:
            self._pin = pin
            super().__init__(**traits)

        def open(self) -> None:
            # As ipywidgets does it, but for the pin, which is there before anything is sent.
            if self.comm is not None:
                return
            made: Any = comm.create_comm(target_name="jupyter.widget", primary=False)
            # ipykernel notes its kernel when it sends itself; without one ipywidgets holds the comm for dead.
            made.kernel = self._pin.kernel
            _pin_comm(made, self._pin)
            state = {"state": self.get_state(), "buffer_paths": []}
            made.open(data=state, metadata={"version": __protocol_version__})
            self.comm: Any = made

    return Button


def _pin_comm(comm: Any, pin: Pin) -> None:
    answering = threading.local()
    handle = comm.handle_msg

    def handle_msg(message: Any) -> None:
        answering.parent = message
        try:
            handle(message)
        finally:
            answering.parent = None

    def publish_msg(
        kind: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
    ) -> None:
        content = {"data": data or {}, "comm_id": comm.comm_id, **keys}
        to = dataclasses.replace(pin, parent=getattr(answering, "parent", None) or pin.parent)
        to.send(kind, content, metadata=metadata or {}, ident=comm.topic, buffers=buffers)

    comm.handle_msg = handle_msg
    comm.publish_msg = publish_msg
    if hasattr(comm, "_reply_subshell_for"):
        # ipykernel 7.4 sends a click to the shell that the widget last spoke from, which waits
        # while a cell computes; the frontend's own choice, a subshell, does not. Private, so guarded.
        comm._reply_subshell_for = lambda _data, default: default  # noqa: SLF001


def output_metadata(row: Row) -> dict[str, Any]:
    """Give what a saved output says of its job, for tools that read the file."""
    return {"pplx_jupyter": {"job": row.id, "fingerprint": row.fingerprint, "state": row.state}}
