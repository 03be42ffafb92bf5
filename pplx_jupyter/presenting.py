"""How a process shows what plain Python asks: a notebook says so when its extension is loaded.

A module of its own, since loading the extension must not load what is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["present_batches_with", "presenter"]

_presenter: Callable[[Any, bool], None] | None = None


def present_batches_with(present: Callable[[Any, bool], None] | None) -> None:
    """Let `present` show, and ask, each batch that `research_map` makes; told yes, it asks without a plan."""
    global _presenter  # noqa: PLW0603 - one a process: the notebook's
    _presenter = present


def presenter() -> Callable[[Any, bool], None] | None:
    """Give what shows batches here; None in a script."""
    return _presenter
