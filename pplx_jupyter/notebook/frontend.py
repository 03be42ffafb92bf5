"""Where a cell runs: which frontend, which notebook, which cell, and whether anybody is there to watch."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.settings import Settings

__all__ = ["Place", "here", "is_headless"]


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where the present cell runs.

    Attributes
    ----------
    kernel
        The ipykernel, or None in a terminal.
    parent
        The message that the cell's outputs answer to; outputs are pinned to it.
    headless
        Nobody is there to watch or click: nbclient, papermill, nbconvert, a piped IPython.
    notebook
        The notebook's name as far as the frontend tells, else an empty text.
    cell
        The cell's id as far as the frontend tells, else an empty text.
    voila
        The page is an app of Voila's: it has no file, and takes no update of an output.
    """

    kernel: Any
    parent: Mapping[str, Any]
    headless: bool
    notebook: str
    cell: str
    voila: bool = False


def here(shell: Any, settings: Settings) -> Place:
    """Look where the present cell runs; call it from the cell's own thread."""
    kernel = getattr(shell, "kernel", None)
    parent = _parent(kernel)
    metadata = parent.get("metadata") or {}
    return Place(
        kernel=kernel,
        parent=parent,
        headless=_is_headless(kernel, parent),
        notebook=settings.notebook_name,
        cell=str(metadata.get("cellId") or ""),
        voila=_is_voila(),
    )


def is_headless(shell: Any) -> bool:
    """Whether nobody is there to watch or click."""
    kernel = getattr(shell, "kernel", None)
    return kernel is not None and _is_headless(kernel, _parent(kernel))


def _parent(kernel: Any) -> dict[str, Any]:
    return dict(kernel.get_parent() or {}) if kernel is not None else {}


def _is_headless(kernel: Any, parent: Mapping[str, Any]) -> bool:
    if kernel is None:
        return not (sys.stdin is not None and sys.stdin.isatty())
    # No environment variable tells: nbclient, papermill and nbconvert alone say that nobody can be asked.
    # Voila says so, too, but has a person before it; Colab's kernel may say anything.
    allowed = (parent.get("content") or {}).get("allow_stdin")
    return allowed is False and not _is_voila() and "google.colab" not in sys.modules


def _is_voila() -> bool:
    return "VOILA_REQUEST_URL" in os.environ or os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
