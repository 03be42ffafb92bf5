"""The checks of an agent submission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.simulator.checks import DATE, DATE_FIELDS, RECENCY, SIZES, domain_problems, last_user_text
from pplx_jupyter.simulator.prices import EFFORTS
from pplx_jupyter.simulator.refusals import bad_request
from pplx_jupyter.simulator.runs import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["agent_order"]

_AGENT = frozenset(
    {
        "background", "effort", "input", "instructions", "language_preference", "max_output_tokens", "max_steps",
        "max_tool_calls", "metadata", "model", "models", "preset", "previous_response_id", "profile",
        "prompt_cache_key", "reasoning", "response_format", "service_tier", "skills", "step_budget_reminder", "store",
        "stream", "temperature", "text", "tool_choice", "tools", "top_p", "user",
    }
)  # fmt: skip
_AGENT_TOOLS = frozenset(
    {
        "web_search",
        "fetch_url",
        "image_search",
        "people_search",
        "finance_search",
        "function",
        "sandbox",
        "mcp",
    }
)
_EFFORT_OF_REASONING = {"none": "fast", "minimal": "fast"}


def agent_order(body: Any) -> Order:
    """Check an agent submission and give its order; refuse with 400."""
    if not isinstance(body, dict):
        raise bad_request("validation failed: the body must be a JSON object")
    _check_agent_fields(body)
    for i, tool in enumerate(body.get("tools") or ()):
        _check_tool(i, tool)
    effort = body.get("effort") or body.get("preset")
    reasoning = str((body.get("reasoning") or {}).get("effort") or "")
    depth = effort or _EFFORT_OF_REASONING.get(reasoning, reasoning) or "medium"
    shape = body.get("response_format") or {}
    return Order(
        backend="agent",
        prompt=last_user_text(body["input"]),
        model=_agent_model(body, depth),
        effort=depth,
        body=body,
        max_tokens=body.get("max_output_tokens"),
        schema=shape["json_schema"]["schema"] if shape else None,
        stored=body.get("store") is not False,
    )


def _check_agent_fields(body: Mapping[str, Any]) -> None:
    for name in body:
        if name not in _AGENT:
            raise bad_request(f'unknown field "{name}"')
    if not body.get("input") or not isinstance(body["input"], str | list):
        raise bad_request("validation failed: input is required")
    if not any(body.get(name) for name in ("model", "models", "effort", "preset", "profile")):
        raise bad_request("validation failed: one of model, models or effort is required")
    for name, types in (
        ("background", bool),
        ("store", bool),
        ("stream", bool),
        ("tools", list),
        ("instructions", str),
    ):
        if not isinstance(body.get(name), types | None):
            raise bad_request(f"validation failed: {name} has the wrong type")
    if body.get("background") and body.get("store") is False:
        raise bad_request("validation failed: background requires store to be true")
    if body.get("stream"):
        raise bad_request("stream: the simulator does not stream")
    for name, allowed in (("effort", tuple(EFFORTS)), ("preset", tuple(EFFORTS))):
        if body.get(name) is not None and body[name] not in allowed:
            raise bad_request(f"validation failed: {name} must be one of: {' '.join(allowed)}")
    for name, high in (("max_output_tokens", 10**9), ("max_steps", 100)):
        value = body.get(name)
        if value is not None and (
            not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= high
        ):
            raise bad_request(f"validation failed: {name} must be between 1 and {high}")
    _check_agent_objects(body)


def _check_agent_objects(body: Mapping[str, Any]) -> None:
    reasoning, shape = body.get("reasoning"), body.get("response_format")
    efforts = ("none", "minimal", "low", "medium", "high", "xhigh")
    if reasoning is not None and (
        not isinstance(reasoning, dict) or reasoning.get("effort", "low") not in efforts
    ):
        raise bad_request(f"validation failed: reasoning effort must be one of: {' '.join(efforts)}")
    if shape is not None:
        inner = (
            shape.get("json_schema")
            if isinstance(shape, dict) and shape.get("type") == "json_schema"
            else None
        )
        if not isinstance(inner, dict) or not isinstance(inner.get("schema"), dict):
            raise bad_request("validation failed: response_format must be of type json_schema, with a schema")


def _check_tool(i: int, tool: Any) -> None:
    if not isinstance(tool, dict) or str(tool.get("type")) not in _AGENT_TOOLS:
        raise bad_request(f"validation failed: tools[{i}]: unknown tool type")
    filters = tool.get("filters") or {}
    if not isinstance(filters, dict):
        raise bad_request(f"validation failed: tools[{i}]: filters must be an object")
    if filters.get("search_recency_filter", "day") not in RECENCY:
        allowed = " ".join(RECENCY)
        raise bad_request(f"validation failed: tools[{i}]: search recency filter must be one of: {allowed}")
    for name in DATE_FIELDS:
        if name in filters and not (isinstance(filters[name], str) and DATE.fullmatch(filters[name])):
            raise bad_request(f"validation failed: tools[{i}]: {name} must have the form MM/DD/YYYY")
    if tool.get("search_context_size", "low") not in SIZES:
        raise bad_request(
            f"validation failed: tools[{i}]: search context size must be one of: {' '.join(SIZES)}"
        )
    if list(domain_problems((), filters.get("search_domain_filter"))):
        raise bad_request(
            f"validation failed: tools[{i}]: search domain filter: at most 20, all allowed or all denied"
        )


def _agent_model(body: Mapping[str, Any], depth: str) -> str:
    models = body.get("models")
    if isinstance(models, list) and models:
        return str(models[0])
    return str(body.get("model") or f"simulated/{depth}")
