"""Reading the line of a research cell: its NAME, the question's flags, the cell's own."""

from __future__ import annotations

import dataclasses
import difflib
import json
import shlex
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.fields.messages import join_words
from pplx_jupyter.fields.options import SubOption
from pplx_jupyter.fields.rules import check_names
from pplx_jupyter.notebook.flags.names import checked_name
from pplx_jupyter.notebook.flags.table import CELL_FLAGS, OPTIONS, all_flags, by_field, choices_of, option_of
from pplx_jupyter.request import Request
from pplx_jupyter.settings import seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.fields.options import Option

__all__ = ["Line", "parse_line", "split"]


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """What stood on the line.

    Attributes
    ----------
    name
        The variable that gets the Job, or an empty text.
    fields
        The Request's fields that were given.
    cell
        The cell's own flags that were given, without their dashes.
    """

    name: str
    fields: Mapping[str, Any]
    cell: Mapping[str, Any]


def split(line: str) -> list[str]:
    """Split a line as a shell does; raises RequestError for a quote that is not closed."""
    try:
        return shlex.split(line)
    except ValueError:
        raise RequestError("a quotation mark on this line is not closed. Nothing was sent.") from None


def parse_line(line: str) -> Line:
    """Read the line of a research cell.

    Raises
    ------
    RequestError
        A flag does not exist (the nearest is named), lacks its value, or has one that is wrong.
    """
    words = split(line)
    name = ""
    fields: dict[str, Any] = {}
    cell: dict[str, Any] = {}
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            if name:
                raise RequestError(
                    f"“{word}” is one word too many: the line takes one NAME, then flags; the prompt goes below. Nothing was sent."
                )
            name = checked_name(word)
            continue
        flag, given, value = word.partition("=")
        if flag == OPTIONS:
            fields = {**_named(_value(flag, words, value if given else None)), **fields}
            continue
        if flag in CELL_FLAGS:
            cell[flag[2:]] = _cell_value(flag, words, value if given else None)
            continue
        found = option_of(flag)
        if found is None:
            raise _unknown(flag)
        _take(found, flag, words, value if given else None, fields)
    return Line(name, fields, cell)


def _take(
    found: Option | SubOption, flag: str, words: list[str], value: str | None, fields: dict[str, Any]
) -> None:
    if found.kind == "switch" and value is not None:
        raise _no_value(flag)
    text = "" if found.kind == "switch" else _value(flag, words, value)
    if found.kind == "list" and not text.strip(" ,"):
        raise RequestError(f"{flag} is empty: write what it is to hold, or leave it out. Nothing was sent.")
    value = found.parse(text)
    if isinstance(found, SubOption):
        outer = next(o.name for o in Request.options() if found in o.sub_options)
        known = fields.setdefault(outer, {})
        # What is no mapping stays for the Request's check to refuse.
        if isinstance(known, dict):
            fields[outer] = {**known, found.key: value}
        return
    known = fields.get(found.name)
    # The flag of one key says more than the whole, wherever on the line it stands.
    fields[found.name] = {**value, **known} if isinstance(known, dict) and isinstance(value, dict) else value


def _value(flag: str, words: list[str], value: str | None) -> str:
    if value is not None:
        return value
    if not words or words[0].startswith("--"):
        allowed = choices_of(flag)
        hint = f": choose {join_words(allowed)}" if allowed else f": write {flag} and the value behind it"
        raise RequestError(f"{flag} lacks its value{hint}. Nothing was sent.")
    return words.pop(0)


def _cell_value(flag: str, words: list[str], value: str | None) -> Any:
    kind = CELL_FLAGS[flag][0]
    if kind == "switch":
        if value is not None:
            raise _no_value(flag)
        return True
    text = _value(flag, words, value)
    if kind in {"job", "frame", "shape"}:
        return text
    if kind == "count":
        if not text.isdecimal():
            raise RequestError(f"{flag} {text}: write a whole number. Nothing was sent.")
        return int(text)
    if kind == "age":
        return seconds_of(text, flag)
    if kind == "names":
        return _names(flag, text)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise RequestError(f"{flag} {text}: write a number of seconds above 0. Nothing was sent.")
    return seconds


def _names(flag: str, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    wrong = next((name for name in names if not name.isidentifier()), None)
    if wrong is not None or not names:
        raise RequestError(
            f"{flag} “{wrong or ''}”: write names of variables, such as {flag} topic,region. Nothing was sent."
        )
    return names


def _named(text: str) -> dict[str, Any]:
    """Read options given by the names of their fields."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or "prompt" in found:
        raise RequestError(
            f"{OPTIONS}: write a JSON object between single quotes, such as"
            """ '{"return_images": false}'; the prompt goes below. Nothing was sent."""
        )
    check_names(found, Request.options())
    return found


def _no_value(flag: str) -> RequestError:
    return RequestError(f"{flag} takes no value: write it alone, or leave it out. Nothing was sent.")


def _unknown(flag: str) -> RequestError:
    fields = by_field()
    near = (
        [fields[flag]]
        if flag in fields
        else difflib.get_close_matches(flag, all_flags(), 1)
        or [fields[name] for name in difflib.get_close_matches(flag, fields, 1)]
    )
    if not near:
        return RequestError(f"{flag} is not an option; %pplx_research lists them. Nothing was sent.")
    return RequestError(f"{flag} is not an option; did you mean {near[0]}? Nothing was sent.")
