"""The agent API: bodies, and what its routes do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.simulator.refusals import RefusalError, bad_request
from pplx_jupyter.simulator.runs import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.simulator.runs import Order, Run
    from pplx_jupyter.simulator.sources import Page
    from pplx_jupyter.simulator.world import World

__all__ = ["body", "cancel", "check_parent", "first_body"]

_WORDS = {"running": "in_progress", "unknown_status": "reviewing"}
_ENDED = frozenset({"completed", "incomplete", "failed", "cancelled", "requires_action"})
# Searches and pages come in while this part of the work is done; the rest is writing.
_SEARCHING = (0.1, 0.8)
# Below this many tokens all of them go to reasoning, and no text comes.
_LEAST_TOKENS = 100
_PAGES_READ = 3


def check_parent(world: World, account: str, order: Order) -> None:
    """Refuse a follow-up to a run that this account does not have, or that has not completed."""
    parent = order.body.get("previous_response_id")
    if parent is None:
        return
    run = world.find(account, "agent", str(parent))
    if world.state(run).word != "completed":
        raise bad_request("previous response has not completed")


def cancel(world: World, account: str, run_id: str) -> dict[str, Any]:
    """Ask a run to stop; an unknown id is answered like one that has ended."""
    try:
        run = world.find(account, "agent", run_id)
    except RefusalError:
        raise bad_request("the run is already terminal and cannot be cancelled") from None
    world.cancel(run)
    return {"response_id": run.id, "status": "cancelling"}


def first_body(run: Run) -> dict[str, Any]:
    """Give the reply to a submission."""
    return body(run, State("queued", 0.0, run.created_at))


def body(run: Run, state: State) -> dict[str, Any]:
    """Give a run as a POST or a GET shows it."""
    ended = state.word in _ENDED
    request = run.order.body
    shape = request.get("response_format")
    return {
        "background": bool(request.get("background")),
        "completed_at": int(state.ended_at or 0) if state.word == "completed" else None,
        # While a run is under way this moves from poll to poll, as it does at the service.
        "created_at": int(state.ended_at if ended and state.ended_at else state.now),
        "error": _error(state),
        "frequency_penalty": 0,
        "id": run.id,
        "incomplete_details": {"reason": "max_output_tokens"} if state.word == "incomplete" else None,
        "instructions": request.get("instructions"),
        "max_output_tokens": run.order.max_tokens,
        "max_tool_calls": request.get("max_tool_calls"),
        "metadata": request.get("metadata") or {},
        "model": run.order.model if ended or request.get("model") else run.order.effort,
        "object": "response",
        "output": _output(run, state),
        "parallel_tool_calls": True,
        "presence_penalty": 0,
        "previous_response_id": request.get("previous_response_id"),
        "prompt_cache_key": request.get("prompt_cache_key"),
        "reasoning": request.get("reasoning"),
        "safety_identifier": None,
        "service_tier": request.get("service_tier") or "default",
        "simulated": True,
        "status": _WORDS.get(state.word, state.word),
        "store": run.order.stored,
        "temperature": 1,
        "text": {"format": shape or {"type": "text"}},
        "tool_choice": "auto",
        "tools": request.get("tools") or [],
        "top_logprobs": 0,
        "top_p": 1,
        "truncation": "",
        "usage": _usage(run, state),
        "user": request.get("user"),
    }


def _error(state: State) -> dict[str, str] | None:
    if state.word != "failed":
        return None
    return {
        "message": "The simulated run failed: no sources could be read.",
        "code": "internal_error",
        "type": "server_error",
    }


def _usage(run: Run, state: State) -> dict[str, Any] | None:
    if state.word not in {"completed", "incomplete"}:
        return None
    usage = dict(run.usage)
    if run.costless:
        del usage["cost"]
    return usage


def _output(run: Run, state: State) -> list[dict[str, Any]]:
    steps = _steps(run)
    first, last = _SEARCHING
    seen = [
        step for i, step in enumerate(steps) if state.share >= first + (last - first) * i / max(1, len(steps))
    ]
    if state.word == "requires_action":
        return [*seen, _call(run)]
    silent = run.cut and (run.order.max_tokens or _LEAST_TOKENS) < _LEAST_TOKENS
    if state.word == "incomplete" and silent:
        return []
    return [*seen, _message(run)] if state.word in {"completed", "incomplete"} else seen


def _steps(run: Run) -> list[dict[str, Any]]:
    """Give what is searched and read, in the order in which it is: ids 11-20, 21-30, then 1-10."""
    pages, queries = run.draft.pages, run.draft.queries
    batches = [pages[10:20], pages[20:30], pages[:10]] if len(pages) > 10 else [pages]
    share = -(-len(queries) // len(batches))
    steps: list[dict[str, Any]] = []
    for i, batch in enumerate(batches):
        if batch:
            steps.append(_search(queries[i * share : (i + 1) * share], batch))
            if i < len(batches) - 1:
                steps.append(_reading(batch[:_PAGES_READ]))
    return steps


def _search(queries: Sequence[str], pages: Sequence[Page]) -> dict[str, Any]:
    return {"queries": list(queries), "results": [_result(page) for page in pages], "type": "search_results"}


def _result(page: Page) -> dict[str, Any]:
    dated = {"date": page.date} if page.date is not None else {}
    return {
        **dated,
        "id": page.number,
        "last_updated": page.last_updated,
        "snippet": page.snippet,
        "source": "web",
        "title": page.title,
        "url": page.url,
    }


def _reading(pages: Sequence[Page]) -> dict[str, Any]:
    contents = [{"snippet": page.snippet, "title": page.title, "url": page.url} for page in pages]
    return {"contents": contents, "type": "fetch_url_results"}


def _message(run: Run) -> dict[str, Any]:
    halves = [run.text]
    if "parts" in run.draft.shapes:
        middle = len(run.text) // 2
        halves = [run.text[:middle], run.text[middle:]]
    return {
        "content": [{"annotations": [], "text": text, "type": "output_text"} for text in halves],
        "id": run.id.replace("resp_", "msg_"),
        "role": "assistant",
        "status": "completed",
        "type": "message",
    }


def _call(run: Run) -> dict[str, Any]:
    return {
        "arguments": "{}",
        "call_id": run.id.replace("resp_", "call_"),
        "id": run.id.replace("resp_", "fc_"),
        "name": "ask_the_user",
        "status": "requires_action",
        "type": "function_call",
    }
