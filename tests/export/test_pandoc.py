"""Word and PDF, read back: the text, the tables, the formulas and the links are there."""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
from typing import TYPE_CHECKING

import pypdf
import pytest

from pplx_jupyter.answer import Answer, Receipt
from pplx_jupyter.errors import PplxError
from pplx_jupyter.export import pandoc

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

    def fail(*_: object, **__: object) -> str:
        raise RuntimeError("Pandoc died with exitcode 64\nout of luck")

    monkeypatch.setattr(pypandoc, "convert_text", fail)
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

    monkeypatch.setattr(pypandoc, "convert_text", gone)
    with pytest.raises(PplxError, match=r"a \.docx needs pandoc: pip install 'pplx-jupyter\[documents\]'"):
        answer.save(tmp_path / "a.docx")
    assert list(tmp_path.iterdir()) == []
