"""Reading the service's bodies: tolerant of everything, raising for nothing.

A body is whatever JSON came over the wire. What is missing, null or of another type
is left out; what is unknown stays in `Answer.raw`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pplx_jupyter.answer import Answer, Search
from pplx_jupyter.reading.cut import read_cut_id
from pplx_jupyter.reading.figures import read_cost, read_usage
from pplx_jupyter.reading.pages import (
    agent_items,
    agent_searches,
    agent_sources,
    as_list,
    as_text,
    read_images,
    sonar_sources,
)

if TYPE_CHECKING:
    from pplx_jupyter.request import Request

__all__ = ["Progress", "Status", "read_answer", "read_cut_id", "read_progress", "read_status"]

_THINKING = re.compile(r"\A\s*<think>(.*?)</think>", re.DOTALL)
_UNCLOSED = re.compile(r"\A\s*<think>")
_ID_KEYS = ("id", "request_id", "response_id", "job_id")
_STATES = {
    "created": "queued",
    "queued": "queued",
    "in_progress": "running",
    "requires_action": "failed",
    "completed": "completed",
    "incomplete": "incomplete",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """What a body says about its job.

    Attributes
    ----------
    remote_status
        The server's word as sent, ``""`` where there is none.
    state
        ``queued``, ``running``, ``completed``, ``incomplete``, ``failed`` or ``cancelled``;
        an unknown word is ``running``, ``requires_action`` is ``failed``.
    remote_id
        The server's id of the job, ``""`` where there is none.
    message, code, type
        The server's error in its own words: hostile text.
    simulated
        The simulator wrote the body.
    """

    remote_status: str = ""
    state: str = "running"
    remote_id: str = ""
    message: str = ""
    code: str = ""
    type: str = ""
    simulated: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is; all empty for sonar, which tells nothing while it works.

    Attributes
    ----------
    searches, sources
        How many queries were searched and how many pages they brought so far.
    latest
        The latest step in words: ``Searching: “…”`` or ``Reading: https://…``.
    steps
        All steps, oldest first.
    """

    searches: int = 0
    sources: int = 0
    latest: str = ""
    steps: tuple[Search, ...] = ()


def read_answer(body: Any, backend: str, request: Request | None = None, *, id: str | None = None) -> Answer:  # noqa: A002 - the service's own name
    """Read a body as an Answer; never raises for any JSON value.

    Parameters
    ----------
    body
        Sonar: the job's envelope or the bare completion. Agent: the response.
    backend
        ``"sonar"`` or ``"agent"``.
    request
        What was asked: its model counts where the body names none.
    id
        Which entry to take where the body is a list or ``{"requests": […]}``.
    """
    entry = _pick(body, id)
    answer = _agent_answer(entry) if backend == "agent" else _sonar_answer(entry)
    inner = _unwrap(entry, backend)
    asked_model = request.resolved_model if request is not None and backend != "agent" else ""
    model = as_text(inner.get("model")) or as_text(entry.get("model")) or asked_model
    usage = inner.get("usage", entry.get("usage"))
    counts = read_usage(usage)
    thinking, text = _split_thinking(answer.text)
    return dataclasses.replace(
        answer,
        text=text,
        thinking=thinking or answer.thinking,
        usage=counts,
        cost=read_cost(usage, counts, model, backend),
        incomplete=_incomplete(entry, inner),
        model=model,
        simulated=_simulated(entry, inner),
        understood=answer.understood or bool(text or thinking),
        raw=body,
    )


def read_status(body: Any, backend: str, *, id: str | None = None) -> Status:  # noqa: A002 - the service's own name
    """Read what a body says about its job; never raises for any JSON value."""
    entry = _pick(body, id)
    inner = _unwrap(entry, backend)
    word = as_text(entry.get("status"))
    if not word and backend != "agent" and _choices(inner):
        # A gateway that answers with the bare completion has finished.
        state = "completed"
    else:
        state = _STATES.get(word.strip().lower().replace("-", "_"), "running")
    if state == "completed" and _incomplete(entry, inner):
        state = "incomplete"
    message, code, kind = _error(entry)
    ids = (as_text(entry.get(key)) for key in _ID_KEYS)
    return Status(
        remote_status=word,
        state=state,
        remote_id=next((found for found in ids if found), ""),
        message=message,
        code=code,
        type=kind,
        simulated=_simulated(entry, inner),
    )


def read_progress(body: Any, backend: str, *, id: str | None = None) -> Progress:  # noqa: A002 - the service's own name
    """Read how far a job is; never raises for any JSON value."""
    if backend != "agent":
        return Progress()
    inner = _unwrap(_pick(body, id), backend)
    steps = tuple(agent_searches(inner))
    return Progress(
        searches=sum(step.kind == "searched" for step in steps),
        sources=len(agent_sources(inner)),
        latest=_in_words(steps[-1]) if steps else "",
        steps=steps,
    )


