"""What the forms of an answer have in common besides its text: limits, the prompt, suggestions, images."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from pplx_jupyter.pixels import MAX_IMAGES
from pplx_jupyter.render import clean, receipts
from pplx_jupyter.render.pieces import Code, Sentence
from pplx_jupyter.render.words import count, one_line, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.receipt import Receipt

__all__ = [
    "LONG",
    "SEARCHES",
    "Picture",
    "also_kept",
    "filled",
    "images",
    "kept",
    "loaded",
    "next_cells",
    "prompt",
    "thread",
]

_TEMPLATE = re.compile(r"\{(?=[{%#])")

LONG = 1500
SEARCHES = 20
_VALUE = 300


def kept(receipt: Receipt | None) -> str:
    """Give the expression for the answer in Python: ``prices.answer``; empty where there is none."""
    name = receipts.handle(receipt)
    return f"{name}.answer" if name else ""


def prompt(receipt: Receipt) -> str:
    """Give the prompt as sent, filled-in values over 300 characters cut."""
    text = plain(receipt.prompt or receipt.question).strip()
    for value in receipt.filled.values():
        whole = plain(value)
        if len(whole) > _VALUE:
            text = text.replace(whole, f"{whole[:_VALUE]}… ({len(whole):,} characters)")
    return text


def thread(receipt: Receipt | None) -> list[str]:
    """Name the questions that an answer's own follows, nearest first, a line each."""
    earlier = receipt.follows if receipt is not None else ()
    return [
        f"{'Which follows' if n else 'Follows'} {receipts.followed(each)}" for n, each in enumerate(earlier)
    ]


def filled(receipt: Receipt) -> list[Sentence]:
    """Give each filled-in value as a sentence: its name, its beginning."""
    return [
        (Code(f"{{{{ {one_line(name, 80)} }}}}"), f" {one_line(value, 80)}")
        for name, value in receipt.filled.items()
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """An image of the answer, ready to be shown.

    Attributes
    ----------
    label
        Its title and its host.
    url
        Fit for a link, or None where the address is withheld.
    embedded
        A ``data:`` address, where the image was fetched and may be shown.
    """

    label: str
    url: str | None
    embedded: str | None


def images(answer: Answer) -> list[Picture]:
    """Give the images of an answer. None is ever loaded; one that was fetched with the answer is embedded."""
    shown = []
    left = MAX_IMAGES
    for image in answer.images:
        url = clean.safe_url(image.url)
        host = clean.host(url) if url else "address withheld: not http(s)"
        title = one_line(image.title, 200)
        embedded = clean.image(image.data) if image.data and len(image.data) <= left else None
        left -= len(image.data) if embedded else 0
        shown.append(Picture(f"{title} ({host})" if title else host, url, embedded))
    return shown


def loaded(images: Sequence[Picture]) -> str:
    """Say whether images can be seen where HTML is shown: ``not loaded``, ``2 of 3 embedded in the HTML``."""
    embedded = sum(image.embedded is not None for image in images)
    if not embedded:
        return "not loaded"
    some = "" if embedded == len(images) else f"{embedded:,} of {len(images):,} "
    return f"{some}embedded in the HTML"


def next_cells(answer: Answer, receipt: Receipt | None) -> list[str]:
    """Give a cell for each question that the model suggests, as a person can copy and run it.

    A question never is a template: what stands in double braces would be filled in from the user's variables.
    """
    questions = [_TEMPLATE.sub("{ ", one_line(question, 500)) for question in answer.related_questions]
    after = ""
    if receipt is not None:
        # A name with a space would be two words of the line.
        job = receipt.name if receipt.name.isidentifier() else one_line(receipt.job_id, 80)
        after = f" --after {job}" if job else ""
    return [f"%%pplx_research{after}\n{question}" for question in questions if question]


def also_kept(answer: Answer, receipt: Receipt | None) -> Sentence:
    """Name what the forms without folds leave out, and where it is."""
    where = kept(receipt)
    words = len(answer.thinking.split())
    things = [
        "prompt as sent" if receipt is not None and prompt(receipt) else "",
        count(len(answer.searches), "search") if answer.searches else "",
        f"reasoning ({count(words, 'word')})" if words else "",
        count(len(answer.related_questions), "suggested question") if answer.related_questions else "",
    ]
    named = [thing for thing in things if thing]
    return (f"Also kept: {', '.join(named)} in ", Code(where)) if named and where else ()
