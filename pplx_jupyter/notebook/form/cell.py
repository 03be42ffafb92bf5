"""The exact research cell of a Request: the inverse of `pplx_jupyter.notebook.flags.line.parse_line`."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.flags.table import OPTIONS
from pplx_jupyter.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pplx_jupyter.fields.options import Option

__all__ = ["cell_text", "line_text"]

# Each begins a new line for str.splitlines, and so for IPython; JSON leaves those from DEL on as they are.
_BREAKS = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_DOCTEST = re.compile(r"^(\s*)>>>")
# IPython takes such a second line of a cell for pasted input, and strips the whole cell of its prompts.
_PASTED = re.compile(r"\s*(?:\.\.\.|In )")
_RAW_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029]")


def cell_text(request: Request, name: str = "", *, template: bool = False) -> str:
    """Write the cell that asks this question.

    Parameters
    ----------
    name
        The variable that gets the Job.
    template
        The prompt is a template: its ``{{ name }}`` are filled when the cell runs. Else what looks
        like one is sent as it stands, by ``--no-template``.

    Returns
    -------
    str
        The cell. A webhook's secret is in it only as the name of a variable.

    Raises
    ------
    RequestError
        The question is a conversation (`messages`), which no cell can hold.
    """
    if request.messages is not None:
        raise RequestError(
            "a conversation has no cell: ask it in Python, with research(messages=…). Nothing was sent.",
            field="messages",
        )
    literal, body = _body(request.prompt.strip("\n"), template=template)
    after = f"--after {request.follows['job']}" if request.follows is not None else ""
    words = ["%%pplx_research", name, line_text(request), after, literal]
    return " ".join(word for word in words if word) + "\n" + body


def _body(prompt: str, *, template: bool) -> tuple[str, str]:
    """Give the flag that a prompt needs, or an empty text, and the prompt so that IPython leaves it whole."""
    lines = prompt.splitlines(keepends=True)
    literal = "" if template or "{{" not in prompt else "--no-template"
    if any(_DOCTEST.match(line) for line in lines):
        # IPython strips every line of such a cell of its prompt, except where a template writes it.
        whole = lines if template else [line.replace("{{", '{{ "{{" }}') for line in lines]
        literal, prompt = "", "".join(_DOCTEST.sub(r'\1{{ ">>>" }}', line) for line in whole)
    return literal, ("\n" if _PASTED.match(prompt) else "") + prompt


def line_text(request: Request) -> str:
    """Write the flags of a question, without its prompt; see `cell_text`."""
    given = request.to_json()
    if request.webhook_secret and request.webhook_secret.startswith("$"):
        given["webhook_secret"] = request.webhook_secret
    words: list[str] = []
    rest: dict[str, Any] = {}
    for option in Request.options():
        if option.name == "prompt" or option.name not in given:
            continue
        value = given[option.name]
        found = list(_sub_flags(option, value)) if option.sub_options else []
        value = _without(value, [key for key, _, _ in found]) if found else value
        words += [_word(flag, text) for _, flag, text in found]
        if found and not value:
            continue
        text = _text(option, value)
        if text is None:
            rest[option.name] = value
        else:
            words.append(_word(option.flag, text))
    if rest:
        words.append(_word(OPTIONS, _json(rest)))
    return " ".join(words)


def _text(option: Option, value: Any) -> str | None:
    """Give what stands behind the flag; None where this value cannot stand on a line."""
    if not option.flag or value is False:
        return None
    text = _json(value) if option.kind == "json" else option.unparse(value)
    if _BREAKS.search(text):
        return None
    read = option.parse(text)
    return text if (list(read) if isinstance(read, tuple) else read) == value else None


def _sub_flags(option: Option, value: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Give the keys of a mapping that have flags of their own, with the flag and its text."""
    for sub in option.sub_options:
        if sub.key not in value:
            continue
        held = value[sub.key]
        text = sub.unparse(held)
        if sub.parse(text) == held and not _BREAKS.search(text):
            yield sub.key, sub.flag, text


def _without(value: Mapping[str, Any], keys: list[str]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in keys}


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _RAW_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _word(flag: str, text: str) -> str:
    if not text:
        return flag
    # What begins with two hyphens would be read as the next flag.
    return f"{flag}={shlex.quote(text)}" if text.startswith("--") else f"{flag} {shlex.quote(text)}"
