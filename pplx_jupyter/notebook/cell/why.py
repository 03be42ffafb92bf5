"""Why a question is a new one: what differs from the one that this cell, or this NAME, has an answer to.

Running a cell again is free only while its question stays the same, and a value that was filled
in, such as a date, changes it without a keystroke.
"""

from __future__ import annotations

import datetime
import difflib
import json
import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.fields.sentences import tidy
from pplx_jupyter.ledger import REUSABLE
from pplx_jupyter.render.words import day_time, one_line
from pplx_jupyter.request import DEFAULT_MODEL, Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.session import Session

__all__ = ["differences", "earlier_answer", "why_asked", "why_new"]

_SHORT = 60
_LOOKED_AT = 20
"""The newest answers of a cell's id that are looked at: a copied notebook's cells have the ids of the first one's."""

_MOST = 4
"""Differences that are told; of more than these the number is."""

_MOST_PIECES = 600
"""Pieces of a prompt beyond which what changed in it is not searched for."""

_ALIKE = 0.4
"""The share of the shorter prompt that the other must have for them to count as one, changed."""

_PIECE = re.compile(r"\w+|\s+|[^\w\s]")
_NOT_COMPARED = {"prompt", "messages", "webhook_url", "webhook_secret"}


def why_asked(session: Session, row: Row) -> str:
    """Say in one line what makes a question a new one, where its cell or NAME has an answer to another.

    What was answered before and is asked anew is none, and a batch's rows differ from each other by design.
    """
    ledger = session.ledger
    if row.batch or any(_is_same(other, row) for other in ledger.answered(row.fingerprint, row.base_url)):
        return ""
    earlier = earlier_answer(ledger, row)
    return "" if earlier is None else why_new(row, earlier)


def why_new(row: Row, earlier: Row) -> str:
    """Say in one line what makes a question another than an earlier one; empty where nothing differs.

    Parameters
    ----------
    row
        The question that was asked now.
    earlier
        The settled one of the same cell or NAME.
    """
    found = differences(row, earlier)
    if not found:
        return ""
    more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
    asked = day_time(datetime.datetime.fromtimestamp(earlier.created_at).astimezone())
    return f"A new question, unlike that of {asked} ({earlier.id}): {'; '.join([*found[:_MOST], *more])}."


def earlier_answer(ledger: Ledger, row: Row) -> Row | None:
    """Find the newest answer of the row's cell, or else of its NAME, in this notebook, to another question.

    A NAME alone proves little where the notebook is not known: there the prompts must be alike, too.
    """
    if row.cell:
        of_cell = ledger.jobs(states=REUSABLE, cell=row.cell, base_url=row.base_url, limit=_LOOKED_AT)
        ours = (other for other in of_cell if other.notebook == row.notebook)
        found = next((other for other in ours if _is_other(other, row)), None)
        if found is not None:
            return found
    if not row.name:
        return None
    named = (
        other
        for other in ledger.find(row.name)
        if other.name == row.name
        and other.notebook == row.notebook
        and other.base_url == row.base_url
        and other.state in REUSABLE
        and _is_other(other, row)
    )
    found = next(named, None)
    if found is None or (not row.notebook and not _is_alike(_prompt(found), _prompt(row))):
        return None
    return found


def _is_other(other: Row, row: Row) -> bool:
    """Whether a row is another question's; the answers of one question are its takes and refreshes.

    The rows of a batch share a cell, and none is what this one was before.
    """
    return not other.batch and (other.fingerprint != row.fingerprint or other.backend != row.backend)


def _is_same(other: Row, row: Row) -> bool:
    """Whether a row is another attempt at a row's question."""
    return other.id != row.id and other.backend == row.backend


def differences(row: Row, earlier: Row) -> list[str]:
    """Give what differs between two questions, each in a few words: values, options, the prompt's text."""
    values = [
        f"{{{{ {one_line(name, _SHORT)} }}}} was {_value(earlier.filled[name])}, is {_value(row.filled[name])}"
        for name in row.filled
        if name in earlier.filled and row.filled[name] != earlier.filled[name]
    ]
    before, after = (asked.get("follows") or {} for asked in (earlier.request, row.request))
    return [
        *values,
        *_thread(before, after),
        *_options(earlier.request, row.request),
        *_prompts(row, earlier),
    ]


