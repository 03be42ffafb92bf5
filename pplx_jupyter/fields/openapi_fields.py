"""The fields of the sonar API's request that `Request` has no name of its own for.

Made from the service's OpenAPI document (``ApiChatCompletionsRequest``); they are
given in `Request.extra`.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pplx_jupyter.fields.messages import join_words, nearest, refuse, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["EXTRA_FIELDS", "ExtraField", "check_extra"]


@dataclasses.dataclass(frozen=True, slots=True)
class ExtraField:
    """What one field takes.

    Attributes
    ----------
    kinds
        Of ``boolean``, ``integer``, ``number``, ``string``, ``object``, and
        ``array of integer``, ``array of string``, ``array of object``.
    choices
        The strings that are taken; empty for any.
    low, high
        The least and the largest number; None is open.
    """

    kinds: tuple[str, ...]
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None


_BOOLEAN = ExtraField(("boolean",))
_INTEGER = ExtraField(("integer",))
_NUMBER = ExtraField(("number",))
_STRING = ExtraField(("string",))
_OBJECT = ExtraField(("object",))

EXTRA_FIELDS: Mapping[str, ExtraField] = MappingProxyType(
    {
        "n": ExtraField(("integer",), low=1, high=10),
        "stream": _BOOLEAN,
        "stop": ExtraField(("string", "array of string")),
        "cum_logprobs": _BOOLEAN,
        "logprobs": _BOOLEAN,
        "top_logprobs": _INTEGER,
        "best_of": _INTEGER,
        "response_metadata": _OBJECT,
        "diverse_first_token": _BOOLEAN,
        "_inputs": ExtraField(("array of integer",)),
        "_prompt_token_length": _INTEGER,
        "tools": ExtraField(("array of object",)),
        "tool_choice": ExtraField(("string",), choices=("none", "auto", "required")),
        "parallel_tool_calls": _BOOLEAN,
        "num_images": _INTEGER,
        "search_tenant": _STRING,
        "ranking_model": _STRING,
        "latitude": _NUMBER,
        "longitude": _NUMBER,
        "country": _STRING,
        "safe_search": _BOOLEAN,
        "file_workspace_id": _STRING,
        "updated_before_timestamp": _INTEGER,
        "updated_after_timestamp": _INTEGER,
        "search_internal_properties": _OBJECT,
        "use_threads": _BOOLEAN,
        "thread_id": _STRING,
        "stream_mode": ExtraField(("string",), choices=("full", "concise")),
        "_debug_pro_search": _BOOLEAN,
        "has_image_url": _BOOLEAN,
        "user_original_query": _STRING,
        "_force_new_agent": _BOOLEAN,
    }
)


def check_extra(field: str, value: dict[str, Any], typed: Iterable[str]) -> dict[str, Any] | None:
    """Check the keys and values of `extra`; a value None counts as not set.

    Parameters
    ----------
    typed
        The names that `Request` takes itself; they are refused here.
    """
    typed = tuple(typed)
    for key, item in value.items():
        if key in typed:
            raise refuse(field, f": {show(key)} is an option of its own; write {key}=… instead.")
        if key not in EXTRA_FIELDS:
            near = nearest(key, (*EXTRA_FIELDS, *typed))
            hint = (
                f"; did you mean {near}?" if near else "; the service’s API reference lists those that are."
            )
            raise refuse(field, f": {show(key)} is not a field of the service{hint}")
        if item is not None:
            _check_value(field, key, item)
    if value.get("stream"):
        raise refuse(field, ": stream cannot be true; a background job does not stream.")
    return {key: item for key, item in value.items() if item is not None} or None


def _check_value(field: str, key: str, item: Any) -> None:
    shape = EXTRA_FIELDS[key]
    if not any(_is(kind, item) for kind in shape.kinds):
        raise refuse(field, f": {key} {show(item)} is not {join_words(map(_article, shape.kinds))}.")
    if shape.choices and item not in shape.choices:
        near = nearest(item, shape.choices)
        hint = f"; did you mean {near}?" if near else "."
        raise refuse(field, f": {key} {show(item)}: choose {join_words(shape.choices)}{hint}")
    if (shape.low is not None and item < shape.low) or (shape.high is not None and item > shape.high):
        raise refuse(field, f": {key} {item}: write a whole number from {shape.low} to {shape.high}.")
    if key == "tools":
        for tool in item:
            _check_tool(field, tool)


def _is(kind: str, item: Any) -> bool:
    if kind.startswith("array of "):
        return isinstance(item, list) and all(_is(kind.removeprefix("array of "), entry) for entry in item)
    if isinstance(item, bool):
        return kind == "boolean"
    types: dict[str, type | tuple[type, ...]] = {
        "boolean": bool,
        "integer": int,
        "number": (int, float),
        "string": str,
        "object": dict,
    }
    return isinstance(item, types[kind])


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aio' else 'a'} {kind}"


def _check_tool(field: str, tool: dict[str, Any]) -> None:
    function = tool.get("function")
    parameters = function.get("parameters") if isinstance(function, dict) else None
    if (
        tool.get("type") != "function"
        or not isinstance(function, dict)
        or not all(isinstance(function.get(key), str) for key in ("name", "description"))
        or not isinstance(parameters, dict)
        or not isinstance(parameters.get("type"), str)
        or not isinstance(parameters.get("properties"), dict)
    ):
        raise refuse(
            field,
            ': each of the tools is {"type": "function", "function": {"name", "description", "parameters": '
            '{"type", "properties"}}}.',
        )
