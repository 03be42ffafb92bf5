"""What changed between two answers, in three forms: a line, tables, and the text with its changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import pieces
from pplx_jupyter.render.diffs import markdown_page, plain_page, web_page
from pplx_jupyter.render.diffs.telling import headline, tell
from pplx_jupyter.render.style import wrap

if TYPE_CHECKING:
    from pplx_jupyter.diff import Diff

__all__ = ["diff_forms", "headline"]


def diff_forms(diff: Diff) -> dict[str, str]:
    """Give a comparison, each form complete in itself and safe to show.

    Returns
    -------
    dict
        The three forms by MIME type: ``text/html``, ``text/markdown``, ``text/plain``.
    """
    page = tell(diff)
    return pieces.forms(wrap(web_page.write(page)), markdown_page.write(page), plain_page.write(page))
