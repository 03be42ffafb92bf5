"""A body that this version does not understand, shown as it came: it was paid for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pplx_jupyter.render import as_markdown, clean, notes, pieces, receipts
from pplx_jupyter.render.state import state_parts
from pplx_jupyter.render.style import wrap
from pplx_jupyter.render.web_page import fold
from pplx_jupyter.render.words import count, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.receipt import Receipt

__all__ = ["raw_forms"]

_FOLD_LINES = 200
_MOST = 200_000


def raw_forms(
    answer: Answer, receipt: Receipt | None = None, *, state_line: bool = True, usual: str = ""
) -> dict[str, str]:
    """Give the body of an answer as pretty-printed JSON, in the three forms.

    Over 200 lines it is folded in HTML and cut in the other forms, over 200,000 characters cut in
    all; the note says where the whole is.
    """
    text = _pretty(answer.raw if answer.raw is not None else answer.text)
    found = [notes.not_understood(answer, receipt)]
    if answer.simulated or (receipt is not None and receipt.simulated):
        found.insert(0, notes.simulated())
    state = state_parts(answer, receipt, usual=usual) if state_line else pieces.forms("", "", "")
    handle = receipts.handle(receipt)
    where = f"{handle}.raw" if handle else ""
    parts = [pieces.note_parts(note) for note in found]
    return pieces.forms(
        wrap(state["text/html"] + "".join(part["text/html"] for part in parts) + _html(text, where)),
        _joined(state, parts, "text/markdown", as_markdown.fence(_short(text, where), "json")),
        _joined(state, parts, "text/plain", _short(text, where)),
    )


def _joined(state: dict[str, str], parts: Sequence[dict[str, str]], form: str, last: str) -> str:
    return "\n\n".join(filter(None, [state[form], *(part[form] for part in parts), last]))


def _pretty(raw: object) -> str:
    try:
        text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, indent=2, default=str)
    except (TypeError, ValueError, RecursionError):
        # Keys that are no strings, or an object that holds itself.
        text = repr(raw)
    return plain(text)


def _html(text: str, where: str) -> str:
    lines = text.count("\n") + 1
    more = (
        f"\n… {len(text) - _MOST:,} more characters{f' in {where}' if where else ''}"
        if len(text) > _MOST
        else ""
    )
    shown = f"<pre><code>{clean.code(text[:_MOST] + more)}</code></pre>"
    return fold(f"The body ({count(lines, 'line')})", shown) if lines > _FOLD_LINES else shown


def _short(text: str, where: str) -> str:
    lines = text[:_MOST].split("\n")
    total = text.count("\n") + 1
    shown = "\n".join(lines[:_FOLD_LINES])
    kept = f" in {where}" if where else ""
    if total > _FOLD_LINES:
        return f"{shown}\n… {total - _FOLD_LINES:,} more lines{kept}"
    return f"{shown}\n… {len(text) - _MOST:,} more characters{kept}" if len(text) > _MOST else shown
