"""Markdown as models write it is read as GitHub's CommonMark is, by markdown-it-py as the judge."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pplx_jupyter.reading import read_answer
from pplx_jupyter.render import as_markdown, body
from tests.render.composed import document
from tests.render.corpus_trees import Tree, ours, theirs

RECORDED = Path(__file__).parents[3] / "shared" / "recorded"
_PARTS = re.split(
    r"^%%% (.*)\n", (Path(__file__).parent / "corpus" / "cases.md").read_text("utf-8"), flags=re.MULTILINE
)
CASES = {name: text.rstrip("\n") for name, text in zip(_PARTS[1::2], _PARTS[2::2], strict=True)}

# Read otherwise than GitHub does, on purpose.
OTHERWISE = {
    "a reference list that the model wrote": "each entry keeps its own line",
    "tasks": "boxes are drawn as characters",
    "under a number by two spaces": "the inner list stays in its item, and the numbers in one list",
    "bullets of typography": "they are a list",
}
MOST = 0.06

# What the `markdown` package alone gets wrong, and what must never be among the differences.
SYMPTOMS = [
    "a list right after a paragraph",
    "a numbered list right after a paragraph",
    "nesting by two spaces",
    "nesting by three spaces under numbers",
    "nesting by four spaces",
    "nesting by four spaces under numbers",
    "items with two paragraphs",
    "a fence in an item",
    "a fence in a numbered item after a blank line",
    "a fence right after a paragraph",
    "a table after a paragraph",
    "a table in an item",
    "a table in a numbered item after a blank line",
    "an escaped bar in a table",
    "bullets, then numbers",
    "numbers, then bullets",
    "bracket numbers",
    "a list that starts at three",
    "a hash without a space",
    "soft ends of lines",
    "raw HTML is text",
    "a heading without blank lines",
    "a reference list as definitions",
    "a reference list by bullets",
]

COMPOSED = 400
COMPOSED_DIFFER = 0
"""How many of the composed documents may be read otherwise: this never grows."""


@pytest.mark.parametrize("name", sorted(CASES.keys() - OTHERWISE.keys()))
def test_a_case_is_read_as_the_judge_reads_it(name: str) -> None:
    assert ours(CASES[name]) == theirs(CASES[name])


def test_the_other_differences_are_few_and_known(capsys: pytest.CaptureFixture[str]) -> None:
    differ = [name for name in OTHERWISE if ours(CASES[name]) != theirs(CASES[name])]
    with capsys.disabled():
        for name in differ:
            print(f"\nread otherwise: {name}: {OTHERWISE[name]}", end="")
    assert differ == list(OTHERWISE)
    assert len(CASES) >= 60
    assert len(OTHERWISE) <= MOST * len(CASES)
    assert not set(SYMPTOMS) & set(OTHERWISE)
    assert set(SYMPTOMS) <= CASES.keys()


def test_composed_documents() -> None:
    differ = [seed for seed in range(COMPOSED) if ours(document(seed)) != theirs(document(seed))]
    assert len(differ) <= COMPOSED_DIFFER, [document(seed) for seed in differ[:3]]


def test_recorded_texts() -> None:
    if not RECORDED.is_dir():
        pytest.skip(f"the recorded bodies are not at {RECORDED}")
    texts = [
        read_answer(json.loads(path.read_text("utf-8")), backend).text
        for path in sorted(RECORDED.glob("*.json"))
        for backend in ("sonar", "agent")
    ]
    texts = [text for text in texts if text.strip()]
    assert len(texts) >= 6
    for text in texts:
        assert ours(text) == theirs(text)


CJK: dict[str, Tree] = {
    "**重点。**后": [["strong", "重点。"], "后"],
    "**「引用」**は": [["strong", "「引用」"], "は"],
    "これは**「重要」**です": ["これは", ["strong", "「重要」"], "です"],
    "*强调，*后": [["em", "强调，"], "后"],
    "中文**加粗**中文": ["中文", ["strong", "加粗"], "中文"],
    "中文*斜体*中文": ["中文", ["em", "斜体"], "中文"],
    "**注意：**请看[1]。": [["strong", "注意："], "请看[1]。"],
    "**한국어(Korean)**은": [["strong", "한국어(Korean)"], "은"],
    "~~删除。~~后": [["del", "删除。"], "后"],
    "前**粗*斜*粗**后": ["前", ["strong", "粗", ["em", "斜"], "粗"], "后"],
    "**2024年**、**2025年**": [["strong", "2024年"], "、", ["strong", "2025年"]],
    "价格为**$20**到**$30**。": ["价格为", ["strong", "$20"], "到", ["strong", "$30"], "。"],
    "**A。****B。**后": [["strong", "A。"], ["strong", "B。"], "后"],
    "*“引文。”*他说": [["em", "“引文。”"], "他说"],
    "内容。**结论：**好": ["内容。", ["strong", "结论："], "好"],
    "**Note:**text": [["strong", "Note:"], "text"],
    "前_斜_后": ["前_斜_后"],
}


@pytest.mark.parametrize("text", CJK)
def test_emphasis_without_spaces(text: str) -> None:
    """CommonMark's rule for what opens and closes emphasis fails where words have no spaces between them."""
    assert ours(text) == [["p", *CJK[text]]]
    assert ours(f"- {text}") == [["ul", ["li", *CJK[text]]]]


@pytest.mark.parametrize("text", CJK)
def test_our_markdown_is_emphasised_for_readers_of_commonmark(text: str) -> None:
    """A reader with CommonMark's rule finds as much emphasis in what we write as we found in the text."""
    written = as_markdown.write(body.read(text, ()).root, {})
    wanted, found = (
        sum(str(tree).count(f"['{tag}'") for tag in ("strong", "em", "del"))
        for tree in (ours(text), theirs(written))
    )
    assert found == wanted, written
