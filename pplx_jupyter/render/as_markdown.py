r"""Writes a tree as Markdown that is safe in itself: frontends run scripts in live Markdown, too.

Every character that Markdown, HTML or a TeX typesetter acts on is escaped. ``$`` and ``\`` cannot be
escaped for the typesetter (it looks before Markdown does, and after): they stand in a ``span`` each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplx_jupyter.render import clean
from pplx_jupyter.render.tree import Node
from pplx_jupyter.render.words import code_span, one_line, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.render.sources import Ref

__all__ = ["Writer", "escape", "fence", "heading", "link", "start", "write"]

_MARKUP = re.compile(r"[&<>\\$`*\[\]~|_!]")
_ACTIVE = re.compile(r"[`*\[\]~|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|!(?=$|\[)")
_ENTITY = re.compile(r"&(?=#|[A-Za-z])")
# What readers of Markdown make a link of on their own: of some addresses a browser makes one to the page's server.
_BARE = re.compile(r"(?<=:)/(?=/)|(?<=[\w.+-])@(?=[\w-])|(?<=www)\.", re.IGNORECASE)
_HELD = {"/": "\x02", "@": "\x03", ".": "\x04"}
_ENTITIES = {2: "&#47;", 3: "&#64;", 4: "&#46;"}
_BARE_IN_LINK = re.compile(r"&#(?:47|64|46);")
_START = re.compile(r"[#+>:=-]|\d{1,9}(?=[.)](?:\s|$))")
_IN_URL = re.compile(r"[()$*~!\[\]']")
# JupyterLab's reader undoes the escapes of brackets in the text of a link, and then looks for links in it.
_IN_LINK = re.compile(r"\\`|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)|\\(?P<bracket>[\[\]])", re.DOTALL)
_CITATION = re.compile(r"\\\[\d+\\\]")
_NAMED = re.compile(r"&(?=#?[A-Za-z0-9]{1,40};)")
_RUN = re.compile(r"`{3,}")
_BLOCKS = frozenset(["p", "div", "pre", "blockquote", "ul", "ol", "table", "h4", "h5", "h6", "hr"])
_SPACES = re.compile(r"\s+")
_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~"}
_SIGNS = "。，、；：！？「」『』（）《》〈〉【】“”‘’…—·.,;:!?()\"'%$"


def escape(text: str) -> str:
    """Escape text for the inside of a line; see `start` for the beginning of one."""
    if not text.isprintable() or "  " in text:
        text = _SPACES.sub(" ", plain(text))
    bare = "//" in text or "@" in text or "w." in text or "W." in text
    if bare:
        text = _BARE.sub(lambda m: _HELD[m[0]], text)
    elif not _MARKUP.search(text):
        return text
    text = _ENTITY.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("\\", "\x00").replace("$", "\x01")
    text = _ACTIVE.sub(lambda m: "\\" + m[0], text)
    text = text.replace("\x00", "<span>&#92;</span>").replace("\x01", "<span>&#36;</span>")
    return text.translate(_ENTITIES) if bare else text


def start(line: str) -> str:
    """Keep the beginning of each line from being read as a list, a heading or a quote."""
    return "\n".join(_started(part.lstrip(" ")) for part in line.split("\n"))


def _started(line: str) -> str:
    match = _START.match(line)
    if match is None:
        return line
    return f"{match[0]}\\{line[match.end() :]}" if match[0].isdigit() else f"\\{line}"


def link(url: str, inner: str) -> str:
    """Give a link; `url` must have passed `clean.safe_url`, `inner` is Markdown already."""
    address = _IN_URL.sub(lambda m: f"%{ord(m[0]):02X}", url)
    if not _CITATION.fullmatch(inner):
        inner = _IN_LINK.sub(lambda m: f"&#{ord(m['bracket'])};" if m["bracket"] else m[0], inner)
        inner = _BARE_IN_LINK.sub(lambda m: chr(int(m[0][2:-1])), inner)
    return f"[{inner}]({_NAMED.sub('&amp;', address)})"


def heading(line: str) -> str:
    """Make a line fit to stand behind a heading's marks."""
    line = _SPACES.sub(" ", line).strip()
    return f"{line[:-1]}\\#" if line.endswith("#") else line


