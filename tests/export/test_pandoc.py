"""Word and PDF, read back: the text, the tables, the formulas and the links are there."""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
from typing import TYPE_CHECKING

import pypdf
import pytest

from pplx_jupyter.answer import Answer, Image
from pplx_jupyter.errors import PplxError
from pplx_jupyter.export import pandoc
from pplx_jupyter.receipt import Receipt

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("pypandoc")
pytest.importorskip("typst")

IEA = "https://www.iea.org/reports/electricity-2024"


def parts(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as found:
        return {name: found.read(name).decode("utf-8", "replace") for name in found.namelist()}


def pdf_text(path: Path) -> str:
    reader = pypdf.PdfReader(io.BytesIO(path.read_bytes()))
    return "\n".join(page.extract_text() for page in reader.pages)


def pdf_links(path: Path) -> set[str]:
    reader = pypdf.PdfReader(io.BytesIO(path.read_bytes()))
    notes = [each.get_object() for page in reader.pages for each in page.get("/Annots", ())]
    return {str(note["/A"]["/URI"]) for note in notes if "/URI" in note.get("/A", {})}


def test_word(answer: Answer, tmp_path: Path) -> None:
    path = answer.save(tmp_path / "prices.docx")
    found = parts(path)
    body = found["word/document.xml"]
    text = re.sub("<[^>]+>", "", body)
    for said in (
        "How have EU prices developed?",
        "Means by year",
        "1,112",
        "$9 to $12",
        "### no heading",
        "[13]",
    ):
        assert said in text, said
    assert "<m:oMath" in body
    assert body.count("<w:tbl>") == 1
    assert f'Target="{IEA}"' in found["word/_rels/document.xml.rels"]
    assert "javascript" not in found["word/_rels/document.xml.rels"]
    assert "How have EU prices developed?" in found["docProps/core.xml"]


def test_pdf(answer: Answer, tmp_path: Path) -> None:
    path = answer.save(tmp_path / "prices.pdf")
    text = pdf_text(path)
    for said in (
        "How have EU prices developed?",
        "Means by year",
        "1,112",
        "$9 to $12",
        "### no heading",
        "[13]",
    ):
        assert said in text, said
    # Set, not shown as TeX.
    assert r"\frac" not in text
    assert pdf_links(path) == {IEA, "https://news.bbc.co.uk/x?a=1&b=_2_", "https://example.org/"}
    reader = pypdf.PdfReader(io.BytesIO(path.read_bytes()))
    assert reader.metadata
    assert reader.metadata.title == "How have EU prices developed?"


def test_they_are_replaced_when_saved_again(answer: Answer, tmp_path: Path) -> None:
    other = dataclasses.replace(answer, text="Other.")
    for ending in (".docx", ".pdf"):
        path = answer.save(tmp_path / f"prices{ending}")
        before = path.read_bytes()
        assert other.save(path).read_bytes() != before


def test_hostile_answers_are_set_as_text(hostile: Answer, tmp_path: Path) -> None:
    text = (
        r'#import "x" #read("/etc/passwd") $\foo{x}$ \input{/etc/passwd} <img src="/etc/passwd"> `x`{=typst}'
        '\n\n```{=typst}\n#read("/etc/passwd")\n```\n\n![i](/etc/passwd)\n\n$$ \\unknowncommand{x} $$\n'
    )
    question = 'Say #panic("x") \\ "quoted" $x$ <script> \x00\u202e = : end'
    asked = dataclasses.replace(hostile, text=text, receipt=Receipt("x", question=question, prompt=question))
    path = asked.save(tmp_path / "hostile.pdf")
    shown = pdf_text(path)
    assert "root:" not in shown
    assert '#panic("x")' in shown.replace("“", '"').replace("”", '"')
    assert all(link.startswith("https://") for link in pdf_links(path))
    found = parts(asked.save(tmp_path / "hostile.docx"))
    assert not any("media" in name for name in found)
    assert "root:" not in found["word/document.xml"]
    assert "</script>" in re.sub("<[^>]+>", "", found["word/document.xml"]).replace("&lt;", "<").replace(
        "&gt;", ">"
    )


def test_a_tool_that_fails_is_one_line(
    answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pypandoc

    failing = tmp_path / "pandoc"
    failing.write_text("#!/bin/sh\necho Pandoc died >&2\necho out of luck >&2\nexit 64\n")
    failing.chmod(0o700)
    monkeypatch.setattr(pypandoc, "get_pandoc_path", lambda: str(failing))
    with pytest.raises(
        PplxError, match=r"^pandoc could not write it \(out of luck\); save it as \.html or \.md\.$"
    ):
        answer.save(tmp_path / "a.docx")
    with monkeypatch.context() as patch:
        patch.setattr(pandoc, "_convert", lambda *_, **__: "#panic()")
        with pytest.raises(
            PplxError, match=r"^typst could not set the PDF \(.+\); save it as \.html and print"
        ):
            answer.save(tmp_path / "a.pdf")

    def gone(*_: object, **__: object) -> str:
        raise OSError("No pandoc was found")

    monkeypatch.setattr(pypandoc, "get_pandoc_path", gone)
    with pytest.raises(PplxError, match=r"a \.docx needs pandoc: pip install 'pplx-jupyter\[documents\]'"):
        answer.save(tmp_path / "a.docx")
    assert list(tmp_path.iterdir()) == [failing]


@pytest.mark.parametrize("formula", ["a_{" * 40 + "}" * 40 + r"\not" * 1000, r"\not" * 1200])
def test_a_formula_without_an_end_is_left_as_tex(
    formula: str, answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are such for pandoc; saving must not hang on them."""
    known = pandoc.run
    monkeypatch.setattr(pandoc, "run", lambda *given: known(*given, seconds=2.0))
    asked = dataclasses.replace(answer, text=f"Before $$ {formula} $$ behind.")
    found = parts(asked.save(tmp_path / "a.docx"))
    text = re.sub("<[^>]+>", "", found["word/document.xml"])
    assert "Before" in text
    assert "behind" in text
    assert r"\not" in text


def test_word_holds_the_images_that_came_with_the_answer(answer: Answer, tmp_path: Path) -> None:
    from tests.pictures import png

    images = [
        Image("https://i.example/1.png", title="A ![x](https://t.example/y)", data=png(1)),
        Image("https://i.example/2.png"),
        Image("https://i.example/3.webp", data=b"RIFF\x10\x00\x00\x00WEBP" + bytes(20)),
    ]
    path = dataclasses.replace(answer, images=images).save(tmp_path / "prices.docx")
    with zipfile.ZipFile(path) as found:
        media = [name for name in found.namelist() if name.startswith("word/media/")]
        assert [found.read(name) for name in media] == [png(1)]
        assert b'TargetMode="External" Target="https://t.example' not in found.read(
            "word/_rels/document.xml.rels"
        )
