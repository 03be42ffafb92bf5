"""The ledger's jobs: a table that is searched and clicked, and what of it stays in the saved notebook.

The names below are imported as they are used: the table of widgets is heavy, its plain form is not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplx_jupyter.notebook.history.forms import jobs_forms
    from pplx_jupyter.notebook.history.show import show_history
    from pplx_jupyter.notebook.history.typed import FILTERS, wanted_of

__all__ = ["FILTERS", "jobs_forms", "show_history", "wanted_of"]

_HOME = {"jobs_forms": "forms", "show_history": "show", "wanted_of": "typed", "FILTERS": "typed"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
