"""The first line of an answer: what it is, what it cost, how old it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import as_markdown, as_plain, clean, pieces, receipts
from pplx_jupyter.render.style import MUTED, SMALL, wrap
from pplx_jupyter.render.words import keep

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer
    from pplx_jupyter.receipt import Receipt

__all__ = ["state_forms", "state_parts"]


def state_parts(answer: Answer, receipt: Receipt | None, *, usual: str = "") -> dict[str, str]:
    """Give the first line of an answer in its three forms, the HTML without our root element."""
    state = receipts.state(answer, receipt, usual=usual)
    html = (
        f'<p class="pplx-s" {SMALL}><span class="pplx-g {state.tone}">{state.glyph}</span> '
        f'<b>{clean.text(state.word)}</b> <span class="pplx-m">{clean.text(keep(state.rest))}</span></p>'
    )
    markdown = (
        f"**{as_markdown.escape(state.word)}**{':' if state.colon else ''} {as_markdown.escape(state.rest)}"
    )
    plain = as_plain.wrap(f"{state.word}{':' if state.colon else ''} {state.rest}".strip())
    if state.second:
        html += f"<p {MUTED}>{pieces.html(state.second)}</p>"
        markdown += f"\n\n{pieces.markdown(state.second)}"
        plain += f"\n{as_plain.wrap(pieces.plain_text(state.second))}"
    return pieces.forms(html, markdown.strip(), plain)


def state_forms(answer: Answer, receipt: Receipt | None, *, usual: str = "") -> dict[str, str]:
    """Give the first line of an answer alone: what it is, what it cost, how old it is.

    Parameters
    ----------
    usual
        What such a question usually costs and takes, for the line that says how to ask anew.

    Returns
    -------
    dict
        The three forms by MIME type: ``text/html``, ``text/markdown``, ``text/plain``.
    """
    parts = state_parts(answer, receipt, usual=usual)
    return {**parts, "text/html": wrap(parts["text/html"])}
