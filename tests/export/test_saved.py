"""An answer saved as a file: whole, and never over a file of somebody else's."""

from __future__ import annotations

import datetime
import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer, Cost, Receipt, Search, Source, Usage
from pplx_jupyter.errors import PplxError, RequestError

if TYPE_CHECKING:
    from pathlib import Path

ASKED = datetime.datetime(2026, 11, 22, 14, 29, 51, tzinfo=datetime.UTC)
ANSWER = Answer(
    text="Tea is a drink [1].",
    sources=(Source(1, "https://tea.example", "Tea"),),
    searches=(Search("searched", "tea"),),
    usage=Usage(input_tokens=3),
    cost=Cost(0.82, {"input_tokens": 0.82}),
    model="sonar-deep-research",
    raw={"choices": [{"message": {"content": "Tea is a drink [1]."}}]},
    receipt=Receipt("7f3a9c", name="tea", prompt="What is tea?", asked_at=ASKED, filled={"a": "b"}),
)


def test_all_of_it_is_in_the_file(tmp_path: Path) -> None:
    path = ANSWER.save(tmp_path / "tea.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["body"] == ANSWER.raw
    assert found["text"] == ANSWER.text
    assert found["sources"][0]["url"] == "https://tea.example"
    assert found["cost"] == {"total": 0.82, "items": {"input_tokens": 0.82}, "estimated": False}
    assert found["receipt"]["prompt"] == "What is tea?"
    assert found["receipt"]["asked_at"] == "2026-11-22T14:29:51+00:00"
    assert found["pplx_jupyter"]["format"] == 1
    assert set(Answer.__dataclass_fields__) - {"raw", "understood"} <= set(found)
    assert [each.name for each in tmp_path.iterdir()] == ["tea.json"]


def test_it_replaces_what_it_saved_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "tea.json"
    ANSWER.save(str(path))
    Answer(text="newer").save(path)
    assert json.loads(path.read_text())["text"] == "newer"
    for content in ('{"prices": [1, 2]}', "[]", "no JSON"):
        path.write_text(content)
        with pytest.raises(RequestError, match=r"is there already, and is no saved answer"):
            ANSWER.save(path)
        assert path.read_text() == content


@pytest.mark.parametrize("name", ["tea.pdf", "tea", "tea.json.gz", ".json"])
def test_another_ending_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match=r"ends in \.json\.$") as caught:
        ANSWER.save(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PplxError, match=r"tea\.json cannot be written: No such file or directory\."):
        ANSWER.save(tmp_path / "missing" / "tea.json")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters()), raw=st.recursive(st.none() | st.text() | st.floats(), st.lists))
def test_anything_can_be_saved(tmp_path: Path, text: str, raw: object) -> None:
    path = Answer(text=text, raw=raw).save(tmp_path / f"any{os.getpid()}.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["text"] == text.encode("utf-8", "replace").decode()
