"""The answer as a document of its own: Markdown, plain text, and a notebook of Markdown cells.

These are the forms of `pplx_jupyter.render`, told from outside the notebook: as if just asked,
whatever run they are saved from, so that the same answer always gives the same file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from datetime import UTC
from typing import TYPE_CHECKING, Any

from pplx_jupyter.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.receipt import Receipt
    from pplx_jupyter.render.body import Body

__all__ = [
    "WRITTEN_BY", "body_markdown", "kept_receipt", "read", "title_of", "to_markdown", "to_notebook", "to_text", "untitled",
]  # fmt: skip

WRITTEN_BY = f"Written by pplx_jupyter {__version__}"
"""By its beginning a file of ours is known."""

_HEADING = re.compile(r"#{4,6} ")
_FENCE = re.compile(r"`{3,}")


def kept_receipt(answer: Answer) -> Receipt | None:
    """Give the receipt without what is only of the present run."""
    receipt = answer.receipt
    if receipt is None or receipt.reuse is None:
        return receipt and dataclasses.replace(receipt, now=None)
    asked, settled = receipt.asked_at, receipt.settled_at
    if receipt.reuse == "lockfile":
        # Pinned answers give the same bytes in every time zone.
        asked, settled = asked and asked.astimezone(UTC), settled and settled.astimezone(UTC)
    return dataclasses.replace(receipt, reuse=None, now=None, asked_at=asked, settled_at=settled)


def title_of(answer: Answer) -> str:
    """Give the title of a document: the question."""
    from pplx_jupyter.export.entries import tidy
    from pplx_jupyter.render import receipts

    return tidy(receipts.question(answer.receipt)) or "Answer"


def read(answer: Answer) -> Body:
    """Read the text of an answer as `pplx_jupyter.render` shows it."""
    from pplx_jupyter.render import body

    return body.read(answer.text, {source.number for source in answer.sources}, answer.json)


def untitled(answer: Answer) -> dict[str, str]:
    """Give the three forms without the question, which a document says in its own way."""
    from pplx_jupyter.render import answer_forms

    receipt = kept_receipt(answer)
    if receipt is not None:
        receipt = dataclasses.replace(receipt, question="", prompt="")
    return answer_forms(answer, receipt)


def to_markdown(answer: Answer) -> str:
    """Give the answer as Markdown that is safe in itself, headed by the question."""
    return "\n".join(_markdown(answer)) + "\n"


def body_markdown(answer: Answer) -> str:
    """Give the answer as Markdown without the question, its headings of the second level and below."""
    return "\n".join(_raised(untitled(answer)["text/markdown"])) + "\n"


def to_text(answer: Answer) -> str:
    """Give the answer as plain text."""
    from pplx_jupyter.render.as_plain import underlined

    title = underlined(title_of(answer), "=")
    return f"{title}\n\n{untitled(answer)['text/plain']}\n\n{WRITTEN_BY}\n"


def to_notebook(answer: Answer) -> str:
    """Give the answer as a notebook: a Markdown cell for each section, nothing that runs or buys."""
    cells: list[list[str]] = [[]]
    for line in _markdown(answer):
        if isinstance(line, _Heading) and any(part.strip() for part in cells[-1]):
            cells.append([])
        cells[-1].append(line)
    sources = ["\n".join(lines).strip("\n") for lines in cells]
    receipt = answer.receipt
    ours: dict[str, Any] = {"saved": WRITTEN_BY}
    if receipt is not None:
        ours |= {"job": receipt.job_id, "fingerprint": receipt.fingerprint}
    notebook = {
        "cells": [_cell(n, source) for n, source in enumerate(sources)],
        "metadata": {"language_info": {"name": "python"}, "pplx_jupyter": ours},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _markdown(answer: Answer) -> Iterator[str]:
    from pplx_jupyter.render.as_markdown import escape, heading

    yield _Heading(f"# {heading(escape(title_of(answer)))}")
    yield ""
    yield from _raised(untitled(answer)["text/markdown"])


def _cell(n: int, source: str) -> dict[str, Any]:
    digest = hashlib.blake2b(source.encode("utf-8", "replace"), digest_size=4).hexdigest()
    lines = source.splitlines(keepends=True)
    return {"cell_type": "markdown", "id": f"pplx-{n}-{digest}", "metadata": {}, "source": lines}


class _Heading(str):
    """A line of Markdown that is a heading."""

    __slots__ = ()


def _raised(markdown: str) -> Iterator[str]:
    """Give the lines of our Markdown, its headings raised to begin at the second level.

    In a notebook they begin at the fourth. Only lines outside of code are headings.
    """
    fence = ""
    for line in markdown.split("\n"):
        ticks = _FENCE.match(line)
        if fence:
            fence = "" if line == fence else fence
        elif ticks:
            fence = ticks[0]
        elif _HEADING.match(line):
            yield _Heading(line[2:])
            continue
        yield line
