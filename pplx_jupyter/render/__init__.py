"""From an answer and its receipt to what a person sees: HTML, Markdown and plain text.

Pure functions: no clock, no input or output, nothing of Jupyter. What they give is safe to show
without sanitising, whatever the service sent. The names below are imported as they are used;
`pplx_jupyter.render.words` imports nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplx_jupyter.render.diffs import diff_forms
    from pplx_jupyter.render.failures import failure_forms, failure_line, failure_note
    from pplx_jupyter.render.hint import hint_forms
    from pplx_jupyter.render.page import answer_forms
    from pplx_jupyter.render.pieces import Bold, Code, Note, note_forms
    from pplx_jupyter.render.raw import raw_forms
    from pplx_jupyter.render.state import state_forms
    from pplx_jupyter.render.style import stylesheet, wrap
    from pplx_jupyter.render.unwritten import unwritten_forms

__all__ = [
    "LIBRARIES",
    "Bold",
    "Code",
    "Note",
    "answer_forms",
    "diff_forms",
    "failure_forms",
    "failure_line",
    "failure_note",
    "hint_forms",
    "note_forms",
    "raw_forms",
    "state_forms",
    "stylesheet",
    "unwritten_forms",
    "wrap",
]

LIBRARIES = ("markdown", "nh3", "pygments")
"""What shapes the forms besides this package: other versions may give other ones."""

_HOME = {
    "Bold": "pieces",
    "Code": "pieces",
    "Note": "pieces",
    "answer_forms": "page",
    "diff_forms": "diffs",
    "failure_forms": "failures",
    "failure_line": "failures",
    "failure_note": "failures",
    "hint_forms": "hint",
    "note_forms": "pieces",
    "raw_forms": "raw",
    "state_forms": "state",
    "stylesheet": "style",
    "unwritten_forms": "unwritten",
    "wrap": "style",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
