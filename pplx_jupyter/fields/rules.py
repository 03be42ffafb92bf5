"""Which check each field of a Request gets, and what fields exclude or need each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.fields import checks, dates, lists, shapes
from pplx_jupyter.fields.messages import nearest, refuse, show
from pplx_jupyter.fields.openapi_fields import check_extra

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pplx_jupyter.fields.options import Option

__all__ = ["check_field", "check_names", "check_prompt", "check_together", "meant"]

_DATES = (
    "search_after_date_filter",
    "search_before_date_filter",
    "last_updated_after_filter",
    "last_updated_before_filter",
)


def check_names(fields: Iterable[str], options: Sequence[Option]) -> None:
    """Check that these are names of fields; a misspelt one is told the right one."""
    names = [option.name for option in options]
    for name in fields:
        if name not in names:
            raise RequestError(f"{name} is not an option{meant(name, options)} Nothing was sent.", field=name)


def check_prompt(value: object) -> None:
    """Check that the prompt is text; whether it may be empty is for `check_together`."""
    if not isinstance(value, str):
        raise refuse("prompt", f": {show(value)} is not text.")
    checks.check_text("prompt", value)


def check_field(option: Option, value: Any, names: Sequence[str]) -> Any:
    """Check one value that is set; None means that it counts as not set.

    Parameters
    ----------
    names
        The names of all fields, which `Request.extra` must not hold.
    """
    name = option.name
    match option.check or option.kind:
        case "text":
            return checks.check_text(name, value)
        case "secret":
            return _check_secret(name, value)
        case "choice":
            return checks.check_choice(name, value, option.choices)
        case "effort":
            return checks.check_effort(name, value, option.choices)
        case "model":
            return checks.check_model(name, value)
        case "switch":
            return checks.check_switch(name, value)
        case "integer":
            return checks.check_integer(name, value, option.low, option.high)
        case "date":
            return dates.check_date(name, value)
        case "domain":
            return lists.check_domains(name, value, option.max_items)
        case "language":
            return lists.check_languages(name, value, option.max_items)
        case "image format":
            return lists.check_image_formats(name, value, option.max_items)
        case "url":
            return checks.check_url(name, value)
        case "messages":
            return shapes.check_messages(name, value)
        case "web_search_options":
            return shapes.check_web_search_options(name, value)
        case "response_format":
            return shapes.check_response_format(name, value)
    plain = shapes.check_object(name, value)
    return None if plain is None else check_extra(name, plain, names)


def check_together(fields: Mapping[str, Any]) -> None:
    """Check what fields exclude or need each other; `fields` has all of them, checked."""
    has_prompt = bool(fields["prompt"].strip())
    if not has_prompt and fields["messages"] is None:
        raise refuse("prompt", " is empty; write a question.")
    if has_prompt and fields["messages"] is not None:
        raise _exclusion("prompt", "messages")
    _exclude(fields, "instructions", "system_prompt")
    if any(message["role"] == "system" for message in fields["messages"] or ()):
        for name in ("system_prompt", "instructions"):
            if fields[name] is not None:
                raise _exclusion(name, "a system message in messages")
    for name in _DATES:
        _exclude(fields, "search_recency_filter", name)
    _check_order(fields, "search_after_date_filter", "search_before_date_filter")
    _check_order(fields, "last_updated_after_filter", "last_updated_before_filter")
    if fields["webhook_secret"] is not None and fields["webhook_url"] is None:
        raise refuse("webhook_secret", " needs webhook_url; set both.")


def _check_secret(name: str, value: object) -> str | None:
    # Its own check: no message may show the value.
    if not isinstance(value, str):
        raise refuse(name, ": it is not text.")
    if value.strip().startswith("<") and value.strip().endswith(">"):
        raise refuse(name, ": this is a placeholder; put your own secret in.")
    return value or None


def meant(name: str, options: Sequence[Option], others: Iterable[str] = ()) -> str:
    """Give the end of a sentence about a name that is no field's: which one is probably meant.

    Parameters
    ----------
    others
        Names that could be meant besides the fields'.
    """
    names = [*others, *(option.name for option in options)]
    flags = {option.flag.lstrip("-").replace("-", "_"): option.name for option in options if option.flag}
    near = flags.get(name) or flags.get(nearest(name, flags) or "") or nearest(name, names)
    return f"; did you mean {near}?" if near else "."


def _exclusion(name: str, other: str) -> RequestError:
    return refuse(name, f" and {other} exclude each other; remove one.")


def _exclude(fields: Mapping[str, Any], name: str, other: str) -> None:
    if fields[name] is not None and fields[other] is not None:
        raise _exclusion(name, other)


def _check_order(fields: Mapping[str, Any], after: str, before: str) -> None:
    first, last = fields[after], fields[before]
    if first and last and dates.iso_date(first) > dates.iso_date(last):
        raise refuse(after, f" {first} is later than {before} {last}; no page lies between.")
