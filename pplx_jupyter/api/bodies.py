"""The bodies of both APIs' submits, made from a Request, and which of the two it needs.

Only what is set is written, and only what the chosen API knows: the agent API answers
400 to a field it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pplx_jupyter.fields.messages import join_words, refuse
from pplx_jupyter.fields.shapes import message_text
from pplx_jupyter.request import DEFAULT_MODEL, tidy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplx_jupyter.request import Option, Request

__all__ = ["agent_body", "agent_gaps", "agent_messages", "agent_only", "first_choice", "sonar_body"]

# A deep research is the agent API's level "high", by the service's own migration guide.
_DEFAULT_EFFORT = "high"
_AGENT_SEARCH_KEYS = ("search_context_size", "user_location")
_AGENT_PARTS = ("text", "image_url")


def sonar_body(request: Request, webhook_secret: str | None = None) -> dict[str, Any]:
    """Make the body of ``POST /async/chat/completions``, without its idempotency key.

    Parameters
    ----------
    webhook_secret
        What the service is to sign its call with. The Request's own secret is not read,
        so that a body can be shown.
    """
    fields = request.to_json()
    inner: dict[str, Any] = {"model": request.resolved_model, "messages": _sonar_messages(request)}
    for option in request.options():
        wire = option.sonar
        if option.name in fields and wire not in (None, "model", "messages") and "." not in wire:
            inner[wire] = fields[option.name]
    inner.update(fields.get("extra", {}))
    body: dict[str, Any] = {"request": inner}
    if request.webhook_url is not None:
        body["webhook"] = {"url": request.webhook_url}
        if webhook_secret is not None:
            body["webhook"]["secret"] = webhook_secret
    return body


def agent_body(request: Request) -> dict[str, Any]:
    """Make the body of ``POST /v1/responses`` for a background run.

    Fields without an equivalent are left out; ask `agent_gaps` for them first.
    """
    fields = request.to_json()
    body: dict[str, Any] = {"input": _agent_input(request), "background": True, "store": True}
    instructions = _agent_instructions(request)
    if instructions:
        body["instructions"] = instructions
    if _is_agent_model(request.model):
        body["model"] = request.model
    elif request.effort is None:
        body["effort"] = _DEFAULT_EFFORT
    tool: dict[str, Any] = {}
    for option in request.options():
        path = option.agent
        if option.name not in fields or path in (None, "input", "instructions", "model", "tools"):
            continue
        if path == "response_format":
            _put_format(body, fields[option.name])
        elif path.startswith("tools."):
            _put(tool, path.removeprefix("tools."), fields[option.name])
        else:
            _put(body, path, fields[option.name])
    options = fields.get("web_search_options", {})
    tool.update({key: options[key] for key in _AGENT_SEARCH_KEYS if key in options})
    # A level of effort brings its tools along; a bare model would answer from memory.
    if tool or "effort" not in body:
        body["tools"] = [{"type": "web_search", **tool}]
    return body


def agent_gaps(request: Request) -> tuple[str, ...]:
    """Name the set fields without an equivalent in the agent API.

    Keys of a mapping are named with a dot: ``extra.stop``, ``web_search_options.search_type``.
    A switch that is off and the plain web search ask for nothing that the agent lacks.
    """
    fields = request.to_json()
    gaps: list[str] = []
    for option in request.options():
        if option.name in fields:
            gaps.extend(_gaps_of(option, fields[option.name], request))
    return tuple(gaps)


def agent_only(request: Request) -> tuple[str, ...]:
    """Name the set fields that only the agent API has; a model with ``/`` is its own, too."""
    names = [
        option.name
        for option in request.options()
        if option.agent is not None and option.sonar is None and getattr(request, option.name) is not None
    ]
    return (*(("model",) if _is_agent_model(request.model) else ()), *names)


def first_choice(request: Request) -> str:
    """Say which API a question goes to first: ``"sonar"`` or ``"agent"``.

    A pinned backend wins; fields that only the agent API has go there; all else is
    asked of sonar first.

    Raises
    ------
    RequestError
        Where a pinned backend lacks a field, or where no API has all of the fields.
    """
    gaps, own = agent_gaps(request), agent_only(request)
    if request.backend == "agent" and gaps:
        raise refuse(gaps[0], _lacks(gaps, "agent"))
    if request.backend == "sonar" and own:
        raise refuse(own[0], _lacks(own, "sonar"))
    if request.backend in ("sonar", "agent"):
        return request.backend
    if gaps and own:
        raise refuse(
            own[0],
            f"{_rest(own)} {_is(own)} for the agent API alone, {join_words(gaps, 'and')} for the sonar API alone; "
            "remove one side.",
        )
    return "agent" if own else "sonar"


def _lacks(names: tuple[str, ...], backend: str) -> str:
    other = "agent" if backend == "sonar" else "sonar"
    return (
        f"{_rest(names)} {_is(names)} not in the {backend} API; "
        f"remove {'it' if len(names) == 1 else 'them'} or set backend to auto or {other}."
    )


def _rest(names: tuple[str, ...]) -> str:
    """Continue a message that starts with the first name."""
    return join_words(names, "and").removeprefix(names[0])


def _is(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


def _is_agent_model(model: str | None) -> bool:
    return model is not None and "/" in model


def _gaps_of(option: Option, value: Any, request: Request) -> list[str]:
    """Name what of one set field the agent API lacks."""
    name = option.name
    match name:
        case "model":
            return [] if _is_agent_model(value) or value == DEFAULT_MODEL else [name]
        case "search_mode":
            return [] if value == "web" else [name]
        case "response_format":
            return [name] if value["type"] == "regex" else []
        case "messages":
            return [] if all(map(_fits_agent, request.messages or ())) else [name]
        case "web_search_options":
            return [
                f"{name}.{key}"
                for key, item in value.items()
                if key not in _AGENT_SEARCH_KEYS and item is not False
            ]
        case "extra":
            return [f"{name}.{key}" for key in value if not (key == "stream" and value[key] is False)]
        case "backend" | "take":
            return []
    return [name] if option.agent is None and value is not False else []


def _fits_agent(message: Mapping[str, Any]) -> bool:
    if message["role"] == "tool" or not {"role", "content"}.issuperset(message):
        return False
    content = message["content"]
    return isinstance(content, str) or all(part["type"] in _AGENT_PARTS for part in content or ())


def _sonar_messages(request: Request) -> list[dict[str, Any]]:
    messages = [dict(message) for message in request.messages or ()]
    if not messages:
        messages = [{"role": "user", "content": tidy(request.prompt)}]
    if request.system_prompt is not None:
        messages.insert(0, {"role": "system", "content": tidy(request.system_prompt)})
    return messages


def _agent_input(request: Request) -> str | list[dict[str, Any]]:
    if not request.messages:
        return tidy(request.prompt)
    return agent_messages(request.messages)


def agent_messages(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give a conversation as the agent API's items; a system message is its `instructions` instead."""
    return [
        {"type": "message", "role": message["role"], "content": _agent_content(message["content"])}
        for message in messages
        if message["role"] != "system"
    ]


def _agent_content(content: Any) -> Any:
    if not isinstance(content, list):
        return content or ""
    parts: list[dict[str, Any]] = []
    for part in content:
        if part["type"] == "text":
            parts.append({"type": "input_text", "text": part["text"]})
        elif part["type"] == "image_url":
            image = part["image_url"]
            parts.append(
                {"type": "input_image", "image_url": image["url"] if isinstance(image, Mapping) else image}
            )
    return parts


def _agent_instructions(request: Request) -> str:
    given = request.instructions or request.system_prompt
    if given is not None:
        return tidy(given)
    return "\n\n".join(message_text(each) for each in request.messages or () if each["role"] == "system")


def _put(target: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value


def _put_format(body: dict[str, Any], form: dict[str, Any]) -> None:
    """Write a JSON schema; text is what the agent API answers in anyway, and it needs a name."""
    if form["type"] == "json_schema":
        schema = {key: item for key, item in form["json_schema"].items() if item is not None}
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "schema"} | schema}
