"""Simulated answers: the same question gives the same answer, different ones differ in shape.

A word ``shape:NAME`` in the prompt (NAME from `SHAPES`, several may stand) forces what the answer
holds; then it holds nothing else of the kind.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.simulator import prose
from pplx_jupyter.simulator.instances import instance
from pplx_jupyter.simulator.sources import Page, invent_pages, invent_queries

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SHAPES", "Draft", "controls", "dice", "subject_of", "write"]

SHAPES: dict[str, str] = {
    "plain": "prose only",
    "table": "a pipe table with markers in its cells",
    "code": "a fenced block with brackets and dollars in it",
    "math": "inline, display and bracketed LaTeX",
    "prices": "dollar amounts that are not math",
    "list": "nested and numbered lists, right after a paragraph",
    "think": "a leading <think> block (sonar)",
    "unclosed_think": "a <think> block that is never closed (sonar)",
    "unresolved": "markers that name no source",
    "no_sources": "no source at all, no marker",
    "no_markers": "sources, but no marker",
    "citations_only": "citations without search_results (sonar)",
    "parts": "content as a list of parts",
    "hostile": "scripts, unsafe links and an unsafe source address",
    "long": "more than 1,500 words",
    "empty": "no text",
}
_SECTIONS = {
    "table": prose.TABLE,
    "code": prose.CODE,
    "math": prose.MATH,
    "prices": prose.PRICES,
    "list": prose.LIST,
    "hostile": prose.HOSTILE,
}
# How often an unforced answer has a shape.
_ODDS = {
    "table": 0.6,
    "code": 0.2,
    "math": 0.3,
    "prices": 0.4,
    "list": 0.6,
    "think": 0.6,
    "unresolved": 0.15,
    "no_sources": 0.05,
}
_SUBJECT_WORDS = 7
_CONTROL = re.compile(r"(?<!\S)(shape|outcome|seconds):([\w.]+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """What an answer is made of, before an API's body is built around it."""

    text: str
    thinking: str
    pages: tuple[Page, ...]
    queries: tuple[str, ...]
    related: tuple[str, ...]
    shapes: frozenset[str]


def controls(prompt: str) -> dict[str, list[str]]:
    """Read the words of a prompt that steer the simulator: ``shape:``, ``outcome:``, ``seconds:``."""
    found: dict[str, list[str]] = {}
    for name, value in _CONTROL.findall(prompt):
        found.setdefault(name, []).append(value)
    return found


def dice(prompt: str, seed: int, purpose: str) -> random.Random:
    """Give a random generator that depends on the arguments alone."""
    digest = hashlib.sha256(f"{seed}\0{purpose}\0{prompt}".encode(errors="replace")).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def subject_of(prompt: str) -> str:
    """Give the first words of a prompt, fit to stand in a Markdown sentence."""
    first = _CONTROL.sub(" ", prompt)
    first = re.sub(r"[<>\[\]*_`$\\|#{}“”\"]", " ", first)
    words = first.split()
    subject = " ".join(words[:_SUBJECT_WORDS]).strip(" .,:;?!-")[:90].strip()
    return subject + ("…" if len(words) > _SUBJECT_WORDS else "") if subject else "an empty question"


def write(
    prompt: str,
    *,
    seed: int = 0,
    pages: int | None = None,
    queries: int = 10,
    web_markers: bool = False,
    schema: Mapping[str, Any] | None = None,
) -> Draft:
    """Write the simulated answer to a prompt.

    Parameters
    ----------
    pages
        How many sources are invented; None for 8 to 20 by the prompt.
    queries
        How many search queries are made up.
    web_markers
        Markers read ``[web:3]`` for some prompts, else always ``[3]``.
    schema
        A JSON schema: the text is then JSON that satisfies it.
    """
    rng = dice(prompt, seed, "answer")
    subject = subject_of(prompt)
    shapes = _shapes(prompt, rng)
    count = 0 if "no_sources" in shapes else (rng.randrange(8, 21) if pages is None else pages)
    found = invent_pages(subject, count, rng)
    if "hostile" in shapes and found:
        found = (
            dataclasses.replace(found[0], url="javascript:alert(1)", title="<b>bold</b> claim"),
            *found[1:],
        )
    marker = _Marker(rng, count, shapes, "[web:{}]" if web_markers and rng.random() < 0.5 else "[{}]")
    text = _text(subject, shapes, marker, rng)
    if schema is not None:
        text = json.dumps(instance(schema), ensure_ascii=False)
    thinking = (
        "\n".join(prose.THINKING).replace("{s}", subject) if shapes & {"think", "unclosed_think"} else ""
    )
    return Draft(
        text="" if "empty" in shapes else text,
        thinking=thinking,
        pages=found,
        queries=invent_queries(subject, queries),
        related=tuple(
            f"{lead} “{subject}”?" for lead in ("Who publishes figures on", "What changed last year about")
        ),
        shapes=shapes,
    )


def _shapes(prompt: str, rng: random.Random) -> frozenset[str]:
    drawn = {name for name, odds in _ODDS.items() if rng.random() < odds}
    forced = {name for name in controls(prompt).get("shape", ()) if name in SHAPES}
    return frozenset(forced or drawn)


@dataclasses.dataclass
class _Marker:
    """Gives the markers that stand behind a sentence, unordered as the service's are."""

    rng: random.Random
    count: int
    shapes: frozenset[str]
    form: str

    def __call__(self) -> str:
        if not self.count or "no_markers" in self.shapes:
            return ""
        # The last source stays uncited, so that a reader of answers meets one.
        numbers = self.rng.sample(
            range(1, max(2, self.count)), k=min(self.rng.choice((1, 1, 1, 2)), max(1, self.count - 1))
        )
        return "".join(self.form.format(number) for number in numbers)

    def lost(self) -> str:
        return self.form.format(self.count + 3)


def _text(subject: str, shapes: frozenset[str], marker: _Marker, rng: random.Random) -> str:
    extra = [text for name, text in _SECTIONS.items() if name in shapes]
    length = len(prose.SECTIONS) if "long" in shapes else rng.randrange(4, 6) - (len(extra) > 2)
    essays = rng.sample(prose.SECTIONS, k=length)
    if "long" in shapes:
        essays += [essay.replace("## ", "### Again: ", 1) for essay in essays]
    middle = [*essays, *extra]
    rng.shuffle(middle)
    blocks = [prose.SIMULATED, prose.OPENING, *middle]
    text = re.sub(r"\{m\}", lambda _: marker(), "\n\n".join(blocks).replace("{s}", subject))
    if "unresolved" in shapes:
        text += f"\n\nOne statement names a page that was not kept.{marker.lost()} It is said twice.{marker.lost()}"
    return text + "\n"
