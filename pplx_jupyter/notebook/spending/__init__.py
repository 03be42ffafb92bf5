"""What jobs have cost, as charts: bars of plain HTML, and a picture where matplotlib is installed.

The names below are imported as they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplx_jupyter.notebook.spending.dashboard import CostDashboard
    from pplx_jupyter.notebook.spending.page import page_forms
    from pplx_jupyter.notebook.spending.period import Period, period_of
    from pplx_jupyter.notebook.spending.picture import picture_forms
    from pplx_jupyter.notebook.spending.sums import Costs, costs_of

__all__ = ["CostDashboard", "Costs", "Period", "costs_of", "page_forms", "period_of", "picture_forms"]

_HOME = {
    "CostDashboard": "dashboard",
    "Costs": "sums",
    "Period": "period",
    "costs_of": "sums",
    "page_forms": "page",
    "period_of": "period",
    "picture_forms": "picture",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
