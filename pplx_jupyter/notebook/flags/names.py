"""The NAME on the line of a research cell: the variable that gets the Job."""

from __future__ import annotations

import builtins
import difflib
import keyword
import types
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.flags.table import all_flags

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_free", "check_variable", "checked_name"]


def checked_name(word: str) -> str:
    """Give a NAME that can be a variable's, and is not needed by Python or IPython.

    Raises
    ------
    RequestError
        It cannot, or looks like a flag that is misspelt.
    """
    near = difflib.get_close_matches("--" + word.lstrip("-–—").partition("=")[0], all_flags(), 1, 0.8)
    if near and not word.isidentifier():
        raise RequestError(
            f"“{word}” is no option: did you mean {near[0]}? Options begin with two hyphens. Nothing was sent."
        )
    check_variable(word)
    return word


def check_variable(word: str) -> None:
    """Check that a variable can have this name, and that Python and IPython do not need it."""
    if hasattr(builtins, word) or word in {"In", "Out"} or word.startswith("_"):
        raise RequestError(
            f"“{word}” is a name that Python or IPython needs: choose another. Nothing was sent."
        )
    if not word.isidentifier() or keyword.iskeyword(word):
        raise RequestError(
            f"“{word}” cannot be a variable's name: write letters, digits and _, or leave it out. Nothing was sent."
        )


def check_free(name: str, filled: Mapping[str, str], variables: Mapping[str, Any]) -> None:
    """Refuse a NAME whose variable the job must not replace.

    Parameters
    ----------
    filled
        The prompt's expressions, with what took their places.
    variables
        The notebook's.
    """
    from pplx_jupyter.notebook.cell.prompts import uses

    if name and uses(filled, name):
        raise RequestError(
            f"“{name}” is used in the prompt, and the job would take its place: choose another NAME. Nothing was sent."
        )
    if isinstance(variables.get(name), types.ModuleType):
        raise RequestError(
            f"“{name}” is a module here, and the job would take its place: choose another NAME. Nothing was sent."
        )
