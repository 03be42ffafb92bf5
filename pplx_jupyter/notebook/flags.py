"""The line behind ``%%pplx_research``: flags made from Request's fields, and a few of the cell's own."""

from __future__ import annotations

import dataclasses
import difflib
import json
import shlex
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.fields.rules import check_names
from pplx_jupyter.request import Request
from pplx_jupyter.settings import seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.fields.options import Option, SubOption

__all__ = [
    "CELL_FLAGS",
    "OPTIONS",
    "Line",
    "all_flags",
    "check_free",
    "choices_of",
    "example",
    "explain",
    "parse_line",
    "split",
]

CELL_FLAGS: Mapping[str, tuple[str, str]] = {
    "--refresh": ("switch", "Ask anew although an answer is there; that answer is kept."),
    "--after": (
        "job",
        "Ask a follow-up: the answer of this job, by NAME or id, and what it followed go before it.",
    ),
    "--max-age": ("age", "Ask anew where the answer is older, such as 30d; that answer is kept."),
    "--retry-failed": ("switch", "Buy a failed, cancelled or expired job again."),
    "--yes": (
        "switch",
        "Ask although it could pass the budget, this once; with --each ask without the plan.",
    ),
    "--dry-run": ("switch", "Show what would be sent and what it usually costs; send nothing."),
    "--frozen": ("switch", "Answer from the notebook's lockfile alone: no network, no key, no ledger."),
    "--wait": ("switch", "Block the cell until the answer is there."),
    "--no-wait": ("switch", "Return at once, in a headless run too."),
    "--timeout": ("seconds", "How long a blocking cell waits; the job goes on."),
    "--brief": ("switch", "Fold all sections of the answer but the first."),
    "--each": ("frame", "Ask once for each row of this data frame, or list of dicts; NAME gets the Batch."),
    "--at-once": ("count", "With --each: how many questions are under way at the same time, at most."),
    "--schema": (
        "shape",
        'The answer as data: "name, revenue: float, founded: int", a JSON schema, a pydantic model.',
    ),
    "--notify-me": ("switch", "Tell on the desktop when the answer is there."),
    "--no-template": ("switch", "Send {{ }} in the prompt as it stands."),
    "--interact": ("names", "Show a control for each of these {{ name }}; a click asks."),
    "--options": ("json", "Options by their full names, as JSON: what no flag can say."),
}
"""Flags of the cell that are no part of the question: their kind and what they do."""

OPTIONS = "--options"


_PLACES = {
    "frame": " NAME",
    "count": " N",
    "shape": " FIELDS",
    "job": " NAME",
    "seconds": " SECONDS",
    "age": " AGE",
    "names": " NAME,NAME",
    "json": " JSON",
}
_EXAMPLE = """Example, in a cell of its own:

    %%pplx_research prices --effort high --recency year
    How have EU wholesale electricity prices developed since 2021,
    and why do they still differ between countries?"""


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


def all_flags() -> dict[str, str]:
    """Give every flag of a research cell with its one sentence, the question's first."""
    flags: dict[str, str] = {}
    for option in Request.options():
        if option.flag:
            flags[option.flag] = option.help
        for sub in option.sub_options:
            flags[sub.flag] = sub.help
    flags.update({flag: text for flag, (_, text) in CELL_FLAGS.items()})
    return flags


def choices_of(flag: str) -> tuple[str, ...]:
    """Give the values that a flag may have, where they are few."""
    found = _option(flag)
    return found.choices if found is not None else ()


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
            name = _checked_name(word)
            continue
        flag, given, value = word.partition("=")
        if flag == OPTIONS:
            fields = {**_named(_value(flag, words, value if given else None)), **fields}
            continue
        if flag in CELL_FLAGS:
            cell[flag[2:]] = _cell_value(flag, words, value if given else None)
            continue
        found = _option(flag)
        if found is None:
            raise _unknown(flag)
        _take(found, flag, words, value if given else None, fields)
    return Line(name, fields, cell)


def _option(flag: str) -> Option | SubOption | None:
    for option in Request.options():
        if option.flag == flag:
            return option
        for sub in option.sub_options:
            if sub.flag == flag:
                return sub
    return None


def _take(
    found: Option | SubOption, flag: str, words: list[str], value: str | None, fields: dict[str, Any]
) -> None:
    if found.kind == "switch" and value is not None:
        raise _no_value(flag)
    text = "" if found.kind == "switch" else _value(flag, words, value)
    if found.kind == "list" and not text.strip(" ,"):
        raise RequestError(f"{flag} is empty: write what it is to hold, or leave it out. Nothing was sent.")
    if hasattr(found, "key"):
        outer = next(o.name for o in Request.options() if found in o.sub_options)
        fields[outer] = {**fields.get(outer, {}), found.key: found.parse(text)}
    elif found.kind == "json" and isinstance(fields.get(found.name), dict):
        fields[found.name] = {**found.parse(text), **fields[found.name]}
    else:
        fields[found.name] = found.parse(text)


