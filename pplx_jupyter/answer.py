"""Answer and what it is made of: one shape for the bodies of both APIs.

These are plain frozen records. `pplx_jupyter.reading` makes them from a body;
`pplx_jupyter.render` makes something to look at from them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from pplx_jupyter.render.words import one_line, plain

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pplx_jupyter.diff import Diff
    from pplx_jupyter.export.records import Claim, Section
    from pplx_jupyter.receipt import Receipt

__all__ = ["Answer", "Cost", "Image", "Search", "Source", "Usage"]


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A page that the answer rests on.

    Attributes
    ----------
    number
        What a marker ``[n]`` names it by: its place (sonar, from 1) or its result id (agent).
    url
        As the service sent it: not yet checked, see `pplx_jupyter.render.clean`.
    date, last_updated
        As the service sent them, usually ``YYYY-MM-DD``; None where none was sent.
    """

    number: int
    url: str
    title: str = ""
    date: str | None = None
    last_updated: str | None = None
    snippet: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """An image that came with the answer; never loaded unless asked for.

    Attributes
    ----------
    origin_url
        The page that it is on.
    data
        The image itself, where it was asked for and fetched as the answer came.
    """

    url: str
    origin_url: str = ""
    title: str = ""
    width: int | None = None
    height: int | None = None
    data: bytes = dataclasses.field(default=b"", repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Search:
    """One step of the search, as far as the service tells.

    Attributes
    ----------
    kind
        ``"searched"`` (text is the query) or ``"read"`` (text is the page's address).
    results
        How many pages the step found; None where not told.
    """

    kind: str
    text: str
    results: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """Token and search counts in one vocabulary for both APIs; None where not sent."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    citation_tokens: int | None = None
    reasoning_tokens: int | None = None
    search_queries: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What the answer cost, in US dollars.

    Attributes
    ----------
    total
        The server's ``total_cost``; computed only where that is absent (then `estimated`);
        None where it is not known. Never 0 for "unknown".
    items
        The server's own items, such as ``{"reasoning_tokens": 0.4296}``, in its order,
        without the ``_cost`` ending and without the total.
    """

    total: float | None = None
    items: Mapping[str, float] = dataclasses.field(default_factory=dict)
    estimated: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a question.

    Attributes
    ----------
    text
        The Markdown as the service sent it, without the thinking block.
    thinking
        The content of a leading ``<think>`` block, or ``""``.
    sources
        In the order sent; look one up by `source`, never by position.
    searches
        What was searched and read (agent only).
    incomplete
        The reason why the answer ends early (``"max_output_tokens"``), else None.
    model
        The model that the service says it used.
    simulated
        Made by the simulator: every form says so.
    understood
        False where the body had no shape this version knows; `raw` is then all there is.
    raw
        The body, whole, as decoded from JSON.
    receipt
        How it came, where it came from a job.
    schema
        The JSON schema that was asked for, where one was: see `parsed`.
    """

    text: str = ""
    thinking: str = ""
    sources: Sequence[Source] = ()
    images: Sequence[Image] = ()
    related_questions: Sequence[str] = ()
    searches: Sequence[Search] = ()
    usage: Usage = dataclasses.field(default_factory=Usage)
    cost: Cost = dataclasses.field(default_factory=Cost)
    incomplete: str | None = None
    model: str = ""
    simulated: bool = False
    understood: bool = True
    raw: Any = None
    receipt: Receipt | None = dataclasses.field(default=None, compare=False)
    schema: Mapping[str, Any] | None = dataclasses.field(default=None, compare=False)

    @property
    def parsed(self) -> Any:
        """The answer's data, where it is JSON of the shape that was asked for; else None, and `invalid` says why.

        Where the shape was given as a pydantic model in this process it is an instance of that.
        """
        value = self.json
        if self.schema is None:
            return value
        from pplx_jupyter.schema import check

        value, reason = check(value, self.schema)
        return None if reason else value

    @property
    def invalid(self) -> str:
        """Why the answer has not the shape that was asked for; an empty text where it has, or none was.

        It begins with "could not be checked:" where that cannot be told, such as for an answer nested too deeply.
        """
        from pplx_jupyter.schema import check

        return "" if self.schema is None else check(self.json, self.schema)[1]

    @property
    def json(self) -> Any:
        """What `text` holds where it is JSON, whatever its shape; None where it is none.

        Only an object or an array counts: a number alone is an ordinary, short answer. JSON in a
        fenced block, where nothing stands around it, is JSON, too. Its texts are cleaned as they are for
        being shown: control and bidirectional characters are left out, half surrogates become U+FFFD.
        """
        from pplx_jupyter.render.decoded import decode

        return decode(self.text)

    def source(self, number: int) -> Source | None:
        """Give the source that a marker ``[number]`` names, or None."""
        return next((s for s in self.sources if s.number == number), None)

    def diff(self, other: Answer) -> Diff:
        """Tell what changed from an earlier answer to this one: sources, sections, sentences, numbers.

        Raises
        ------
        RequestError
            `other` is no answer.
        """
        from pplx_jupyter.diff import compare
        from pplx_jupyter.errors import RequestError

        if not isinstance(other, Answer):
            raise RequestError(
                f"answer.diff compares with another answer, not with a {type(other).__name__}; job.diff() finds the last one itself."
            )
        return compare(other, self)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the answer to a file, whole or not at all; give its path.

        An answer that was saved there before is replaced, any other file is not, and never the
        notebook that is open.

        Parameters
        ----------
        path
            Where to; its ending says what. Documents: ``.md``, ``.txt``, ``.html`` (a page of its own,
            without script; the extra ``documents`` sets its formulas), ``.ipynb`` (Markdown cells), ``.qmd``
            (for Quarto, with its bibliography), ``.docx`` and ``.pdf`` (these two need the extra
            ``documents``). All there is, the body of the service included: ``.json``. The sources alone:
            ``.bib``, ``.ris``, ``.csl.json``.
        overwrite
            Replace any file.

        Raises
        ------
        RequestError
            The name has no known ending, or another file stands there.
        PplxError
            It cannot be written, or a tool is missing.
        """
        from pplx_jupyter.export.files import save

        return save(self, path, overwrite=overwrite)

    def to_markdown(self, citations: Literal["links", "pandoc"] = "links") -> str:
        """Give the answer as Markdown that is safe in itself.

        Parameters
        ----------
        citations
            ``"links"``: a whole document, in which each ``[1]`` links to its source. ``"pandoc"``: the
            text alone with ``[@iea2024electricity]``, for a document of Quarto, MyST or pandoc whose
            bibliography is saved with ``answer.save("references.bib")``.

        Raises
        ------
        RequestError
            `citations` is something else.
        """
        from pplx_jupyter.errors import RequestError
        from pplx_jupyter.export.documents import to_markdown
        from pplx_jupyter.export.quarto import to_cited_markdown

        writers = {"links": to_markdown, "pandoc": to_cited_markdown}
        if citations not in writers:
            raise RequestError(f"citations={citations!r}: choose 'links' or 'pandoc'.", field="citations")
        return writers[citations](self)

    def to_bibtex(self) -> str:
        """Give the sources as BibLaTeX, ``@online`` entries with the day on which the answer came.

        A key is of the site, the year and the title, such as ``iea2024electricity``; the same source
        has the same key in another answer, as long as no other source there begins like it.
        """
        from pplx_jupyter.export.references import to_bibtex

        return to_bibtex(self)

    def to_ris(self) -> str:
        """Give the sources as RIS, for Zotero, EndNote and the like; keys as in `to_bibtex`."""
        from pplx_jupyter.export.references import to_ris

        return to_ris(self)

    def to_csl_json(self) -> str:
        """Give the sources as CSL-JSON, for Zotero, pandoc and the like; keys as in `to_bibtex`."""
        from pplx_jupyter.export.references import to_csl_json

        return to_csl_json(self)

    def to_frame(self) -> Any:
        """Give the sources as a data frame: number, url, domain, title, date, last_updated, cited.

        Both days are as the service sent them, and missing where it sent none. `url` is empty where the address is no ordinary one of the web, `cited` counts the markers in
        the text. Without pandas it is a list of dicts.
        """
        from pplx_jupyter.export.frames import sources_frame

        return sources_frame(self)

    def tables(self) -> list[Any]:
        """Give every table of the text as a data frame, its columns typed where all their cells allow it.

        Whole numbers, decimals, percents (12.5 for ``12.5 %``), amounts and days are read as such.
        `attrs` of a frame has its ``"section"``, the ``"units"`` of columns (``{"Share": "%"}``), and the
        ``"citations"`` that were taken off: row (-1 is the head), column, numbers of the sources. A column
        that holds nothing else has these numbers. Without pandas each is a list of dicts, with the same `attrs`.
        """
        from pplx_jupyter.export.frames import tables

        return tables(self)

    def sections(self) -> list[Section]:
        """Give the sections of the text: level, title, and text without markup."""
        from pplx_jupyter.export.records import sections

        return sections(self)

    def claims(self) -> list[Claim]:
        """Give the sentences, items and rows of the text, each with the numbers of the sources that it cites.

        Whether a source supports its sentence is not checked.
        """
        from pplx_jupyter.export.records import claims

        return claims(self)

    def __repr__(self) -> str:
        model = one_line(self.model, 80) or "unknown"
        return f"<Answer {len(self.text):,} characters, {len(self.sources)} sources, model {model}>"

    def __str__(self) -> str:
        """Give the text for a terminal or a log: without characters that would steer it, or hide words."""
        return plain(self.text)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from pplx_jupyter.render import answer_forms

        return answer_forms(self, self.receipt)
