"""The forms of answers of many shapes are those that a person has read.

    python -m tests.render.test_golden

writes them anew; then look at what changed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import html5lib
import pytest
from markdown_it import MarkdownIt

from pplx_jupyter.render import answer_forms, stylesheet
from tests.render.golden_answers import ANSWERS

FOLDER = Path(__file__).parent / "golden"
FORMS = {"html": "text/html", "md": "text/markdown", "txt": "text/plain"}
_BLOCKS = "p|h[3-6]|div|ul|ol|li|table|thead|tbody|tr|td|th|pre|blockquote|details|summary|footer|hr|img"


def forms_of(name: str) -> dict[str, str]:
    """Give the three forms of an answer by the endings of their files; the HTML without the stylesheet."""
    case = ANSWERS[name]
    forms = answer_forms(case.answer, case.receipt, brief=case.brief, usual=case.usual)
    shown = {ending: forms[mime] for ending, mime in FORMS.items()}
    shown["html"] = re.sub(rf"(?=<(?:{_BLOCKS})\b)", "\n", shown["html"].replace(stylesheet(), ""))
    return {ending: text.strip() + "\n" for ending, text in shown.items()}


def file_of(name: str, ending: str) -> Path:
    return FOLDER / f"{re.sub(r'[^a-z]+', '-', name.lower())}.{ending}"


def tree_of(markup: str) -> Any:
    """Give HTML as a tree that spaces around blocks and the order of attributes do not change."""
    return _node(html5lib.parseFragment(markup, namespaceHTMLElements=False), quiet=False)


def _node(element: Any, *, quiet: bool) -> Any:
    quiet = quiet or element.tag == "pre"
    children: list[Any] = [_text(element.text, quiet=quiet)]
    for child in element:
        children += [_node(child, quiet=quiet), _text(child.tail, quiet=quiet)]
    return [element.tag, dict(element.attrib), [child for child in children if child]]


def _text(text: str | None, *, quiet: bool) -> str:
    return (text or "") if quiet else re.sub(r"\s+", " ", text or "").strip()


@pytest.mark.parametrize("name", ANSWERS)
def test_the_forms_are_those_that_were_read(name: str) -> None:
    shown = forms_of(name)
    kept = {ending: file_of(name, ending).read_text("utf-8") for ending in FORMS}
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    assert tree_of(shown["html"]) == tree_of(kept["html"])
    assert tree_of(markdown.render(shown["md"])) == tree_of(markdown.render(kept["md"]))
    assert shown["txt"] == kept["txt"]


def test_no_file_is_left_over() -> None:
    wanted = {file_of(name, ending).name for name in ANSWERS for ending in FORMS}
    assert {path.name for path in FOLDER.iterdir()} == wanted
    assert len(ANSWERS) >= 12


if __name__ == "__main__":
    for old in FOLDER.iterdir():
        old.unlink()
    for name in ANSWERS:
        for ending, text in forms_of(name).items():
            file_of(name, ending).write_text(text, "utf-8")
