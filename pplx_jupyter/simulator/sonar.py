"""The sonar API: bodies, and what its routes do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.simulator.refusals import bad_request, refusal, retired

if TYPE_CHECKING:
    from pplx_jupyter.simulator.runs import Run, State
    from pplx_jupyter.simulator.sources import Page
    from pplx_jupyter.simulator.world import World

__all__ = ["body", "completion", "delete", "retired_or_not", "row", "rows"]

PAGE_SIZE = 20
_LARGEST_PAGE = 100
_WORDS = {
    "queued": "CREATED",
    "running": "IN_PROGRESS",
    "completed": "COMPLETED",
    # This API has no word for it: `finish_reason` is "length".
    "incomplete": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
    "requires_action": "REQUIRES_ACTION",
    "unknown_status": "REVIEWING",
}
_FAILED = "The simulated job failed: no sources could be read."


def retired_or_not(world: World) -> None:
    """Refuse every request where the sonar API is retired."""
    if world.sonar_retired:
        raise retired()


def row(run: Run, state: State) -> dict[str, Any]:
    """Give a run as a list shows it: without its response."""
    failed = state.word in {"failed", "cancelled"}
    ended = None if state.ended_at is None else int(state.ended_at)
    return {
        "id": run.id,
        "model": run.order.model,
        "created_at": int(run.created_at),
        "started_at": None if state.word == "queued" else int(run.created_at),
        "completed_at": None if failed else ended,
        "failed_at": ended if failed else None,
        "status": _WORDS[state.word],
    }


def body(run: Run, state: State) -> dict[str, Any]:
    """Give a run as a GET by id shows it."""
    error = {"failed": _FAILED, "cancelled": "cancelled"}.get(state.word)
    answered = state.word in {"completed", "incomplete"}
    return {
        **row(run, state),
        "error_message": error,
        "response": completion(run, state) if answered else None,
    }


def completion(run: Run, state: State) -> dict[str, Any]:
    """Give the ``response`` of a run that has ended well."""
    draft, request = run.draft, run.order.body
    text = run.text
    if draft.thinking:
        closing = "" if "unclosed_think" in draft.shapes else "</think>\n\n"
        text = f"<think>\n{draft.thinking}\n{closing}{text}"
    content: Any = [{"type": "text", "text": text}] if "parts" in draft.shapes else text
    usage = dict(run.usage)
    if run.costless:
        del usage["cost"]
    found: dict[str, Any] = {
        "id": run.id,
        "model": run.order.model,
        "created": int(state.ended_at or run.created_at),
        "usage": usage,
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "finish_reason": "length" if run.cut else "stop",
                "message": {"role": "assistant", "content": content},
                "delta": {"role": "assistant", "content": ""},
            }
        ],
        "citations": [page.url for page in draft.pages],
        "simulated": True,
    }
    if "citations_only" not in draft.shapes:
        found["search_results"] = [_result(page) for page in draft.pages]
    if request.get("return_related_questions"):
        found["related_questions"] = list(draft.related)
    if request.get("return_images"):
        found["images"] = [_image(page) for page in draft.pages[: request.get("num_images", 5)]]
    return found


def _result(page: Page) -> dict[str, Any]:
    result = {"title": page.title, "url": page.url}
    if page.date is not None:
        result["date"] = page.date
    return {**result, "last_updated": page.last_updated, "snippet": page.snippet, "source": "web"}


def _image(page: Page) -> dict[str, Any]:
    return {
        "image_url": f"https://pictures.example/{page.number}.png",
        "origin_url": page.url,
        "title": page.title,
        "width": 640,
        "height": 400,
    }


def rows(world: World, account: str, *, limit: str | None, token: str | None) -> dict[str, Any]:
    """Give a page of the list of runs."""
    if limit is not None and not (limit.isdecimal() and 1 <= int(limit) <= _LARGEST_PAGE):
        raise bad_request(f"limit must be between 1 and {_LARGEST_PAGE}")
    page, following = world.listed(account, limit=int(limit or PAGE_SIZE), after=token)
    return {"requests": [row(run, world.state(run)) for run in page], "next_token": following}


def delete(world: World, account: str, run_id: str) -> dict[str, Any]:
    """Cancel a run, where this service offers that."""
    if not world.offers_cancel:
        raise refusal(405, "method_not_allowed", "Method Not Allowed", {"Allow": "GET"})
    run = world.find(account, "sonar", run_id)
    world.cancel(run)
    return {"id": run.id, "status": "CANCELLED"}
