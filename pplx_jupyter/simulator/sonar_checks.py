"""The checks of a sonar submission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.simulator.checks import (
    DATE_FIELDS,
    RECENCY,
    SIZES,
    domain_problems,
    last_user_text,
    value_problems,
)
from pplx_jupyter.simulator.prices import SONAR_MODELS
from pplx_jupyter.simulator.refusals import bad_request, invalid
from pplx_jupyter.simulator.runs import Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pplx_jupyter.simulator.checks import Place, Problem

__all__ = ["sonar_order"]

# Field of a sonar request -> (kind, may be null, more). Kinds: int, float, bool, str, strs, dict, list, date, enum.
_SONAR: dict[str, tuple[str, bool, tuple[Any, ...]]] = {
    **dict.fromkeys(
        ("top_logprobs", "best_of", "updated_before_timestamp", "updated_after_timestamp", "_prompt_token_length", "top_k"),
        ("int", True, ()),
    ),
    **dict.fromkeys(("num_search_results", "num_images"), ("int", False, ())),
    **dict.fromkeys(
        (
            "stream", "cum_logprobs", "logprobs", "diverse_first_token", "parallel_tool_calls", "return_images",
            "return_related_questions", "enable_search_classifier", "disable_search", "safe_search", "use_threads",
            "_force_new_agent",
        ),
        ("bool", True, ()),
    ),
    **dict.fromkeys(("has_image_url", "_debug_pro_search"), ("bool", False, ())),
    **dict.fromkeys(
        (
            "search_tenant", "ranking_model", "country", "file_workspace_id", "thread_id", "language_preference",
            "user_original_query", "response_formatting_locale",
        ),
        ("str", True, ()),
    ),
    **dict.fromkeys(
        ("search_domain_filter", "search_language_filter", "image_format_filter", "image_domain_filter"), ("strs", True, ())
    ),
    **dict.fromkeys(("response_metadata", "search_internal_properties", "response_format"), ("dict", True, ())),
    **dict.fromkeys(("latitude", "longitude"), ("float", True, ())),
    **dict.fromkeys(("presence_penalty", "frequency_penalty"), ("float", True, (-2, 2))),
    **dict.fromkeys(DATE_FIELDS, ("date", True, ())),
    "temperature": ("float", True, (0, 2)),
    "top_p": ("float", True, (0, 1)),
    "max_tokens": ("int", True, (1, 128_000)),
    "n": ("int", True, (1, 10)),
    "tools": ("list", True, ()),
    "tool_choice": ("enum", True, ("none", "auto", "required")),
    "web_search_options": ("dict", False, ()),
    "search_mode": ("enum", True, ("web", "academic", "sec")),
    "search_recency_filter": ("enum", True, RECENCY),
    "stream_mode": ("enum", False, ("full", "concise")),
    "reasoning_effort": ("enum", True, ("minimal", "low", "medium", "high")),
}  # fmt: skip


def sonar_order(body: Any) -> Order:
    """Check a sonar submission and give its order; refuse with 422 or 400."""
    problems = list(_sonar_problems(body))
    if problems:
        raise invalid(problems)
    request: dict[str, Any] = body["request"]
    model = request["model"]
    if model not in SONAR_MODELS:
        raise bad_request(
            f"Invalid model '{model}'. Permitted models: {', '.join(SONAR_MODELS)}.", "invalid_model"
        )
    if request.get("search_recency_filter") and any(request.get(name) for name in DATE_FIELDS):
        raise bad_request("search_recency_filter cannot be used together with date filters")
    shape = request.get("response_format") or {}
    if shape.get("type") == "regex":
        raise bad_request("response_format regex: the simulator cannot write answers to a regular expression")
    return Order(
        backend="sonar",
        prompt=last_user_text(request["messages"]),
        model=model,
        effort=request.get("reasoning_effort") or "medium",
        body=request,
        idempotency_key=body.get("idempotency_key"),
        max_tokens=request.get("max_tokens"),
        schema=shape["json_schema"]["schema"] if shape.get("type") == "json_schema" else None,
        context_size=(request.get("web_search_options") or {}).get("search_context_size", "low"),
        webhook=body.get("webhook"),
    )


def _sonar_problems(body: Any) -> Iterator[Problem]:
    if not isinstance(body, dict):
        yield ("body",), "Input should be a valid dictionary", "model_attributes_type"
        return
    if not isinstance(body.get("idempotency_key"), str | None):
        yield ("body", "idempotency_key"), "Input should be a valid string", "string_type"
    if body.get("webhook") is not None:
        yield from _webhook_problems(body["webhook"])
    request = body.get("request")
    if not isinstance(request, dict):
        yield ("body", "request"), *_missing_or("dictionary", "request" in body)
        return
    place = ("body", "request")
    if not isinstance(request.get("model"), str):
        yield (*place, "model"), *_missing_or("string", "model" in request)
    yield from _message_problems(request)
    for name, (kind, nullable, more) in _SONAR.items():
        if name in request and not (nullable and request[name] is None):
            yield from value_problems((*place, name), request[name], kind, more)
    yield from domain_problems((*place, "search_domain_filter"), request.get("search_domain_filter"))
    yield from _option_problems((*place, "web_search_options"), request.get("web_search_options"))
    yield from _format_problems((*place, "response_format"), request.get("response_format"))


def _missing_or(kind: str, present: bool) -> tuple[str, str]:
    return (f"Input should be a valid {kind}", f"{kind}_type") if present else ("Field required", "missing")


def _message_problems(request: Mapping[str, Any]) -> Iterator[Problem]:
    place: Place = ("body", "request", "messages")
    messages = request.get("messages")
    if not isinstance(messages, list):
        yield place, *_missing_or("list", "messages" in request)
        return
    if not messages:
        yield place, "List should have at least 1 item after validation, not 0", "too_short"
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            yield (*place, i), "Input should be a valid dictionary", "model_attributes_type"
            continue
        yield from value_problems(
            (*place, i, "role"), message.get("role"), "enum", ("system", "user", "assistant", "tool")
        )
        if "content" not in message:
            yield (*place, i, "content"), "Field required", "missing"
        elif not isinstance(message["content"], str | list | None):
            yield (*place, i, "content"), "Input should be a valid string", "string_type"


def _option_problems(place: Place, options: Any) -> Iterator[Problem]:
    if isinstance(options, dict) and "search_context_size" in options:
        yield from value_problems(
            (*place, "search_context_size"), options["search_context_size"], "enum", SIZES
        )
    if isinstance(options, dict) and options.get("search_type") is not None:
        yield from value_problems(
            (*place, "search_type"), options["search_type"], "enum", ("fast", "pro", "auto")
        )


def _format_problems(place: Place, shape: Any) -> Iterator[Problem]:
    if not isinstance(shape, dict):
        return
    kind = shape.get("type")
    yield from value_problems((*place, "type"), kind, "enum", ("text", "json_schema", "regex"))
    inner = shape.get(kind) if kind in ("json_schema", "regex") else None
    if kind == "json_schema" and not (isinstance(inner, dict) and isinstance(inner.get("schema"), dict)):
        yield (*place, "json_schema", "schema"), "Field required", "missing"
    if kind == "regex" and not (isinstance(inner, dict) and isinstance(inner.get("regex"), str)):
        yield (*place, "regex", "regex"), "Field required", "missing"


def _webhook_problems(webhook: Any) -> Iterator[Problem]:
    place: Place = ("body", "webhook")
    if not isinstance(webhook, dict):
        yield place, "Input should be a valid dictionary", "dictionary_type"
        return
    if not str(webhook.get("url", "")).startswith(("http://", "https://")):
        yield (*place, "url"), "Input should be a valid URL", "url_parsing"
    if not isinstance(webhook.get("secret", ""), str):
        yield (*place, "secret"), "Input should be a valid string", "string_type"
