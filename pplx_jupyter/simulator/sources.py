"""Invented pages on hosts that cannot exist (``.example``), the same for the same question."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

__all__ = ["Page", "invent_pages", "invent_queries"]

_HOSTS = (
    "statistics-office.example",
    "quarterly-review.example",
    "daily-ledger.example",
    "open-register.example",
    "institute-for-questions.example",
    "encyclopaedia.example",
    "field-notes.example",
    "city-archive.example",
    "survey-centre.example",
    "proceedings.example",
)
_TITLES = (
    "{s}: the yearly figures",
    "A survey of {s}",
    "{s}, explained",
    "What we know about {s}",
    "{s} - Encyclopaedia",
    "Notes on {s}",
    "Measuring {s}: methods & limits",
    "{s} in ten tables",
)
_SNIPPETS = (
    "The register counts {s} once a year. ... Figures before the change of method are kept in a separate table.",
    "## {s}\n...\n|Year|Narrow|Wide|\n|--|--|--|\n|2015|41.2|58.7|\n|2025|47.9|60.1|",
    "We asked 1,204 people about {s}. Two thirds answered; the tables show weighted shares.",
    "{s} is described here for readers without prior knowledge\ufffd the history section is longer than needed.",
)
_QUERIES = (
    "{s}",
    "{s} statistics by year",
    "{s} definition and scope",
    "{s} criticism of methods",
    "{s} cost per unit",
    "{s} regional differences",
    "{s} latest report",
    "{s} history",
    "{s} who publishes figures",
    "{s} survey results",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """An invented page; `number` counts from 1, dates are ``YYYY-MM-DD``."""

    number: int
    url: str
    title: str
    date: str | None
    last_updated: str
    snippet: str


def invent_pages(subject: str, count: int, rng: random.Random) -> tuple[Page, ...]:
    """Invent `count` pages about a subject, numbered from 1; about one in five has no date."""
    slug = re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-")[:40].strip("-") or "question"
    return tuple(_page(number, subject, slug, rng) for number in range(1, count + 1))


def _page(number: int, subject: str, slug: str, rng: random.Random) -> Page:
    host = _HOSTS[(number - 1 + rng.randrange(3)) % len(_HOSTS)]
    year = rng.randrange(2012, 2027)
    dated = rng.random() >= 0.2
    date = f"{year}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
    return Page(
        number=number,
        url=f"https://{host}/{year}/{slug}-{number}",
        title=rng.choice(_TITLES).replace("{s}", subject),
        date=date if dated else None,
        last_updated=f"2026-{rng.randrange(1, 11):02}-{rng.randrange(1, 29):02}",
        snippet=rng.choice(_SNIPPETS).replace("{s}", subject),
    )


def invent_queries(subject: str, count: int) -> tuple[str, ...]:
    """Give `count` search queries about a subject."""
    rounds = -(-count // len(_QUERIES))
    every = [
        query.replace("{s}", subject) + (f" part {part}" if part > 1 else "")
        for part in range(1, rounds + 1)
        for query in _QUERIES
    ]
    return tuple(every[:count])
