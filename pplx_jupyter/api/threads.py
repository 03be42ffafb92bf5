"""What makes a body a follow-up's: the conversation before it, or the id of the run that it goes on from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.bodies import agent_messages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Thread", "continued"]


@dataclasses.dataclass(frozen=True, slots=True)
class Thread:
    """What came before a question.

    Attributes
    ----------
    messages
        The conversation, ``{"role", "content"}`` each, oldest first, the last one an answer.
    response_id
        The agent API's id of the last answer's run, where it may go on from there; else an empty text.
    """

    messages: Sequence[Mapping[str, Any]]
    response_id: str = ""


def continued(body: Mapping[str, Any], backend: str, thread: Thread) -> dict[str, Any]:
    """Give a question's body as a follow-up's.

    The sonar API takes the whole conversation. The agent API takes the run's id, and otherwise the
    conversation, too: where the last answer is sonar's, another account's, or no longer there.

    Parameters
    ----------
    body
        What `pplx_jupyter.api.bodies` makes of the question alone.
    backend
        ``"sonar"`` or ``"agent"``.
    """
    if backend == "agent" and thread.response_id:
        return {**body, "previous_response_id": thread.response_id}
    if backend == "agent":
        own = body["input"]
        now = [{"type": "message", "role": "user", "content": own}] if isinstance(own, str) else own
        return {**body, "input": [*agent_messages(thread.messages), *now]}
    inner = body["request"]
    own = inner["messages"]
    # A system message speaks before all others.
    first = 1 if own[0]["role"] == "system" else 0
    return {
        **body,
        "request": {**inner, "messages": [*own[:first], *map(dict, thread.messages), *own[first:]]},
    }
