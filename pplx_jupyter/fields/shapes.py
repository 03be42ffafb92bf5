"""Checks of the fields of a Request that are structures: messages, search options, the answer's form.

The shapes are those of the service's OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pplx_jupyter.fields.checks import check_choice, check_plain
from pplx_jupyter.fields.messages import join_words, nearest, refuse, show

__all__ = [
    "CONTEXT_SIZES",
    "PART_KEYS",
    "ROLES",
    "SEARCH_TYPES",
    "check_messages",
    "check_object",
    "check_response_format",
    "check_web_search_options",
    "message_text",
]

ROLES = ("system", "user", "assistant", "tool")
PART_KEYS = {
    "text": "text",
    "image_url": "image_url",
    "file_url": "file_url",
    "pdf_url": "pdf_url",
    "video_url": "video_url",
}
CONTEXT_SIZES = ("low", "medium", "high")
SEARCH_TYPES = ("fast", "pro", "auto")
_MESSAGE_KEYS = ("role", "content", "reasoning_steps", "tool_calls", "tool_call_id")
_SEARCH_KEYS = (
    "search_context_size",
    "search_type",
    "user_location",
    "image_results_enhanced_relevance",
)
_PLACE_KEYS = ("latitude", "longitude", "country", "city", "region")
_FORMATS = ("text", "json_schema", "regex")


def check_object(field: str, value: object) -> dict[str, Any] | None:
    """Check a JSON object and copy it; an empty one counts as not set."""
    if not isinstance(value, Mapping):
        raise refuse(field, f": {show(value)} is not a mapping.")
    plain: dict[str, Any] = check_plain(field, value)
    return plain or None


def check_messages(field: str, value: object) -> tuple[dict[str, Any], ...] | None:
    """Check a conversation: roles and contents as the service takes them, a user's message at the end."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise refuse(field, f': {show(value)} is not a list of {{"role", "content"}}.')
    messages = tuple(check_plain(field, item) for item in value)
    if not messages:
        return None
    for place, message in enumerate(messages, 1):
        _check_message(field, place, message)
    last = messages[-1]
    if last["role"] != "user":
        raise refuse(field, f": the last one is of the {last['role']}; it must be the user's question.")
    if not message_text(last).strip() and not _has_attachment(last):
        raise refuse(field, ": the last one is empty; write a question.")
    return messages


