"""An answer saved as a file: whole, and never over a file of somebody else's."""

from __future__ import annotations

import base64
import dataclasses
import importlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer, Image
from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.export.files import ENDINGS

if TYPE_CHECKING:
    from pathlib import Path

LIGHT = [ending for ending in ENDINGS if ending not in {".docx", ".pdf"}]


def test_all_of_it_is_in_the_json_file(answer: Answer, tmp_path: Path) -> None:
    shown = dataclasses.replace(answer, images=(Image("https://i.example/a.png", data=b"\x89PNG"),))
    path = shown.save(tmp_path / "tea.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["body"] == answer.raw
    assert found["text"] == answer.text
    assert found["sources"][0]["url"] == "https://www.iea.org/reports/electricity-2024"
    assert found["cost"] == {"total": 0.8153, "items": {"input_tokens": 0.82}, "estimated": False}
    assert found["receipt"]["asked_at"] == "2026-11-22T23:29:51+01:00"
    assert found["pplx_jupyter"]["format"] == 1
    assert base64.b64decode(found["images"][0]["data"]) == b"\x89PNG"
    assert set(Answer.__dataclass_fields__) - {"raw", "understood"} <= set(found)
    assert [each.name for each in tmp_path.iterdir()] == ["tea.json"]


@pytest.mark.parametrize("ending", LIGHT)
def test_it_replaces_what_it_saved(ending: str, answer: Answer, hostile: Answer, tmp_path: Path) -> None:
    path = tmp_path / f"tea{ending}"
    hostile.save(str(path))
    first = path.read_bytes()
    assert answer.save(path) == path
    assert path.read_bytes() != first
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    path.write_bytes(b"")
    answer.save(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_it_replaces_nothing_else(ending: str, answer: Answer, tmp_path: Path) -> None:
    path = tmp_path / f"tea{ending}"
    for content in (
        b"My own notes.\n",
        b'{"prices": [1, 2]}',
        b'[{"id": "mine"}]',
        b"PK\x03\x04 no zip",
        b'{"cells": [], "metadata": {}}',
        b"TY  - JOUR\r\nTI  - Mine\r\nER  - \r\n",
    ):
        path.write_bytes(content)
        with pytest.raises(RequestError, match=r"is there already, and is no saved answer"):
            answer.save(path)
        assert path.read_bytes() == content


@pytest.mark.parametrize("ending", [".md", ".ris", ".csl.json"])
def test_a_saved_file_with_something_added_is_somebody_elses(
    ending: str, answer: Answer, tmp_path: Path
) -> None:
    path = answer.save(tmp_path / f"tea{ending}")
    added = {
        ".md": "\nMy own notes.\n",
        ".ris": "\nTY  - JOUR\nTI  - Mine\nER  - \n",
        ".csl.json": json.dumps([{"id": "mine"}]),
    }[ending]
    text = path.read_text(encoding="utf-8")
    joined = text.rstrip("]\n") + ", " + added.lstrip("[") if ending == ".csl.json" else text + added
    path.write_text(joined, encoding="utf-8")
    with pytest.raises(RequestError, match="is there already"):
        answer.save(path)
    answer.save(path, overwrite=True)
    assert path.read_text(encoding="utf-8") == text


def test_a_saved_notebook_that_somebody_works_in_stays(answer: Answer, tmp_path: Path) -> None:
    path = answer.save(tmp_path / "tea.ipynb")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"].append({"cell_type": "code", "source": "answer.save('tea.ipynb')"})
    path.write_text(json.dumps(notebook), encoding="utf-8")
    with pytest.raises(RequestError, match="is there already"):
        answer.save(path)


def test_the_open_notebook_is_never_replaced(
    answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = answer.save(tmp_path / "tea.ipynb")
    before = path.read_bytes()
    (tmp_path / "link.ipynb").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    for told in (str(path), "work/tea.ipynb"):
        monkeypatch.setenv("JPY_SESSION_NAME", told)
        for name in (path, "tea.ipynb", tmp_path / "link.ipynb")[: 3 if told == str(path) else 2]:
            with pytest.raises(RequestError, match=r"\.ipynb is the notebook that is open"):
                answer.save(name, overwrite=True)
    assert path.read_bytes() == before
    monkeypatch.setenv("JPY_SESSION_NAME", "other.ipynb")
    answer.save(path)


@pytest.mark.parametrize("name", ["tea.odt", "tea", "tea.json.gz", ".json", "csl"])
def test_another_ending_is_refused_in_one_line(answer: Answer, tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match=r"known are \.md, .* or \.csl\.json\.$") as caught:
        answer.save(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_endings_are_known_in_capitals_and_the_longest_wins(answer: Answer, tmp_path: Path) -> None:
    assert json.loads(answer.save(tmp_path / "REFS.CSL.JSON").read_text())[0]["id"]
    assert json.loads(answer.save(tmp_path / "ALL.JSON").read_text(encoding="utf-8"))["body"] == {
        "choices": []
    }


def test_a_place_that_cannot_be_written_is_one_line(answer: Answer, tmp_path: Path) -> None:
    with pytest.raises(PplxError, match=r"tea\.html cannot be written: No such file or directory\."):
        answer.save(tmp_path / "missing" / "tea.html")


def test_a_disk_that_is_full_leaves_what_was_there(
    answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = answer.save(tmp_path / "tea.md")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(PplxError, match="No space left on device"):
        answer.save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["tea.md"]


@pytest.mark.parametrize(("ending", "tool"), [(".docx", "pypandoc"), (".pdf", "pypandoc"), (".pdf", "typst")])
def test_a_missing_tool_is_one_line_that_says_what_to_install(
    ending: str, tool: str, answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordinary = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name == tool:
            raise ImportError(name)
        return ordinary(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(PplxError, match=r"pip install 'pplx-jupyter\[documents\]'") as caught:
        answer.save(tmp_path / f"tea{ending}")
    assert str(caught.value).startswith(f"a {ending} needs {tool}")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", LIGHT)
def test_what_was_not_understood_is_saved_as_it_came(ending: str, tmp_path: Path) -> None:
    strange = Answer(understood=False, raw={"strange": "thing {{< x >}}"})
    saved = strange.save(tmp_path / f"a{ending}").read_text(encoding="utf-8")
    assert ("strange" in saved) is (ending not in {".bib", ".ris", ".csl.json"})


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters()),
    raw=st.recursive(st.none() | st.text() | st.floats(), st.lists),
    ending=st.sampled_from(LIGHT),
)
def test_anything_can_be_saved(tmp_path: Path, text: str, raw: object, ending: str) -> None:
    path = Answer(text=text, raw=raw).save(tmp_path / f"any{os.getpid()}{ending}")
    saved = path.read_text(encoding="utf-8")
    if ending == ".json":
        assert json.loads(saved)["text"] == text.encode("utf-8", "replace").decode()
