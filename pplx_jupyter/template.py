"""A prompt's template: ``{{ name }}``, and nothing else.

Single braces, ``$`` and what else Jinja2 knows stay untouched, a value is never expanded twice, and a
name that does not exist is an error. Expressions run in Jinja2's sandbox.
"""

from __future__ import annotations

import difflib
import functools
import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.answer import Answer
from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.job import Job
from pplx_jupyter.render.words import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2 import StrictUndefined, UndefinedError
    from jinja2.sandbox import SandboxedEnvironment

__all__ = ["MAX_CELL", "MAX_COLUMNS", "MAX_ROWS", "fill", "lacking", "names_in", "uses"]

MAX_ROWS = 50
MAX_COLUMNS = 20
MAX_CELL = 200

_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}>")
_ANSWER = re.compile(r"(\w+)\.answer\b")

# Jinja2 has no switch to turn its statements and comments off; no prompt holds these.
_NEVER = ("\x00<", ">\x00")


def fill(
    template: str,
    names: Mapping[str, Any],
    own: Mapping[str, Any] | None = None,
    check: Callable[[str, Any], None] | None = None,
) -> tuple[str, dict[str, str]]:
    """Fill a prompt's ``{{ … }}`` from the notebook's variables.

    Parameters
    ----------
    template
        The cell's body.
    names
        The notebook's variables.
    own
        What comes before these, under any name: the columns of a batch's row.
    check
        Called with each expression and its value before it is written; what it raises is raised.

    Returns
    -------
    tuple
        The prompt, and each expression with the text that took its place.

    Raises
    ------
    PplxError
        A name is not defined; the message names the nearest that is.
    RequestError
        The template cannot be read, or an expression in it fails.
    """
    if "{{" not in template:
        return template, {}
    import jinja2

    own = own or {}
    filled: dict[str, str] = {}
    written: list[str] = []
    try:
        for is_expression, text in _pieces(template):
            if is_expression:
                # Each is evaluated once: it may be a call.
                _check_answered(text, names)
                value = _value(text, names, own)
                shown = _written(value)
                if check is not None:
                    check(text, value)
                filled[text] = str(shown)
            written.append(filled[text] if is_expression else text)
    except jinja2.UndefinedError as error:
        raise _undefined(error, {**_Names(names), **own}) from None
    except jinja2.TemplateSyntaxError as error:
        raise _unreadable(error) from None
    except jinja2.exceptions.SecurityError as error:
        raise RequestError(f"the prompt's template may not do that: {error}. Nothing was sent.") from None
    except PplxError:
        raise
    except Exception as error:
        # Whatever a user's own object raises while it is written into the prompt.
        raise RequestError(
            f"the prompt's template failed: {type(error).__name__}: {error}. Nothing was sent."
        ) from error
    return "".join(written), filled


def lacking(said: str) -> Any:
    """Give what stands for a value that is not there: to write it is a RequestError with these words.

    An expression may say what is meant instead: ``{{ founded | default("unknown") }}``, ``{{ founded or "unknown" }}``.
    """
    error, kind = _lacking()
    return kind(hint=said, exc=error)


def names_in(template: str) -> set[str]:
    """Give the names that a template's expressions need.

    Raises
    ------
    RequestError
        The template cannot be read.
    """
    import jinja2
    from jinja2 import meta

    found: set[str] = set()
    try:
        for is_expression, text in _pieces(template) if "{{" in template else ():
            if is_expression:
                tree = _environment().parse("{{ " + text + " }}")
                found |= meta.find_undeclared_variables(tree)
    except jinja2.TemplateSyntaxError as error:
        raise _unreadable(error) from None
    return found


def uses(filled: Mapping[str, str], name: str) -> bool:
    """Whether a prompt's expressions use a variable of this name."""
    return any(re.search(rf"(?<![\w.]){re.escape(name)}\b", expression) for expression in filled)


