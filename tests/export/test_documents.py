"""Markdown, text, a notebook and a web page: whole, standing alone, and quiet."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import re
from typing import Any

import html5lib
import nbformat
import pytest
from markdown_it import MarkdownIt

from pplx_jupyter.answer import Answer
from pplx_jupyter.errors import RequestError
from pplx_jupyter.export.documents import to_notebook, to_text
from pplx_jupyter.export.web_page import to_html
from pplx_jupyter.receipt import Receipt


def page(answer: Answer) -> Any:
    return html5lib.parse(to_html(answer), namespaceHTMLElements=False)


def headings(markdown: str) -> list[str]:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    return [
        f"{token.tag} {tokens[n + 1].content}"
        for n, token in enumerate(tokens)
        if token.type == "heading_open"
    ]


def test_markdown_is_a_document_with_the_question_as_its_title(answer: Answer) -> None:
    text = answer.to_markdown()
    assert headings(text) == [
        "h1 How have EU prices developed?",
        "h2 Means by year",
        "h3 Details",
        "h2 Sources",
    ]
    assert "\n  ### no heading\n" in text or "\n### no heading\n" in text
    assert "[\\[1\\]](https://www.iea.org/reports/electricity-2024)" in text
    assert "javascript" not in text


def test_code_that_looks_like_a_heading_stays() -> None:
    text = Answer(text="````text\n#### a\n#### a\n```\n##### b\n````\n\n# c\n").to_markdown()
    assert "\n#### a\n#### a\n```\n##### b\n" in text
    assert headings(text) == ["h1 Answer", "h2 c"]


def test_the_same_answer_gives_the_same_file_from_every_run(answer: Answer) -> None:
    assert answer.receipt
    again = dataclasses.replace(
        answer.receipt, reuse="ledger", now=datetime.datetime(2026, 12, 24, tzinfo=datetime.UTC)
    )
    reused = dataclasses.replace(answer, receipt=again)
    assert reused.to_markdown() == answer.to_markdown()
    assert to_html(reused) == to_html(answer)
    assert "From your ledger" not in to_text(reused)
    zones = [datetime.timezone(datetime.timedelta(hours=n)) for n in (1, -5)]
    pinned = [
        dataclasses.replace(
            answer.receipt,
            reuse="lockfile",
            asked_at=answer.receipt.asked_at and answer.receipt.asked_at.astimezone(zone),
            settled_at=answer.receipt.settled_at and answer.receipt.settled_at.astimezone(zone),
        )
        for zone in zones
    ]
    one, other = (dataclasses.replace(answer, receipt=receipt).to_markdown() for receipt in pinned)
    assert one == other
    assert "+00:00" in one


def test_citations_are_links_or_keys(answer: Answer) -> None:
    assert "[@iea2024electricity; @bbc2025price]" in answer.to_markdown(citations="pandoc")
    with pytest.raises(RequestError, match="citations='bibtex': choose 'links' or 'pandoc'"):
        answer.to_markdown(citations="bibtex")  # type: ignore[arg-type]


def test_text_is_headed_and_complete(answer: Answer) -> None:
    lines = to_text(answer).splitlines()
    assert lines[:2] == ["How have EU prices developed?", "=" * 96]
    assert "https://www.iea.org/reports/electricity-2024" in to_text(answer)
    assert lines[-1].startswith("Written by pplx_jupyter ")


def test_the_notebook_is_valid_and_runs_nothing(answer: Answer, hostile: Answer) -> None:
    for each in (answer, hostile, Answer()):
        notebook = nbformat.reads(to_notebook(each), as_version=4)
        nbformat.validate(notebook)
        assert {cell.cell_type for cell in notebook.cells} == {"markdown"}
    notebook = nbformat.reads(to_notebook(answer), as_version=4)
    assert [cell.source.splitlines()[0] for cell in notebook.cells] == [
        "# How have EU prices developed?",
        "## Means by year",
        "### Details",
        "## Sources",
    ]
    assert notebook.metadata.pplx_jupyter["job"] == "7f3a9c"
    assert "\n".join(c.source for c in notebook.cells).split() == answer.to_markdown().split()


def test_the_page_has_title_language_charset_and_one_h1(answer: Answer) -> None:
    tree = page(answer)
    assert tree.get("lang") == "en"
    assert to_html(answer).index('<meta charset="utf-8">') < 100
    assert tree.find("head/title").text == "How have EU prices developed?"
    assert [h.text for h in tree.iter("h1")] == ["How have EU prices developed?"]
    levels = [int(e.tag[1]) for e in tree.iter() if re.fullmatch("h[1-6]", str(e.tag))]
    assert levels == [1, 2, 3, 2]
    # The stylesheet knows the headings by their new levels.
    styles = "".join(style.text for style in tree.iter("style"))
    assert ":is(h1,h2,h3,h4)" in styles
    assert not re.search(r"h[56]", styles)


def test_the_page_allows_its_own_style_and_nothing_else(answer: Answer) -> None:
    tree = page(answer)
    [policy] = [
        meta.get("content")
        for meta in tree.iter("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    assert rules["img-src"] == ["data:"]
    assert rules["base-uri"] == rules["form-action"] == ["'none'"]
    digests = [
        base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
        for style in tree.iter("style")
    ]
    assert rules["style-src-elem"] == [f"'sha256-{digest}'" for digest in digests]
    assert len(digests) == 2
    assert "script-src" not in rules


def test_the_page_holds_nothing_that_runs_or_loads(answer: Answer, hostile: Answer) -> None:
    asked = Receipt("x", question="</title><script>alert(1)</script> \u202eabc \x00", prompt="?")
    for each in (answer, hostile, dataclasses.replace(hostile, receipt=asked)):
        tree = page(each)
        assert not {"script", "img", "iframe", "link", "base", "form", "object", "svg"} & {
            e.tag for e in tree.iter()
        }
        for element in tree.iter():
            assert not any(name.startswith("on") for name in element.attrib), element.attrib
            href = element.get("href", "#")
            assert href.startswith(("#", "https://")), href
        ids = [e.get("id") for e in tree.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
    assert not re.search("[\x00\u202e]", to_html(dataclasses.replace(hostile, receipt=asked)))
    title = page(dataclasses.replace(hostile, receipt=asked)).find("head/title").text
    assert title == "</title><script>alert(1)</script> abc"


def test_the_page_knows_the_dark_and_the_printer(answer: Answer) -> None:
    text = to_html(answer)
    assert '<meta name="color-scheme" content="light dark">' in text
    assert "color-scheme:light dark" in text
    assert "@media print" in text
    assert "background:Canvas;color:CanvasText" in text