def message_text(message: Mapping[str, Any]) -> str:
    """Give the text of a checked message, its parts joined by a blank line."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content or ()
    return "\n\n".join(part["text"] for part in parts if part.get("type") == "text")


def check_response_format(field: str, value: object) -> dict[str, Any] | None:
    """Check the form of the answer: text, a JSON schema or a regular expression."""
    form = check_object(field, value)
    if form is None:
        return None
    kind = form.get("type")
    if not check_choice(field, kind if kind is not None else "none", _FORMATS):
        raise refuse(field, f": give its type; choose {join_words(_FORMATS)}.")
    if kind == "text":
        _only(field, form, ("type",))
    else:
        _check_inner_format(field, form, str(kind))
    return form


def check_web_search_options(field: str, value: object) -> dict[str, Any] | None:
    """Check the options of the search; keys that are None count as not set."""
    options = check_object(field, value)
    if options is None:
        return None
    options = {key: item for key, item in options.items() if item is not None}
    _only(field, options, _SEARCH_KEYS)
    for key, choices in (("search_context_size", CONTEXT_SIZES), ("search_type", SEARCH_TYPES)):
        if key in options and options[key] not in choices:
            near = nearest(options[key], choices)
            hint = f"; did you mean {near}?" if near else "."
            raise refuse(field, f": {key} {show(options[key])}: choose {join_words(choices)}{hint}")
    relevance = options.get("image_results_enhanced_relevance")
    if relevance is not None and not isinstance(relevance, bool):
        raise refuse(field, f": image_results_enhanced_relevance {show(relevance)}: choose True or False.")
    if "user_location" in options:
        options["user_location"] = _check_place(field, options["user_location"])
        if not options["user_location"]:
            del options["user_location"]
    return options or None


def _check_message(field: str, place: int, message: Any) -> None:
    if not isinstance(message, dict):
        raise refuse(field, f': message {place} is {show(message)}; write {{"role": …, "content": …}}.')
    where = f": message {place}"
    unknown = next((key for key in message if key not in _MESSAGE_KEYS), None)
    if unknown is not None:
        raise refuse(field, f"{where} has the key {show(unknown)}; choose {join_words(_MESSAGE_KEYS)}.")
    role = message.get("role")
    if role not in ROLES:
        near = nearest(role, ROLES)
        hint = f"; did you mean {near}?" if near else "."
        raise refuse(field, f"{where} has the role {show(role)}; choose {join_words(ROLES)}{hint}")
    content = message.get("content")
    if content is None and role == "assistant" and message.get("tool_calls"):
        message["content"] = None
    elif isinstance(content, list):
        for part in content:
            _check_part(field, where, part)
    elif not isinstance(content, str):
        raise refuse(field, f"{where} has the content {show(content)}; write text or a list of parts.")


def _check_part(field: str, where: str, part: Any) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in PART_KEYS:
        raise refuse(field, f"{where} has the part {show(part)}; its type is one of {join_words(PART_KEYS)}.")
    body = part.get(PART_KEYS[kind])
    address = body.get("url") if isinstance(body, dict) and kind != "text" else body
    if not isinstance(address, str) or not address.strip():
        raise refuse(field, f"{where} has a part of type {kind} without its {PART_KEYS[kind]}.")


def _has_attachment(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(part.get("type") != "text" for part in content)


def _check_inner_format(field: str, form: dict[str, Any], kind: str) -> None:
    _only(field, form, ("type", kind))
    inner = form.get(kind)
    needed, of_type, example = (
        ("schema", dict, '{"type": "json_schema", "json_schema": {"schema": {…}}}')
        if kind == "json_schema"
        else ("regex", str, '{"type": "regex", "regex": {"regex": "…"}}')
    )
    if not isinstance(inner, dict) or not inner.get(needed) or not isinstance(inner[needed], of_type):
        raise refuse(field, f": write it as {example}.")
    _only(field, inner, (needed, "name", "description", "strict"))
    for key, key_type in (("name", str), ("description", str), ("strict", bool)):
        if inner.get(key) is not None and not isinstance(inner[key], key_type):
            wanted = "True or False" if key_type is bool else "text"
            raise refuse(field, f": {key} {show(inner[key])}: write {wanted}.")


def _check_place(field: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise refuse(field, f': user_location {show(given)}: write it as {{"country": "DE"}}.')
    place: dict[str, Any] = {key: item for key, item in given.items() if item is not None}
    _only(field, place, _PLACE_KEYS, "user_location ")
    for key, limit in (("latitude", 90), ("longitude", 180)):
        number = place.get(key)
        if number is not None and (
            isinstance(number, bool) or not isinstance(number, (int, float)) or abs(number) > limit
        ):
            raise refuse(
                field, f": user_location {key} {show(number)}: write a number from -{limit} to {limit}."
            )
    if ("latitude" in place) != ("longitude" in place):
        raise refuse(field, ": user_location needs latitude and longitude together.")
    for key in ("country", "city", "region"):
        if key in place and (not isinstance(place[key], str) or not place[key].strip()):
            raise refuse(field, f": user_location {key} {show(place[key])}: write text.")
    if "country" in place:
        place["country"] = _check_country(field, place["country"])
    return place


def _check_country(field: str, country: str) -> str:
    code = country.strip().upper()
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        raise refuse(
            field, f": user_location country {show(country)}: write the two letters, such as DE or US."
        )
    return code


def _only(field: str, mapping: Mapping[str, Any], allowed: Iterable[str], where: str = "") -> None:
    allowed = tuple(allowed)
    for key in mapping:
        if key not in allowed:
            near = nearest(key, allowed)
            hint = f"; did you mean {near}?" if near else f"; choose {join_words(allowed)}."
            raise refuse(field, f": {where}{show(key)} is not known{hint}")