def fence(code: str, language: str = "") -> str:
    """Give a fenced block of code that the code's own ticks cannot end."""
    code = plain(code).rstrip("\n")
    longest = max((len(run) for run in _RUN.findall(code)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}{language}\n{code}\n{ticks}"


def write(node: Node, refs: Mapping[int, Ref]) -> str:
    """Give a tree as Markdown, without a newline at its end."""
    return "\n\n".join(Writer(refs).blocks(node))


class Writer:
    """Writes blocks and lines; other dialects of Markdown replace its methods without an underscore."""

    def __init__(self, refs: Mapping[int, Ref]) -> None:
        self._refs = refs
        self._in_table = False

    def blocks(self, node: Node) -> list[str]:
        """Write the blocks of an element; text between them becomes a paragraph."""
        written: list[str] = []
        run: list[Node | str] = []
        for child in [*node.children, Node("hr", {"end": "1"})]:
            if isinstance(child, str) or child.tag not in _BLOCKS:
                run.append(child)
                continue
            paragraph = self.start(self.line(run).strip())
            written.extend([paragraph] if paragraph else [])
            run = []
            if "end" not in child.attrs:
                written.extend(filter(None, [self.block(child)]))
        return written

    def block(self, node: Node) -> str:
        """Write a block, without a newline at its end."""
        tag = node.tag
        if node.has_class("pplx-t"):
            return f"$$ {self._formula(node.text())} $$"
        if tag in {"h4", "h5", "h6"}:
            return f"{'#' * int(tag[1])} {heading(self.line(node.children))}"
        if tag == "pre":
            inner = node.children[0] if node.children else ""
            name = inner.attrs.get("class", "").removeprefix("language-") if isinstance(inner, Node) else ""
            return self.fence(node.text(), name if clean.LANGUAGE.fullmatch(name) else "")
        if tag == "hr":
            return "---"
        if tag == "blockquote":
            return _prefixed("\n\n".join(self.blocks(node)), "> ", "> ")
        if tag in {"ul", "ol"}:
            return self._list(node)
        if tag == "table":
            return self._table(node)
        return (
            "\n\n".join(self.blocks(node)) if tag == "div" else self.start(self.line(node.children).strip())
        )

    def line(self, children: list[Node | str]) -> str:
        """Write what stands inside a block."""
        written: list[str] = []
        for n, child in enumerate(children):
            if isinstance(child, str):
                written.append(self.text(child))
            elif child.tag in _MARKS:
                before, after = children[n - 1] if n else "", children[n + 1] if n + 1 < len(children) else ""
                written.append(self._emphasis(child, before, after))
            else:
                written.append(self.inline(child))
        return "".join(written)

    def _emphasis(self, node: Node, before: Node | str, after: Node | str) -> str:
        """Write emphasis; its marks mean nothing between a sign of punctuation and a letter."""
        children = list(node.children)
        lead = trail = ""
        if _said(before)[-1:].isalnum() and children and isinstance(children[0], str):
            rest = children[0].lstrip(_SIGNS)
            lead, children[0] = children[0][: len(children[0]) - len(rest)], rest
        if _said(after)[:1].isalnum() and children and isinstance(children[-1], str):
            rest = children[-1].rstrip(_SIGNS)
            trail, children[-1] = children[-1][len(rest) :], rest
        return self.text(lead) + _wrapped(self.line(children), _MARKS[node.tag]) + self.text(trail)

    def text(self, text: str) -> str:
        """Escape text for the inside of a line."""
        return escape(text)

    def start(self, line: str) -> str:
        """Escape the beginnings of the lines of a paragraph."""
        return start(line)

    def fence(self, code: str, language: str) -> str:
        """Write a block of code."""
        return fence(code, language)

    def code(self, code: str) -> str:
        """Write code inside a line."""
        return code_span(code)

    def citations(self, numbers: list[str]) -> str:
        """Write citations that stand side by side."""
        return "".join(self._citation(number) for number in numbers)

    def inline(self, node: Node) -> str:
        """Write an element inside a line."""
        if node.has_class("pplx-c"):
            return self.citations([str(child) for child in node.children])
        if node.has_class("pplx-u"):
            return f"**\\[{escape(node.children[0]) if isinstance(node.children[0], str) else ''}\\]**"
        if node.has_class("pplx-t"):
            formula = node.text()
            inner = self._formula(formula)
            return f"${inner}$" if formula.startswith("\\(") else f"$$ {inner} $$"
        if node.tag == "code":
            return self.code(node.text())
        if node.tag == "br":
            return "  \n"
        inner = self.line(node.children)
        if node.tag == "a":
            url = clean.safe_url(node.attrs.get("href", ""))
            return link(url, inner.replace("\n", " ").strip() or "link") if url else inner
        return inner

    def _citation(self, number: str) -> str:
        ref = self._refs.get(int(number)) if number.isdigit() else None
        label = f"\\[{escape(number)}\\]"
        return link(ref.url, label) if ref and ref.url else label

    def _formula(self, delimited: str) -> str:
        """Give TeX without its delimiters, and without what a reader that knows no TeX would act on."""
        inner = one_line(delimited[2:-2])
        inner = inner.replace("<", "\\lt ").replace(">", "\\gt ").replace("`", "'")
        if self._in_table:
            inner = inner.replace("\\|", "\\Vert ").replace("|", "\\vert ")
        return re.sub(r"\](?=[(\[:])", "] ", inner)

    def _list(self, node: Node) -> str:
        first = int(node.attrs["start"]) if node.attrs.get("start", "").isdigit() else 1
        items = [child for child in node.children if isinstance(child, Node) and child.tag == "li"]
        written = []
        loose = False
        for n, item in enumerate(items, first):
            mark = f"{n}. " if node.tag == "ol" else "- "
            blocks = self.blocks(item)
            tight = not any(
                isinstance(c, Node) and c.tag not in {"ul", "ol"} and c.tag in _BLOCKS for c in item.children
            )
            loose = loose or not tight
            written.append(_prefixed(("\n" if tight else "\n\n").join(blocks), mark, " " * len(mark)))
        return ("\n\n" if loose else "\n").join(written)

    def _table(self, node: Node) -> str:
        rows = [row for row in node.walk() if row.tag == "tr"]
        cells = [[c for c in row.children if isinstance(c, Node)] for row in rows]
        if not cells:
            return ""
        marks = {"right": "--:", "center": ":-:"}
        lines = [
            self._row(cells[0]),
            "|" + "|".join(marks.get(c.attrs.get("align", ""), ":--") for c in cells[0]) + "|",
        ]
        return "\n".join([*lines, *(self._row(row) for row in cells[1:])])

    def _row(self, cells: list[Node]) -> str:
        return "| " + " | ".join(self._table_cell(cell) for cell in cells) + " |"

    def _table_cell(self, cell: Node) -> str:
        # A pipe ends the cell even in code.
        self._in_table = True
        line = _SPACES.sub(" ", self.line(cell.children)).strip()
        self._in_table = False
        return re.sub(r"(?<!\\)\|", r"\\|", line)


def _said(beside: Node | str) -> str:
    """Give the text beside an emphasis; what is written with marks of its own counts as none."""
    return beside if isinstance(beside, str) else beside.text() if beside.tag in _MARKS else ""


def _prefixed(text: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join(
        (first if n == 0 else rest if line else rest.rstrip()) + line for n, line in enumerate(lines)
    )


def _wrapped(inner: str, mark: str) -> str:
    core = inner.strip()
    if not mark or not core:
        return inner
    lead, trail = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
    return f"{lead}{mark}{core}{mark}{trail}"
