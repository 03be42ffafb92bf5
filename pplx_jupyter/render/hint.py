"""The static line that stands below the panel of a job under way.

Every research cell shows it before it returns, so this module imports nothing of what an answer needs.
"""

from __future__ import annotations

import re
import textwrap
from html import escape
from typing import TYPE_CHECKING

from pplx_jupyter.render.style import SMALL, wrap
from pplx_jupyter.render.words import code_span, day_time, one_line

if TYPE_CHECKING:
    from pplx_jupyter.receipt import Receipt

__all__ = ["hint_forms"]

_AGAIN = "If nothing moves above, run this cell again: it follows the same job and buys nothing."
_NO_MODEL = re.compile(r"[^\w./: -]|:(?=//)|(?<=www)\.")


def hint_forms(receipt: Receipt, *, usual: str = "") -> dict[str, str]:
    """Give the static line that stands below the panel of a job under way.

    It is all that is left where the page is closed before the answer came, so it promises nothing
    that is only true now.

    Parameters
    ----------
    usual
        What such a question usually takes and costs, such as ``2–6 min and 0.45–1.10 USD``.
    """
    name, job = one_line(receipt.name, 80), one_line(receipt.job_id, 80)
    asked = f", asked {day_time(receipt.asked_at, seconds=True)}" if receipt.asked_at else ""
    about = _about(receipt, usual)
    under_way = f"{asked}, is under way{f': {about}' if about else ''}."
    html = f"Job <code>{escape(name)}</code> ({escape(job)})" if name else f"Job {escape(job)}"
    markdown = f"Job {code_span(name)} ({_safe(job)})" if name else f"Job {_safe(job)}"
    plain = f"{name} ({job})" if name else job
    simulated = ", simulated" if receipt.simulated else ""
    wrapped = textwrap.fill(
        f"{plain}{asked}{f': {about}' if about else ''}. Under way when this was written.",
        96,
        break_on_hyphens=False,
    )
    return {
        "text/html": wrap(f'<p class="pplx-m" {SMALL}>{html}{asked}{simulated}. {_AGAIN}</p>'),
        "text/markdown": f"{markdown}{under_way}\n{_AGAIN}",
        "text/plain": f"{wrapped}\n{_AGAIN}",
    }


def _about(receipt: Receipt, usual: str) -> str:
    effort = f"effort {receipt.effort}" if receipt.effort else ""
    model = receipt.model if receipt.backend != "agent" else ""
    parts = [
        _safe(model),
        _safe(effort),
        f"usually {usual}" if usual else "",
        "simulated" if receipt.simulated else "",
    ]
    return ", ".join(part for part in parts if part)


def _safe(text: str) -> str:
    """Leave out what no model's name has: these words stand in Markdown, too."""
    return _NO_MODEL.sub("", one_line(text, 80))
