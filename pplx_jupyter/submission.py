"""A question on its way into the ledger: what submitting means, gives, and writes as the intent."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger import GIVEN_IN_CLEAR, REUSABLE, Draft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.ledger import Decision, Row
    from pplx_jupyter.ledger.budgets import Refusal
    from pplx_jupyter.ledger.expected import Expected
    from pplx_jupyter.request import Request
    from pplx_jupyter.settings import Settings

__all__ = ["RUN_VARIABLE", "Plan", "Submission", "draft_of", "with_defaults"]

RUN_VARIABLE = "PPLX_JUPYTER_RUN"
"""The environment's variable that names the run of a whole notebook: its budget is its own."""


@dataclasses.dataclass(frozen=True, slots=True)
class Submission:
    """What became of a submit.

    Attributes
    ----------
    row
        The question's row: new, under way, or settled earlier.
    created
        A new intent was written, and will be sent.
    """

    row: Row
    created: bool

    @property
    def reused(self) -> bool:
        """Whether the answer was there already: nothing is sent."""
        return not self.created and self.row.state in REUSABLE


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What submitting a question would do now.

    Attributes
    ----------
    request
        The question with the settings' defaults filled in.
    backend
        The API that it would go to.
    decision
        Whether a row serves it, is sent again, or a new one is made.
    expected
        What it usually costs and takes there.
    refusal
        Why it does not fit a budget, or None.
    """

    request: Request
    backend: str
    decision: Decision
    expected: Expected
    refusal: Refusal | None


def draft_of(
    request: Request,
    *,
    base_url: str,
    account: str,
    backend: str,
    expected: Expected,
    name: str = "",
    notebook: str = "",
    cell: str = "",
    filled: Mapping[str, str] | None = None,
    batch: str = "",
) -> Draft:
    """Give the intent of a question."""
    return Draft(
        fingerprint=request.fingerprint,
        request={**request.to_json(), **_secret_kept(request)},
        base_url=base_url,
        account=account,
        backend=backend,
        pinned=request.backend != "auto",
        model=request.resolved_model,
        effort=request.effort_label,
        question=request.question,
        name=name,
        notebook=notebook,
        cell=cell,
        run=os.environ.get(RUN_VARIABLE, ""),
        filled=dict(filled or {}),
        expected=expected.to_json(),
        batch=batch,
    )


def with_defaults(request: Request, settings: Settings) -> Request:
    """Give a question with the settings in place of what it leaves open."""
    changes: dict[str, Any] = {}
    if settings.model and request.model is None and request.effort is None:
        changes["model"] = settings.model
    if settings.effort and request.reasoning_effort is None and request.effort is None:
        changes["reasoning_effort"] = settings.effort
    if request.backend == "auto" and settings.backend != "auto":
        changes["backend"] = settings.backend
    asked = request.replace(**changes) if changes else request
    if settings.images and asked.return_images is None and not _is_for_agent(asked):
        asked = asked.replace(return_images=True)
    return asked


def _is_for_agent(request: Request) -> bool:
    """Whether a question goes to the agent API, which brings no images: a setting must not make it impossible."""
    from pplx_jupyter.api.bodies import agent_only

    return request.backend == "agent" or bool(agent_only(request))


def _secret_kept(request: Request) -> dict[str, Any]:
    """Give what a row keeps of a webhook's secret: the name of its variable, or that it was a literal."""
    if not request.webhook_secret:
        return {}
    if request.webhook_secret.startswith("$"):
        return {"webhook_secret": request.webhook_secret}
    return {GIVEN_IN_CLEAR: True}
