"""The sources of an answer as entries of a bibliography: checked, cleaned, and each with a key.

A key is readable and keeps its form wherever the source turns up again: the site, the year, and the
first word of the title that says something (``iea2024electricity``). Only sources of one answer that
would share a key get letters, in the order of their addresses and not of their places in the list.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from datetime import date
from typing import TYPE_CHECKING

from pplx_jupyter.render import clean, receipts
from pplx_jupyter.render.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pplx_jupyter.answer import Answer, Source
    from pplx_jupyter.receipt import Receipt

__all__ = ["Entry", "answered_on", "day_of", "entries", "tidy"]

_TITLE = 300
_WORD = 20
# Neither YAML nor XML can hold them.
_NO_CHARACTERS = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[T ].*)?")
_WORDS = re.compile(r"[a-z0-9]+")
_SECOND_LEVEL = frozenset(
    ["ac", "co", "com", "edu", "go", "gob", "gov", "gouv", "gv", "ne", "net", "or", "org"]
)
_SMALL = frozenset(
    _WORDS.findall(
        "a about after all an and are as at be been between but by can could das de del dem den der des die do does du"
        " ein eine el en et for from fur had has have he her his how i if il im in into is it its la las le les los may"
        " mit more most my new no not of on or our over per pour she should so sur than that the their them there these"
        " they this those to un una und une under us via von vs was we were what when where whether which who why will"
        " with would you your"
    )
)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A source as an entry of a bibliography.

    Attributes
    ----------
    key
        ASCII letters and digits, unlike any other of the same answer.
    url
        Fit for a link; empty where the address is withheld.
    site
        The host without ``www.``; empty without an address.
    issued
        Year, month and day of the page, as far as they are known.
    updated
        Those of its last change: no day on which it was issued.
    accessed
        The day on which the answer came; None where it is not known.
    simulated
        The simulator invented it.
    """

    key: str
    number: int
    title: str
    url: str
    site: str
    issued: tuple[int, ...]
    updated: tuple[int, ...]
    accessed: date | None
    simulated: bool


def entries(answer: Answer) -> list[Entry]:
    """Give the sources of an answer in the order of their numbers; the first of a number wins."""
    sources: dict[int, Source] = {}
    for source in answer.sources:
        sources.setdefault(source.number, source)
    accessed = answered_on(answer.receipt)
    simulated = answer.simulated or (answer.receipt is not None and answer.receipt.simulated)
    found = [_entry(source, accessed, simulated=simulated) for _, source in sorted(sources.items())]
    keys = _keys(found)
    return [dataclasses.replace(entry, key=keys[entry.number]) for entry in found]


def tidy(text: str, limit: int = _TITLE) -> str:
    """Give hostile text on one line, without what no format can hold."""
    return one_line(_NO_CHARACTERS.sub("", text), limit)


def answered_on(receipt: Receipt | None) -> date | None:
    """Give the day on which an answer came."""
    moment = receipt and (receipt.settled_at or receipt.asked_at)
    return receipts.local(moment, receipt).date() if receipt and moment else None


def day_of(text: str | None) -> tuple[int, ...]:
    """Read a date of the service's as year, month and day, as far as it goes; empty where it is none."""
    match = _DAY.fullmatch((text or "").strip()[:40])
    if match is None:
        return ()
    parts = tuple(int(part) for part in match.groups() if part)
    try:
        date(*(*parts, 1, 1)[:3])
    except ValueError:
        return ()
    return parts


def _entry(source: Source, accessed: date | None, *, simulated: bool) -> Entry:
    url = clean.safe_url(source.url) or ""
    site = clean.host(url).removeprefix("www.") if url else ""
    title = tidy(source.title) or site or f"Source {source.number}"
    days = day_of(source.date), day_of(source.last_updated)
    return Entry("", source.number, title, url, site, *days, accessed, simulated)


def _keys(found: list[Entry]) -> Mapping[int, str]:
    groups: dict[str, list[Entry]] = {}
    for entry in found:
        groups.setdefault(_base(entry), []).append(entry)
    taken = {base for base, group in groups.items() if len(group) == 1}
    keys = {group[0].number: base for base, group in groups.items() if len(group) == 1}
    for base, group in sorted(groups.items()):
        if len(group) == 1:
            continue
        letters = _letters()
        for entry in sorted(group, key=lambda each: (each.url, each.title, each.number)):
            key = next(key for letter in letters if (key := base + letter) not in taken)
            taken.add(key)
            keys[entry.number] = key
    return keys


def _letters() -> Iterator[str]:
    n = 0
    while True:
        n += 1
        rest, text = n, ""
        while rest:
            rest, digit = divmod(rest - 1, 26)
            text = chr(ord("a") + digit) + text
        yield text


def _base(entry: Entry) -> str:
    site = _site(entry.site)
    year = str(entry.issued[0]) if entry.issued else ""
    path = entry.url.partition("://")[2].partition("/")[2].partition("?")[0]
    said = [word for word in _ascii_words(entry.title) if len(word) > 1]
    known = {site, "html", *_WORDS.findall(entry.site), *_SMALL}
    other = [word for word in [*said, *_ascii_words(path)] if word not in known and not word.isdigit()]
    word = other[0] if other else ""
    base = f"{site[:_WORD]}{year}{word[:_WORD]}"
    return base if base[:1].isalpha() else f"source{base}"


def _site(host: str) -> str:
    """Give the name by which people know a site: ``bbc`` of ``news.bbc.co.uk``."""
    labels = host.removeprefix("www.").split(":")[0].split(".")
    if host.startswith("[") or labels[-1].isdigit():
        return ""
    labels = labels[:-1] or labels
    if len(labels) > 1 and labels[-1] in _SECOND_LEVEL:
        labels = labels[:-1]
    return "".join(_ascii_words(_shown(labels[-1])))


def _shown(label: str) -> str:
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        return label


def _ascii_words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text.replace("’", "").replace("'", ""))
    return _WORDS.findall(folded.encode("ascii", "ignore").decode().lower())
