"""Which of the two APIs a question goes to: the choice of ``backend="auto"``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.api import agent, sonar
from pplx_jupyter.api.bodies import agent_gaps, first_choice

if TYPE_CHECKING:
    from types import ModuleType

    from pplx_jupyter.request import Request

__all__ = ["RETIRED_SECONDS", "backend_module", "choose"]

RETIRED_SECONDS = 7 * 86_400
"""How long it is remembered that the sonar API is retired for an account."""


def backend_module(name: str) -> ModuleType:
    """Give the module that speaks this API; both offer submit, get, cancel and RESENDS."""
    return {"sonar": sonar, "agent": agent}[name]


def choose(request: Request, *, retired: bool) -> str:
    """Give the API that a question is sent to first: ``"sonar"`` or ``"agent"``.

    Parameters
    ----------
    retired
        The ledger remembers that this account's sonar API is retired. A question with options that
        only sonar has stays there all the same, and its refusal names them.

    Raises
    ------
    pplx_jupyter.errors.RequestError
        Options of both APIs are set, or the pinned API lacks one.
    """
    first = first_choice(request)
    if first == "sonar" and retired and request.backend == "auto" and not agent_gaps(request):
        return "agent"
    return first
