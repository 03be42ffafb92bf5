"""Deep research as a citizen of the Jupyter notebook.

Load the magics with ``%load_ext pplx_jupyter``, or ask in plain Python with `research`. Every public
name is imported when it is first used, so that loading the extension costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pplx_jupyter.version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pplx_jupyter.answer import Answer, Cost, Source
    from pplx_jupyter.asking import research
    from pplx_jupyter.batch import Batch, research_map
    from pplx_jupyter.errors import (
        BudgetExceeded,
        JobCancelled,
        JobExpired,
        JobFailed,
        JobUnconfirmed,
        KeyMissing,
        LedgerError,
        NotFrozen,
        PplxError,
        RequestError,
        ServiceError,
        WaitInterrupted,
        WaitTimeout,
    )
    from pplx_jupyter.job import Job, attach, jobs
    from pplx_jupyter.notebook.form.form import ResearchForm
    from pplx_jupyter.notebook.spending import CostDashboard
    from pplx_jupyter.receipt import Failure, Receipt
    from pplx_jupyter.request import Request
    from pplx_jupyter.session import Session
    from pplx_jupyter.settings import Settings

__all__ = [
    "Answer",
    "Batch",
    "BudgetExceeded",
    "Cost",
    "CostDashboard",
    "Failure",
    "Job",
    "JobCancelled",
    "JobExpired",
    "JobFailed",
    "JobUnconfirmed",
    "KeyMissing",
    "LedgerError",
    "NotFrozen",
    "PplxError",
    "Receipt",
    "Request",
    "RequestError",
    "ResearchForm",
    "ServiceError",
    "Session",
    "Settings",
    "Source",
    "WaitInterrupted",
    "WaitTimeout",
    "__version__",
    "attach",
    "jobs",
    "research",
    "research_map",
]

_HOME = {
    "Answer": "answer",
    "Cost": "answer",
    "CostDashboard": "notebook.spending",
    "Failure": "receipt",
    "Receipt": "receipt",
    "Source": "answer",
    "Batch": "batch",
    "research_map": "batch",
    "BudgetExceeded": "errors",
    "JobCancelled": "errors",
    "JobExpired": "errors",
    "JobFailed": "errors",
    "JobUnconfirmed": "errors",
    "KeyMissing": "errors",
    "LedgerError": "errors",
    "NotFrozen": "errors",
    "PplxError": "errors",
    "RequestError": "errors",
    "ServiceError": "errors",
    "WaitInterrupted": "errors",
    "WaitTimeout": "errors",
    "Job": "job",
    "attach": "job",
    "jobs": "job",
    "research": "asking",
    "Request": "request",
    "ResearchForm": "notebook.form.form",
    "Session": "session",
    "Settings": "settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; ``%load_ext pplx_jupyter`` calls this."""
    from pplx_jupyter.notebook.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics away again; ``%unload_ext pplx_jupyter`` calls this."""
    from pplx_jupyter.notebook.extension import unload

    unload(shell)
