"""The whole, permanent answer as one bundle of three forms, each complete in itself."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
from typing import TYPE_CHECKING

from pplx_jupyter.render import body as bodies
from pplx_jupyter.render import markdown_page, notes, pieces, plain_page, receipts, shared, web_page
from pplx_jupyter.render.sources import Ref, references
from pplx_jupyter.render.state import state_parts
from pplx_jupyter.render.style import wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.receipt import Receipt

__all__ = ["Page", "answer_forms"]

_LARGE = 50_000


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """All that the three forms of an answer are written from."""

    answer: Answer
    receipt: Receipt | None
    body: bodies.Body
    refs: Mapping[int, Ref]
    notes: Sequence[pieces.Note]
    images: Sequence[shared.Picture]
    title: str
    prefix: str
    brief: bool

    @property
    def cited(self) -> list[Ref]:
        """The sources that the text cites; all of them where it cites none."""
        return [ref for ref in self.refs.values() if ref.cited or not self.body.cited]

    @property
    def uncited(self) -> list[Ref]:
        """The other sources."""
        return [ref for ref in self.refs.values() if self.body.cited and not ref.cited]


def answer_forms(
    answer: Answer,
    receipt: Receipt | None = None,
    *,
    state_line: bool = True,
    brief: bool = False,
    usual: str = "",
) -> dict[str, str]:
    """Give an answer in its three forms, whole, to stay in a notebook for good.

    Parameters
    ----------
    receipt
        How the answer came; without it the forms say less.
    state_line
        Begin with the line that says state, money and age (see `state_forms`). False where
        another output shows it.
    brief
        In HTML, fold all but the first section.
    usual
        What such a question usually costs and takes, for the line that says how to ask anew.

    Returns
    -------
    dict
        The three forms by MIME type: ``text/html``, ``text/markdown``, ``text/plain``. Safe to show
        without sanitising, whatever the answer holds. The same arguments give the same bytes.
    """
    if not answer.understood:
        from pplx_jupyter.render.raw import raw_forms

        return raw_forms(answer, receipt, state_line=state_line, usual=usual)
    with _uncollected() if len(answer.text) > _LARGE else contextlib.nullcontext():
        page = _page(answer, receipt, brief=brief)
        state = state_parts(answer, receipt, usual=usual) if state_line else pieces.forms("", "", "")
        return pieces.forms(
            wrap(state["text/html"] + web_page.write(page)),
            "\n\n".join(filter(None, [state["text/markdown"], markdown_page.write(page)])),
            "\n\n".join(filter(None, [state["text/plain"], plain_page.write(page)])),
        )


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector out for a second.

    A large answer becomes some hundred thousand objects, all in use. The collector would look at them,
    and at whatever else a kernel holds, several times over, and find nothing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _page(answer: Answer, receipt: Receipt | None, *, brief: bool) -> Page:
    body = bodies.read(answer.text, {source.number for source in answer.sources}, answer.json)
    return Page(
        answer=answer,
        receipt=receipt,
        body=body,
        refs=references(answer, body.cited),
        notes=notes.above(answer, receipt),
        images=shared.images(answer),
        title=receipts.question(receipt),
        prefix=receipts.prefix(receipt, answer),
        brief=brief,
    )
