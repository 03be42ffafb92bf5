"""Documents by pandoc, which reads our Markdown: Word by itself, PDF through typst.

Both come as ordinary packages from PyPI, without TeX or system libraries, and typeset formulas.
Neither may read files or the network: pandoc runs in its sandbox, and what reaches typst is escaped
by pandoc.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import PplxError
from pplx_jupyter.export.documents import WRITTEN_BY, body_markdown, title_of

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer

__all__ = ["to_docx", "to_pdf"]

# GitHub's Markdown is what ours is written for; the writers leave out its few bits of HTML.
_READS = "gfm+tex_math_dollars-emoji"
_SETUP = """\
#set document(description: "{mark}")
#show link: set text(fill: rgb("#1a5fb4"))
#show table: set text(size: 0.9em)
#show figure: set block(breakable: true)
#set par(justify: false)
"""


def to_docx(answer: Answer) -> bytes:
    """Give the answer as a Word document."""
    pandoc = _need("pypandoc", "docx")
    with tempfile.TemporaryDirectory(prefix="pplx_jupyter-") as folder:
        path = Path(folder, "answer.docx")
        _convert(pandoc, answer, "docx", outputfile=os.fspath(path))
        return path.read_bytes()


def to_pdf(answer: Answer) -> bytes:
    """Give the answer as a PDF."""
    pandoc, typst = _need("pypandoc", "pdf"), _need("typst", "pdf")
    source = _convert(pandoc, answer, "typst", "--standalone", "-V", "papersize=a4")
    try:
        return bytes(typst.compile(f"{_SETUP.format(mark=WRITTEN_BY)}{source}".encode()))
    except RuntimeError as error:
        raise PplxError(
            f"typst could not set the PDF ({_first(error)}); save it as .html and print that page."
        ) from error


def _convert(pandoc: Any, answer: Answer, to: str, *arguments: str, **options: Any) -> str:
    said = ["-M", f"title={title_of(answer)}", "-M", f"description={WRITTEN_BY}", *arguments]
    try:
        return str(
            pandoc.convert_text(
                body_markdown(answer), to, format=_READS, extra_args=said, sandbox=True, **options
            )
        )
    except OSError as error:
        raise PplxError(_missing(to if to == "docx" else "pdf", "pandoc")) from error
    except RuntimeError as error:
        raise PplxError(f"pandoc could not write it ({_first(error)}); save it as .html or .md.") from error


def _need(module: str, ending: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise PplxError(_missing(ending, module)) from error


def _missing(ending: str, tool: str) -> str:
    return f"a .{ending} needs {tool}: pip install 'pplx-jupyter[documents]'. Nothing was written; .html, .md and .json need nothing."


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip()[:200] if lines else type(error).__name__
