"""The answer as HTML. All strings from outside pass `clean` or the tree; folds are closed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pplx_jupyter.render import as_html, clean, footer, pieces, receipts, shared
from pplx_jupyter.render.style import MUTED, SMALL
from pplx_jupyter.render.tree import Node
from pplx_jupyter.render.words import count, keep, one_line, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pplx_jupyter.render.page import Page
    from pplx_jupyter.render.shared import Picture
    from pplx_jupyter.render.sources import Ref

__all__ = ["fold", "write"]

_LEFT, _RIGHT = 'style="text-align:left"', 'style="text-align:right"'
_ROW = 'scope="row" style="text-align:left;font-weight:400"'
_TEXT = 'dir="auto" style="white-space:pre-wrap"'


def fold(summary: str, inside: str) -> str:
    """Give a closed fold: `summary` is text, `inside` safe HTML."""
    shown = f'<summary class="pplx-m" style="font-size:12px">{clean.text(keep(summary))}</summary>'
    return f'<details>{shown}<div style="margin-left:14px">{inside}</div></details>'


def write(page: Page) -> str:
    """Give the answer below its first line as HTML, without our root element."""
    title = f'<h3 dir="auto">{clean.text(page.title)}</h3>' if page.title else ""
    above = "".join(pieces.note_parts(note)["text/html"] for note in page.notes)
    return f"{_thread(page)}{title}{above}{_contents(page)}{_body(page)}{_pictures(page)}{_sources(page)}{_footer(page)}"


def _thread(page: Page) -> str:
    """Name what the question follows, and fold away the questions before it."""
    earlier = page.receipt.follows if page.receipt is not None else ()
    if not earlier:
        return ""
    inside = ""
    for n, (line, each) in enumerate(zip(shared.thread(page.receipt), earlier, strict=True)):
        inside += f"<p {MUTED}>{clean.text(line)}</p>" if n else ""
        prompt = plain(each.prompt).strip()
        inside += f"<blockquote {_TEXT}>{clean.text(prompt)}</blockquote>" if prompt else ""
    line = shared.thread(page.receipt)[0]
    return fold(line, inside) if inside else f"<p {MUTED}>{clean.text(line)}</p>"


def _contents(page: Page) -> str:
    if page.body.words <= shared.LONG or len(page.body.sections) < 2:
        return ""
    links = "".join(
        f'<li><a href="#{page.prefix}s{n}">{clean.text(one_line(section.text(), 200))}</a></li>'
        for n, section in enumerate(page.body.sections, 1)
    )
    summary = f"Contents ({count(len(page.body.sections), 'section')}, {count(page.body.words, 'word')})"
    return f'<div style="margin:0 0 12px">{fold(summary, f"<ul>{links}</ul>")}</div>'


def _body(page: Page) -> str:
    root, seen = page.body.root, Counter[int]()
    cut = _first_section_ends(root) if page.brief else len(root.children)
    shown = as_html.write(Node("div", {}, root.children[:cut]), page.refs, page.prefix, seen)
    rest = Node("div", {}, root.children[cut:])
    if rest.children:
        more = sum(isinstance(child, Node) and child.tag == "h4" for child in rest.children)
        words = count(len(rest.text().split()), "word")
        shown += fold(
            f"The rest: {count(more, 'section')}, {words}", as_html.write(rest, page.refs, page.prefix, seen)
        )
    return f'<div dir="auto">{shown}</div>' if shown else ""


def _first_section_ends(root: Node) -> int:
    """Give where the second section begins; text before the first heading is a section."""
    heads = [n for n, child in enumerate(root.children) if isinstance(child, Node) and child.tag == "h4"]
    begins = [n for n in heads if any(isinstance(c, Node) for c in root.children[:n])]
    return begins[0] if begins else len(root.children)


def _sources(page: Page) -> str:
    if not page.refs:
        return ""
    listed = _source_list(page.cited, page.prefix) if page.cited else ""
    more = (
        fold(
            f"{count(len(page.uncited), 'source')} found but not cited",
            _source_list(page.uncited, page.prefix),
        )
        if page.uncited
        else ""
    )
    return f"<h4>Sources</h4>{listed}{more}"


def _source_list(refs: Iterable[Ref], prefix: str) -> str:
    return f'<ol class="pplx-src">{"".join(_source(ref, prefix) for ref in refs)}</ol>'


def _source(ref: Ref, prefix: str) -> str:
    title = f'<span dir="auto">{clean.text(ref.title)}</span>'
    head = as_html.anchor(ref.url, title) if ref.url else title
    about = " · ".join(ref.about)
    quote = f'<blockquote dir="auto">{clean.text(ref.snippet)}</blockquote>' if ref.snippet else ""
    inside = quote + _mentions(ref, prefix)
    below = fold(about, inside) if inside else f"<div {MUTED}>{clean.text(keep(about))}</div>"
    return f'<li value="{ref.number}">{head}{below}</li>'


def _mentions(ref: Ref, prefix: str) -> str:
    """Give the way back from a source to where the text cites it."""
    shown = min(ref.cited, as_html.BACK_LINKS)
    links = " ".join(
        f'<a href="#{as_html.mention(prefix, ref.number, n)}">mention {n}</a>' for n in range(1, shown + 1)
    )
    more = f" and {ref.cited - shown:,} more" if ref.cited > shown else ""
    return f"<p {MUTED}>In the text: {links}{more}</p>" if links else ""


def _footer(page: Page) -> str:
    look, said = footer.integrity(page.body, page.refs, marked=True)
    glyph = '<span class="pplx-g warn">!</span> ' if look else ""
    line = pieces.html(said).replace(footer.CHECKED, f'<span class="pplx-m">{footer.CHECKED}</span>')
    folds = [
        _prompt(page),
        _searches(page),
        _images(page),
        _thinking(page),
        _cost(page),
        _provenance(page),
        _next(page),
    ]
    style = 'style="border-top:1px solid rgba(128,128,128,.4);margin-top:20px;padding-top:12px"'
    below = f'<div style="margin-top:8px">{"".join(folds)}</div>' if any(folds) else ""
    return f'<footer dir="ltr" {style}><p class="pplx-s" {SMALL}>{glyph}{line}</p>{below}</footer>'


def _prompt(page: Page) -> str:
    if page.receipt is None or not shared.prompt(page.receipt):
        return ""
    filled = len(page.receipt.filled)
    values = f" ({count(filled, 'value')} filled in)" if filled else ""
    sent = f"<blockquote {_TEXT}>{clean.text(shared.prompt(page.receipt))}</blockquote>"
    names = "".join(f"<li>{pieces.html(line)}</li>" for line in shared.filled(page.receipt))
    return fold(f"Prompt as sent{values}", sent + (f"<ul>{names}</ul>" if names else ""))


def _searches(page: Page) -> str:
    searches = page.answer.searches
    if not searches:
        return ""
    items = [
        f'<li dir="auto">{_search(search.kind, search.text)}</li>' for search in searches[: shared.SEARCHES]
    ]
    more = len(searches) - len(items)
    kept = shared.kept(page.receipt)
    if more:
        where = f" in <code>{clean.code(f'{kept}.searches')}</code>" if kept else ""
        items.append(f"<li>… {more:,} more{where}</li>")
    return fold(f"Searches made ({len(searches):,})", f"<ul>{''.join(items)}</ul>")


def _search(kind: str, text: str) -> str:
    if kind != "read":
        return clean.text(one_line(text, 300))
    url = clean.safe_url(text)
    shown = clean.text(one_line(text, 120))
    return f"Read: {as_html.anchor(url, shown) if url else shown}"


def _images(page: Page) -> str:
    items = [f"<li>{_labelled(image)}</li>" for image in page.images if image.embedded is None]
    embedded, left = len(page.images) - len(items), f"{len(items):,}"
    some = f": {embedded:,} of {len(page.images):,} embedded, {left}" if embedded else f" ({left}),"
    return fold(f"Images{some} not loaded", f"<ul>{''.join(items)}</ul>") if items else ""


def _pictures(page: Page) -> str:
    """Show the images that were fetched with the answer."""
    return "".join(
        f'<p><img src="{image.embedded}" alt="{clean.attribute(image.label)}" style="max-width:100%"><br>'
        f"<small>{_labelled(image)}</small></p>"
        for image in page.images
        if image.embedded
    )


def _labelled(image: Picture) -> str:
    return as_html.anchor(image.url, clean.text(image.label)) if image.url else clean.text(image.label)


def _thinking(page: Page) -> str:
    thinking = plain(page.answer.thinking).strip()
    if not thinking:
        return ""
    return fold(
        f"Reasoning of the model ({count(len(thinking.split()), 'word')})",
        f"<p {_TEXT}>{clean.text(thinking)}</p>",
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(
        f'<th scope="col" {_LEFT if n == 0 else _RIGHT}>{name}</th>' for n, name in enumerate(head)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td {_LEFT if n == 0 else _RIGHT}>{cell}</td>" for n, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"


def _cost(page: Page) -> str:
    rows = [tuple(map(clean.text, row)) for row in footer.cost_rows(page.answer)]
    total = clean.text(footer.cost_total(page.answer))
    table = _table(("Item", "Quantity", "USD"), [*rows, ("<b>Total</b>", "", f"<b>{total}</b>")])
    source = f"<p {MUTED}>{clean.text(footer.cost_source(page.answer, page.receipt))}</p>"
    return fold(f"Receipt: {footer.cost_summary(page.answer, page.receipt)}", table + source)


def _provenance(page: Page) -> str:
    if page.receipt is None:
        return ""
    rows = footer.provenance(page.answer, page.receipt)
    job = f"job {one_line(page.receipt.job_id, 80)}" if page.receipt.job_id else ""
    about = [receipts.model(page.answer, page.receipt), receipts.api(page.receipt), job]
    lines = "".join(
        f"<tr><th {_ROW}>{clean.text(label)}</th><td {_LEFT}>{clean.text(keep(value))}</td></tr>"
        for label, value in rows
    )
    return fold(f"Provenance: {', '.join(filter(None, about))}", f"<table><tbody>{lines}</tbody></table>")


def _next(page: Page) -> str:
    whole = 'style="white-space:pre-wrap"'
    cells = [
        f"<pre {whole}>{clean.code(cell)}</pre>" for cell in shared.next_cells(page.answer, page.receipt)
    ]
    return fold(f"Ask next ({count(len(cells), 'suggestion')} by the model)", "".join(cells)) if cells else ""