class _Names(dict[str, Any]):
    """The notebook's variables, without what IPython put there itself (``In``, ``Out``, ``_``)."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        super().__init__({name: value for name, value in names.items() if _is_own(name)})


def _is_own(name: str) -> bool:
    return not name.startswith("_") and name not in {"In", "Out"}


@functools.cache
def _environment() -> SandboxedEnvironment:
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(
        block_start_string=_NEVER[0] + "%",
        block_end_string="%" + _NEVER[1],
        comment_start_string=_NEVER[0] + "#",
        comment_end_string="#" + _NEVER[1],
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )


@functools.lru_cache(maxsize=8)
def _pieces(template: str) -> list[tuple[bool, str]]:
    """Split a template into text and the expressions between ``{{`` and ``}}``, as Jinja2 reads them."""
    pieces: list[tuple[bool, str]] = []
    inside: list[str] | None = None
    for _, kind, value in _environment().lex(template):
        if kind == "variable_begin":
            inside = []
        elif kind == "variable_end":
            pieces.append((True, "".join(inside or []).strip()))
            inside = None
        elif inside is None:
            pieces.append((False, value))
        else:
            inside.append(value)
    if inside is not None:
        raise RequestError(
            "the prompt's template opens {{ and never closes it. Use --no-template to send it as it stands. Nothing was sent."
        )
    return pieces


def _check_answered(expression: str, names: Mapping[str, Any]) -> None:
    """Refuse the answer of a job that has none: a question with “None” in it would be paid for."""
    found = _ANSWER.match(expression)
    job = names.get(found.group(1)) if found else None
    if isinstance(job, Job) and job.answer is None:
        raise RequestError(
            f"{job.row.label} has no answer, it is {job.status}: write {{{{ {expression.replace('.answer', '.wait()', 1)} }}}}"
            " to wait for one. Nothing was sent."
        )


def _value(expression: str, names: Mapping[str, Any], own: Mapping[str, Any]) -> Any:
    if expression.isidentifier():
        # What nearly all are: the thousand rows of a batch need no template engine for it.
        if expression in own:
            return own[expression]
        if expression in names and _is_own(expression):
            return names[expression]
    return _compiled(expression)({**_Names(names), **own})


@functools.lru_cache(maxsize=64)
def _compiled(expression: str) -> Callable[[Mapping[str, Any]], Any]:
    """Compile an expression; once, for the thousand rows of a batch."""
    from jinja2 import nodes
    from jinja2.environment import TemplateExpression

    # As Jinja2's compile_expression does, which takes no ``{{ a, b }}``.
    output: Any = _environment().parse("{{ " + expression + " }}").body[0]
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), output.nodes[0], lineno=1)]
    template = _environment().from_string(nodes.Template(body, lineno=1))
    return TemplateExpression(template, undefined_to_none=False)


@functools.cache
def _lacking() -> tuple[type[UndefinedError], type[StrictUndefined]]:
    import jinja2

    class LackingError(jinja2.UndefinedError):
        # No ValueError: the filter `int` would take that for a 0.
        pass

    class Lacking(jinja2.StrictUndefined):
        __slots__ = ()
        __repr__ = jinja2.StrictUndefined.__str__

        def __bool__(self) -> bool:  # type: ignore[override]
            # It may stand before an `or`.
            return False

    return LackingError, Lacking


def _written(value: Any) -> Any:
    """Write a value into a prompt: a data frame as a Markdown table, an answer as its text, anything else as Python writes it."""
    if hasattr(value, "iloc") and hasattr(value, "to_frame"):
        value = value.to_frame() if not hasattr(value, "columns") else value
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        return _table(value)
    if isinstance(value, Job):
        raise RequestError(
            f"{value!r} stands in the prompt: write {{{{ NAME.wait() }}}} for its answer. Nothing was sent."
        )
    if isinstance(value, Answer):
        if not value.text.strip():
            raise RequestError("an answer without any text stands in the prompt. Nothing was sent.")
        return value.text
    if isinstance(value, str):
        return str(value)
    if callable(value) or _ADDRESS.search(str(value)):
        raise RequestError(
            f"{shorten(str(value), 80)} stands in the prompt, which is another text in each kernel: write what is meant."
            " Nothing was sent."
        )
    return value


def _table(frame: Any) -> str:
    """Write a data frame as a Markdown table of at most 50 rows and 20 columns."""
    columns = list(frame.columns)[:MAX_COLUMNS]
    head = frame[columns].iloc[:MAX_ROWS]
    lines = ["| " + " | ".join(_cell(c) for c in columns) + " |", "|" + "---|" * len(columns)]
    lines += [
        "| " + " | ".join(_cell(v) for v in values) + " |"
        for values in head.itertuples(index=False, name=None)
    ]
    rows, width = frame.shape
    if rows > MAX_ROWS or width > MAX_COLUMNS:
        lines.append(f"(the first {len(head)} of {rows} rows and {len(columns)} of {width} columns)")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"


def _unreadable(error: Any) -> RequestError:
    return RequestError(
        f"the prompt's template cannot be read: {error.message}. Use --no-template to send {{{{ }}}} as it stands. Nothing was sent."
    )


def _undefined(error: Exception, names: Mapping[str, Any]) -> PplxError:
    text = str(error)
    if isinstance(error, _lacking()[0]):
        return RequestError(text)
    found = re.match(r"'(\w+)' is undefined", text)
    if not found:
        return PplxError(f"the prompt's template: {text}. Nothing was sent.")
    name = found.group(1)
    near = difflib.get_close_matches(name, list(names), 1)
    end = (
        f"; did you mean {{{{ {near[0]} }}}}?"
        if near
        else "; define it in a cell above, or use --no-template."
    )
    return PplxError(f"{{{{ {name} }}}} is not defined{end} Nothing was sent.")
