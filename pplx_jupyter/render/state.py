"""The forms that need no Markdown: the first line of an answer, and what stands below a running job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import as_markdown, as_plain, clean, pieces, receipts
from pplx_jupyter.render.style import SMALL, wrap
from pplx_jupyter.render.words import day_time, keep

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer, Receipt

__all__ = ["hint_forms", "state_forms", "state_parts"]

_MUTED = f'class="pplx-m" {SMALL}'


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
        html += f"<p {_MUTED}>{pieces.html(state.second)}</p>"
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


def hint_forms(receipt: Receipt, *, usual: str = "") -> dict[str, str]:
    """Give the static line that stands below the panel of a job under way.

    It is all that is left where the page is closed before the answer came, so it promises nothing
    that is only true now.
    """
    name, job = receipt.name, receipt.job_id
    label: pieces.Sentence = ("Job ", pieces.Code(name), f" ({job})") if name else (f"Job {job}",)
    asked = f", asked {day_time(receipt.asked_at, seconds=True)}" if receipt.asked_at else ""
    what = receipts.model(None, receipt)
    about = ", ".join(
        filter(None, [what, f"usually {usual}" if usual else "", "simulated" if receipt.simulated else ""])
    )
    again = "If nothing moves above, run this cell again: it follows the same job and buys nothing."
    line = (*label, f"{asked}, is under way{f': {about}' if about else ''}.")
    short = (*label, f"{asked}{', simulated' if receipt.simulated else ''}. ", again)
    plain = (
        f"{receipts.named(receipt)}{asked}{f': {about}' if about else ''}. Under way when this was written."
    )
    return pieces.forms(
        wrap(f"<p {_MUTED}>{pieces.html(short)}</p>"),
        f"{pieces.markdown(line)}\n{again}",
        f"{as_plain.wrap(plain)}\n{again}",
    )