def _thread(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    if before.get("fingerprint") != after.get("fingerprint"):
        return ["it follows another question"]
    if before.get("job") != after.get("job"):
        return [f"it follows a newer answer, {after.get('job')} in place of {before.get('job')}"]
    return []


def _options(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Compare the options, by the names of their flags."""
    found = []
    for option in Request.options():
        if option.name in _NOT_COMPARED:
            continue
        first, last = (_plain(asked.get(option.name), option.name, option.kind) for asked in (before, after))
        if first != last:
            name = option.flag.removeprefix("--") or option.name
            found.append(f"{name} {_was(first)}, {_is(last)}")
    return found


def _plain(value: Any, name: str, kind: str) -> Any:
    """Give a value as the fingerprint sees it: the order of a filter's entries does not matter."""
    if value is None:
        return {"model": DEFAULT_MODEL, "backend": "auto", "take": 1}.get(name)
    if kind == "list" and isinstance(value, list | tuple):
        return sorted(str(entry) for entry in value)
    return tidy(value) if isinstance(value, str) else value


def _was(value: Any) -> str:
    return "was not set" if value is None else f"was {_value(value)}"


def _is(value: Any) -> str:
    return "is not set" if value is None else f"is {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        value = ", ".join(value)
    elif not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return one_line(value, _SHORT) or "empty"


def _prompts(row: Row, earlier: Row) -> list[str]:
    """Compare the prompts, apart from the values that were filled in."""
    before, after = _prompt(earlier), _prompt(row)
    if before == after:
        return []
    changed = _changes(before, after)
    if changed is None:
        return [] if _masked(before, earlier) == _masked(after, row) else ["the prompt was changed"]
    own = [change for change in changed if not _is_filled(*change, row, earlier)]
    if not own:
        return []
    if not _is_alike(before, after):
        return ["the prompt is another one"]
    more = " and more" if len(own) > 1 else ""
    return [f"the prompt was changed: {_change(*own[0])}{more}"]


def _prompt(row: Row) -> str:
    messages = row.request.get("messages")
    return tidy(str(row.request.get("prompt") or "")) or (json.dumps(messages) if messages else "")


def _masked(prompt: str, row: Row) -> str:
    """Put the names of the values back into a prompt too long to be compared word by word."""
    for name, value in sorted(row.filled.items(), key=lambda item: -len(item[1])):
        prompt = prompt.replace(value, f"{{{{ {name} }}}}") if value else prompt
    return prompt


def _changes(before: str, after: str) -> list[tuple[str, str]] | None:
    """Give the places that differ, as they were and as they are; None where the prompts are too long."""
    first, last = _PIECE.findall(before), _PIECE.findall(after)
    head = _same(first, last)
    first, last = first[head:], last[head:]
    tail = _same(first[::-1], last[::-1])
    first, last = first[: len(first) - tail], last[: len(last) - tail]
    if max(len(first), len(last)) > _MOST_PIECES:
        return None
    found: list[tuple[str, str]] = []
    gap = ""
    for what, i1, i2, j1, j2 in difflib.SequenceMatcher(None, first, last, autojunk=False).get_opcodes():
        if what == "equal":
            gap = "".join(first[i1:i2])
            continue
        old, new = "".join(first[i1:i2]), "".join(last[j1:j2])
        if found and gap.isspace():
            # Words side by side are one change.
            old, new = (a + gap + b for a, b in zip(found.pop(), (old, new), strict=True))
        found.append((old, new))
    return [change for change in found if any(part.strip() for part in change)]


def _same(first: Sequence[str], last: Sequence[str]) -> int:
    """Count the pieces that two texts begin with alike."""
    return next(
        (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )


def _is_filled(old: str, new: str, row: Row, earlier: Row) -> bool:
    """Whether a place differs only because a value does."""
    return any(
        old.strip() in earlier.filled[name] and new.strip() in row.filled[name]
        for name in row.filled
        if name in earlier.filled and row.filled[name] != earlier.filled[name]
    )


def _change(old: str, new: str) -> str:
    old, new = one_line(old, _SHORT), one_line(new, _SHORT)
    if not old:
        return f"“{new}” was added"
    return f"“{old}” is now “{new}”" if new else f"“{old}” was removed"


def _is_alike(before: str, after: str) -> bool:
    """Whether two prompts are one, changed: by the runs of three characters that both have, in any script."""
    first, last = (
        {text[n : n + 3] for n in range(max(1, len(text) - 2))}
        for text in (before.casefold(), after.casefold())
    )
    return len(first & last) >= _ALIKE * min(len(first), len(last))