def _sonar_answer(entry: Mapping[str, Any]) -> Answer:
    inner = _unwrap(entry, "sonar")
    choices = _choices(inner)
    texts = (_choice_text(choice) for choice in choices)
    return Answer(
        text=next((text for text in texts if text), ""),
        sources=sonar_sources(inner),
        images=tuple(read_images(inner.get("images"))),
        related_questions=tuple(filter(None, map(as_text, as_list(inner.get("related_questions"))))),
        understood=bool(choices),
    )


def _choices(completion: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [choice for choice in as_list(completion.get("choices")) if isinstance(choice, Mapping)]


def _choice_text(choice: Mapping[str, Any]) -> str:
    for key in ("message", "delta"):
        message = choice.get(key)
        text = _content(message.get("content")) if isinstance(message, Mapping) else ""
        if text:
            return text
    return ""


def _content(content: Any) -> str:
    if isinstance(content, str):
        return as_text(content)
    return "".join(
        as_text(part.get("text")) if isinstance(part, Mapping) else as_text(part) for part in as_list(content)
    )


def _agent_answer(entry: Mapping[str, Any]) -> Answer:
    inner = _unwrap(entry, "agent")
    items = agent_items(inner)
    texts = [
        text for item in items if item.get("type") == "message" if (text := _content(item.get("content")))
    ]
    reasoning = (
        _content(item.get(key))
        for item in items
        if item.get("type") == "reasoning"
        for key in ("summary", "content")
    )
    images = [
        image
        for item in items
        if item.get("type") == "image_search_results"
        for image in read_images(item.get("results"))
    ]
    return Answer(
        text="\n\n".join(texts),
        thinking="\n\n".join(filter(None, reasoning)),
        sources=agent_sources(inner),
        images=tuple(images),
        searches=tuple(agent_searches(inner)),
        understood=isinstance(inner.get("output"), list)
        and (bool(items) or bool(as_text(inner.get("status")))),
    )


def _in_words(step: Search) -> str:
    if step.kind == "read":
        return f"Reading: {step.text}"
    return f"Searching: “{step.text}”" if step.text else "Searching"


def _pick(body: Any, id: str | None) -> Mapping[str, Any]:  # noqa: A002 - the service's own name
    """Give the body's entry: itself, or the one of the wanted id where it is a list."""
    entries = body
    if isinstance(body, Mapping):
        entries = body.get("requests")
        if not isinstance(entries, list) or "status" in body:
            return body
    mappings = [entry for entry in as_list(entries) if isinstance(entry, Mapping)]
    for entry in mappings:
        if id is not None and any(entry.get(key) == id for key in _ID_KEYS):
            return entry
    if len(mappings) == 1 and (id is None or not any(key in mappings[0] for key in _ID_KEYS)):
        return mappings[0]
    return {}


def _unwrap(entry: Mapping[str, Any], backend: str) -> Mapping[str, Any]:
    """Give what holds the answer: the envelope's ``response``, or the entry itself."""
    inner = entry.get("response")
    if isinstance(inner, Mapping) and ("output" if backend == "agent" else "choices") not in entry:
        return inner
    return entry


def _split_thinking(text: str) -> tuple[str, str]:
    if match := _THINKING.match(text):
        return match[1].strip(), text[match.end() :].lstrip()
    # Never closed: where it ends is not told, so all of it is text and nothing is lost.
    return "", _UNCLOSED.sub("", text).lstrip() if _UNCLOSED.match(text) else text


def _incomplete(entry: Mapping[str, Any], inner: Mapping[str, Any]) -> str | None:
    details = inner.get("incomplete_details")
    reason = as_text(details.get("reason")) if isinstance(details, Mapping) else ""
    if reason:
        return reason
    if any(as_text(each.get("status")).lower() == "incomplete" for each in (entry, inner)):
        return "no reason given"
    cut = any(choice.get("finish_reason") == "length" for choice in _choices(inner)[:1])
    return "max_tokens" if cut else None


def _simulated(*entries: Mapping[str, Any]) -> bool:
    for entry in entries:
        metadata = entry.get("metadata")
        inner = metadata.get("simulated") if isinstance(metadata, Mapping) else None
        if entry.get("simulated") is True or inner is True or inner == "true":
            return True
    return False


def _error(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    error = entry.get("error")
    said = error if isinstance(error, Mapping) else {}
    code = said.get("code")
    message = (
        as_text(said.get("message"))
        or as_text(error)
        or as_text(entry.get("error_message"))
        or as_text(entry.get("failed_reason"))
    )
    number = "" if isinstance(code, bool) or not isinstance(code, int) or abs(code) >= 10**9 else str(code)
    return message, as_text(code) or number, as_text(said.get("type"))
