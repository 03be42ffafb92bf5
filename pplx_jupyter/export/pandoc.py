"""Documents by pandoc, which reads our Markdown: Word by itself, PDF through typst.

Both come as ordinary packages from PyPI, without TeX or system libraries, and typeset formulas.
Neither may read files or the network: pandoc runs in its sandbox, and what reaches typst is escaped
by pandoc.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import PplxError
from pplx_jupyter.export.documents import WRITTEN_BY, body_markdown, title_of

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer

__all__ = ["TooLong", "run", "to_docx", "to_pdf"]

# GitHub's Markdown is what ours is written for; the writers leave out its few bits of HTML.
_READS = "gfm+tex_math_dollars-emoji"
_READS_NO_MATH = "gfm-tex_math_dollars-emoji"
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
        _convert(pandoc, answer, "docx", "-o", os.fspath(path), pictures=_pictures(answer))
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


def _pictures(answer: Answer) -> str:
    """Give the images that came with the answer as Markdown, but those of a format that Word does not know."""
    from pplx_jupyter.render import as_markdown, shared

    shown = [
        f"![]({image.embedded})\n\n{as_markdown.escape(image.label)}"
        for image in shared.images(answer)
        if image.embedded and not image.embedded.startswith("data:image/webp")
    ]
    return "\n\n".join(["", "## Images", *shown, ""]) if shown else ""


def _convert(pandoc: Any, answer: Answer, to: str, *arguments: str, pictures: str = "") -> str:
    said = ["-M", f"title={title_of(answer)}", "-M", f"description={WRITTEN_BY}", *arguments]
    text = body_markdown(answer) + pictures
    try:
        try:
            return run(pandoc, text, "-f", _READS, "-t", to, *said)
        except TooLong:
            # There are formulas that keep it busy for ever: they are left as TeX.
            return run(pandoc, text, "-f", _READS_NO_MATH, "-t", to, *said)
    except OSError as error:
        raise PplxError(_missing(to if to == "docx" else "pdf", "pandoc")) from error
    except RuntimeError as error:
        raise PplxError(f"pandoc could not write it ({_first(error)}); save it as .html or .md.") from error


class TooLong(RuntimeError):
    """Pandoc did not come to an end in time."""


def run(pandoc: Any, text: str, *arguments: str, seconds: float = 20.0) -> str:
    """Run pandoc, in its sandbox, on a text; give what it wrote to its standard output.

    Parameters
    ----------
    pandoc
        The module that knows where it is.
    seconds
        How long it may take.

    Raises
    ------
    OSError
        It is not there.
    TooLong
        It took longer.
    RuntimeError
        It refuses.
    """
    command = [pandoc.get_pandoc_path(), "--sandbox", "--quiet", *arguments]
    try:
        done = subprocess.run(
            command, input=text.encode("utf-8", "replace"), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TooLong(f"no end after {seconds:g} s") from error
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8")


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
