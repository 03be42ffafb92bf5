"""The answer as plain text, 96 columns wide, with full addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import as_plain, footer, pieces, shared
from pplx_jupyter.render.markdown_page import identity, tail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplx_jupyter.render.page import Page
    from pplx_jupyter.render.sources import Ref

__all__ = ["write"]


def write(page: Page) -> str:
    """Give the answer below its first line as plain text."""
    parts = [
        *map(as_plain.wrap, shared.thread(page.receipt)),
        as_plain.underlined(page.title, "=") if page.title else "",
        *(pieces.note_parts(note)["text/plain"] for note in page.notes),
        as_plain.write(page.body.root, page.refs),
        _sources("Sources", page.cited),
        _sources("Found but not cited", page.uncited),
        _footer(page),
    ]
    return "\n\n".join(part for part in parts if part)


def _sources(title: str, refs: Iterable[Ref]) -> str:
    lines = [line for ref in refs for line in _source(ref)]
    return "\n".join([as_plain.underlined(title), *lines]) if lines else ""


def _source(ref: Ref) -> list[str]:
    about = as_plain.wrap(f"    {', '.join(ref.about)}", rest="    ")
    address = [f"    {ref.url}"] if ref.url else []
    return [as_plain.wrap(f"[{ref.number}] {ref.title}", rest="    "), about, *address]


def _footer(page: Page) -> str:
    look, said = footer.integrity(page.body, page.refs, marked=False)
    kept = pieces.plain_text(shared.also_kept(page.answer, page.receipt))
    known = ". ".join(filter(None, [identity(page), kept]))
    lines = [
        "-" * as_plain.COLUMNS,
        as_plain.wrap(f"{'! ' if look else ''}{pieces.plain_text(said)}"),
        as_plain.wrap(_cost(page)),
        *_images(page),
        as_plain.wrap(known) if known else "",
    ]
    return "\n".join(line for line in lines if line)


def _cost(page: Page) -> str:
    rows = [f"{name} {usd}" for name, _, usd in footer.cost_rows(page.answer) if usd]
    total, more = footer.cost_total(page.answer), footer.counted(page.answer)
    if total == "unknown":
        return f"Receipt: cost unknown. {footer.cost_source(page.answer, page.receipt)} {more}"
    return f"Receipt: {''.join(f'{row} · ' for row in rows)}total {total} USD, {tail(page)} {more}"


def _images(page: Page) -> list[str]:
    lines = [
        line for image in page.images for line in (f"  {image.label}", f"  {image.url or ''}") if line.strip()
    ]
    return [f"Images, {shared.loaded(page.images)}:", *lines] if lines else []
