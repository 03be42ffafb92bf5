"""The answer as Markdown: the same facts in the same order, without folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import as_markdown, footer, pieces, shared
from pplx_jupyter.render.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplx_jupyter.render.page import Page
    from pplx_jupyter.render.sources import Ref

__all__ = ["write"]


def write(page: Page) -> str:
    """Give the answer below its first line as Markdown."""
    parts = [
        *(as_markdown.start(as_markdown.escape(line)) for line in shared.thread(page.receipt)),
        f"### {as_markdown.heading(as_markdown.escape(page.title))}" if page.title else "",
        *(pieces.note_parts(note)["text/markdown"] for note in page.notes),
        as_markdown.write(page.body.root, page.refs),
        *_sources(page),
        "---",
        pieces.markdown(footer.integrity(page.body, page.refs, marked=False)[1]),
        _cost(page),
        _images(page),
        _identity(page),
    ]
    return "\n\n".join(part for part in parts if part)


def _sources(page: Page) -> list[str]:
    if not page.refs:
        return []
    parts = ["#### Sources", _source_list(page.cited)]
    if page.uncited:
        parts += ["Found but not cited:", _source_list(page.uncited)]
    return parts


def _source_list(refs: Iterable[Ref]) -> str:
    return "\n".join(_source(ref) for ref in refs)


def _source(ref: Ref) -> str:
    # Written numbers: Markdown would count an ordered list anew from its first.
    title = as_markdown.escape(ref.title)
    shown = as_markdown.link(ref.url, title) if ref.url else title
    return f"- \\[{ref.number}\\] {shown} – {as_markdown.escape(', '.join(ref.about))}"


def _cost(page: Page) -> str:
    rows = [f"{name} {usd}" for name, _, usd in footer.cost_rows(page.answer) if usd]
    said = footer.cost_source(page.answer, page.receipt)
    total = footer.cost_total(page.answer)
    more = footer.counted(page.answer)
    if total == "unknown":
        return as_markdown.escape(f"Receipt: cost unknown. {said} {more}".rstrip())
    head = "".join(f"{as_markdown.escape(row)} · " for row in rows)
    shown = as_markdown.escape(f"{tail(page)} {more}".rstrip())
    return f"Receipt: {head}**total {as_markdown.escape(total)} USD**, {shown}"


def tail(page: Page) -> str:
    """Say where the total comes from, in the few words of a form without folds."""
    if page.answer.simulated or (page.receipt is not None and page.receipt.simulated):
        return "simulated: nothing was billed."
    reused = page.receipt is not None and page.receipt.reuse
    source = "estimated, the service sent no total" if page.answer.cost.estimated else "as sent by Perplexity"
    return f"{source}; 0.00 USD for this run." if reused else f"{source}."


def _images(page: Page) -> str:
    lines = [
        f"- {as_markdown.link(image.url, as_markdown.escape(image.label)) if image.url else as_markdown.escape(image.label)}"
        for image in page.images
    ]
    return "\n".join([f"Images, {shared.loaded(page.images)}:", "", *lines]) if lines else ""


def identity(page: Page) -> str:
    """Give provenance on one line, its end the version that wrote it."""
    receipt = page.receipt
    if receipt is None:
        return ""
    rows = dict(footer.provenance(page.answer, receipt))
    job = rows.get("Job", "").replace(" · ", ", ")
    request, print_ = rows.get("Request id", ""), rows.get("Question (fingerprint)", "")
    parts = [
        rows.get("Model", ""),
        f"{one_line(receipt.backend, 40)} API" if receipt.backend else "",
        f"job {job}" if job else "",
        f"request {request}" if request else "",
        f"question {print_}" if print_ else "",
        f"asked {rows['Asked']}" if "Asked" in rows else "",
        "moved from the sonar API" if receipt.moved else "",
        rows.get("Written by", ""),
    ]
    return " · ".join(filter(None, parts))


def _identity(page: Page) -> str:
    kept = shared.also_kept(page.answer, page.receipt)
    said = as_markdown.start(as_markdown.escape(identity(page)))
    return ". ".join(filter(None, [said, pieces.markdown(kept)])) + ("." if said or kept else "")
