"""Tab: flags and their values on the line of a research cell, verbs and jobs behind ``%pplx``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.completer import SimpleCompletion, context_matcher

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult

__all__ = ["complete_flags"]


@context_matcher(identifier="pplx_jupyter")  # type: ignore[untyped-decorator]
def complete_flags(context: CompletionContext) -> SimpleMatcherResult:
    """Complete on the first line of ``%%pplx_research``, and on any line that begins with ``%pplx``."""
    line = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
    token = "" if line.endswith(" ") else line.rpartition(" ")[2]
    words = line[: len(line) - len(token)].split()
    found: list[str] = []
    if context.cursor_line == 0 and words[:1] == ["%%pplx_research"]:
        found = _of_research(token, words)
    elif words[:1] == ["%pplx"]:
        found = _of_verbs(words[1:])
    matching = [text for text in found if text.startswith(token)]
    completions = [SimpleCompletion(_rest(text, token, context.token), type="param") for text in matching]
    return {"completions": completions, "suppress": bool(completions)}


def _of_research(token: str, words: list[str]) -> list[str]:
    from pplx_jupyter.notebook.flags.table import all_flags, choices_of

    flag, given, _ = token.partition("=")
    at = flag if given else words[-1]
    values = _jobs() if at == "--after" else choices_of(at)
    if given:
        return [f"{flag}={value}" for value in values]
    return list(values) or sorted(all_flags())


def _of_verbs(words: list[str]) -> list[str]:
    from pplx_jupyter.notebook.flags.verbs import USAGES, takes_job

    if not words:
        return sorted(USAGES)
    return _jobs() if len(words) == 1 and takes_job(words[0]) else []


def _jobs() -> list[str]:
    from pplx_jupyter.errors import PplxError
    from pplx_jupyter.session import current_session

    try:
        rows = current_session().ledger.jobs(limit=30)
    except PplxError:
        # Tab says nothing about a ledger that cannot be read; the command itself will.
        return []
    return list(dict.fromkeys([*(row.name for row in rows if row.name), *(row.id for row in rows)]))


def _rest(text: str, token: str, replaced: str) -> str:
    """Give what takes the place of what IPython replaces, which may be only the end of our token (behind ``-`` or ``=``)."""
    return text[len(token) - len(replaced) :] if token.endswith(replaced) else text