def _value(flag: str, words: list[str], value: str | None) -> str:
    if value is not None:
        return value
    if not words or words[0].startswith("--"):
        allowed = choices_of(flag)
        hint = f": choose {_listed(allowed)}" if allowed else f": write {flag} and the value behind it"
        raise RequestError(f"{flag} lacks its value{hint}. Nothing was sent.")
    return words.pop(0)


def _cell_value(flag: str, words: list[str], value: str | None) -> Any:
    if CELL_FLAGS[flag][0] == "switch":
        if value is not None:
            raise _no_value(flag)
        return True
    text = _value(flag, words, value)
    if CELL_FLAGS[flag][0] in {"job", "frame", "shape"}:
        return text
    if CELL_FLAGS[flag][0] == "count":
        if not text.isdecimal():
            raise RequestError(f"{flag} {text}: write a whole number. Nothing was sent.")
        return int(text)
    if CELL_FLAGS[flag][0] == "age":
        return seconds_of(text, flag)
    if CELL_FLAGS[flag][0] == "names":
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


def _checked_name(word: str) -> str:
    import builtins
    import keyword

    near = difflib.get_close_matches("--" + word.lstrip("-–—").partition("=")[0], all_flags(), 1, 0.8)
    if near and not word.isidentifier():
        raise RequestError(
            f"“{word}” is no option: did you mean {near[0]}? Options begin with two hyphens. Nothing was sent."
        )
    if hasattr(builtins, word) or word in {"In", "Out"} or word.startswith("_"):
        raise RequestError(
            f"“{word}” is a name that Python or IPython needs: choose another. Nothing was sent."
        )

    if word.isidentifier() and not keyword.iskeyword(word):
        return word
    raise RequestError(
        f"“{word}” cannot be a variable's name: write letters, digits and _, or leave it out. Nothing was sent."
    )


def check_free(name: str, filled: Mapping[str, str], variables: Mapping[str, Any]) -> None:
    """Refuse a NAME whose variable the job must not replace.

    Parameters
    ----------
    filled
        The prompt's expressions, with what took their places.
    variables
        The notebook's.
    """
    import types

    from pplx_jupyter.notebook.prompts import uses

    if name and uses(filled, name):
        raise RequestError(
            f"“{name}” is used in the prompt, and the job would take its place: choose another NAME. Nothing was sent."
        )
    if isinstance(variables.get(name), types.ModuleType):
        raise RequestError(
            f"“{name}” is a module here, and the job would take its place: choose another NAME. Nothing was sent."
        )


def _unknown(flag: str) -> RequestError:
    fields = _by_field()
    near = (
        [fields[flag]]
        if flag in fields
        else difflib.get_close_matches(flag, all_flags(), 1)
        or [fields[name] for name in difflib.get_close_matches(flag, fields, 1)]
    )
    if not near:
        return RequestError(f"{flag} is not an option; %pplx_research lists them. Nothing was sent.")
    return RequestError(f"{flag} is not an option; did you mean {near[0]}? Nothing was sent.")


def _by_field() -> dict[str, str]:
    """Give the flag of each field spelt as a flag: people know the service's own names."""
    return {"--" + o.name.replace("_", "-"): o.flag for o in Request.options() if o.flag}


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def example() -> str:
    """Give a research cell as one writes it."""
    return _EXAMPLE


def explain() -> str:
    """Give the help of a research cell: an example, then every flag in its group."""
    from pplx_jupyter.fields.options import GROUPS

    lines = [
        "%%pplx_research [NAME] [flags]        the prompt stands in the cell's body; NAME gets the Job",
        "",
        example(),
        "",
        "{{ name }} in the body is filled from the notebook's variables. Running the cell again costs nothing.",
    ]
    for group in GROUPS:
        rows = [o for o in Request.options() if o.group == group and o.flag]
        if rows:
            lines += ["", group]
        for option in rows:
            lines += _explained(option)
    lines += ["", "This cell"]
    lines += [f"  {flag + _PLACES.get(kind, ''):<32}{text}" for flag, (kind, text) in CELL_FLAGS.items()]
    return "\n".join(lines)


def _explained(option: Option) -> list[str]:
    def row(found: Option | SubOption) -> str:
        takes = (
            "|".join(found.choices) or found.metavar or ("" if found.kind == "switch" else found.kind.upper())
        )
        head = f"  {found.flag} {takes}".rstrip()
        return f"{head:<34}{found.help}" if len(head) < 34 else f"{head}\n{'':<34}{found.help}"

    return [row(option), *(row(sub) for sub in option.sub_options)]
