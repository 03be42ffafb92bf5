"""The sources of an answer as the forms show them: addresses checked, titles cleaned, citations counted."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplx_jupyter.render import clean
from pplx_jupyter.render.words import iso_day, one_line, times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.answer import Answer, Source

__all__ = ["Ref", "references"]

_TITLE, _SNIPPET = 300, 2000
WITHHELD = "address withheld: not http(s)"


@dataclasses.dataclass(frozen=True, slots=True)
class Ref:
    """A source, ready to be shown.

    Attributes
    ----------
    url
        Fit for a link, or None where the address is withheld.
    site
        The host without ``www.``, or what to say in its place.
    cited
        How often the text cites it.
    """

    number: int
    title: str
    url: str | None
    site: str
    date: str
    cited: int
    snippet: str

    @property
    def about(self) -> list[str]:
        """Site, date and how often it is cited, each as words."""
        said = [self.site, self.date or "no date"]
        return [*said, f"cited {times(self.cited)}"] if self.cited else said

    @property
    def label(self) -> str:
        """The words that a citation shows when pointed at."""
        return f"{self.number}: {self.title} ({self.site}, {self.date or 'no date'})"


def references(answer: Answer, cited: Mapping[int, int]) -> dict[int, Ref]:
    """Give the sources of an answer by number, in the order of their numbers; the first of a number wins."""
    refs: dict[int, Ref] = {}
    for source in answer.sources:
        if source.number in refs:
            continue
        url = clean.safe_url(source.url)
        site = (
            clean.host(url).removeprefix("www.")
            if url
            else (WITHHELD if source.url.strip() else "no address")
        )
        refs[source.number] = Ref(
            number=source.number,
            title=one_line(source.title, _TITLE) or (site if url else f"Source {source.number}"),
            url=url,
            site=site,
            date=iso_day(source.date) or _updated(source),
            cited=cited.get(source.number, 0),
            snippet=one_line(source.snippet, _SNIPPET),
        )
    return dict(sorted(refs.items()))


def _updated(source: Source) -> str:
    """Say when a page that has no date of its own was changed last: it may be much older."""
    day = iso_day(source.last_updated)
    return f"updated {day}" if day else ""
