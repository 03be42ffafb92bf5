"""``pplx-jupyter export NAME FILE`` on a ledger with settled jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pplx_jupyter import session
from pplx_jupyter.cli import main
from pplx_jupyter.ledger.sqlite import SqliteLedger
from tests.settled import settle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "http://127.0.0.1:9"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    path = tmp_path / "ledger.sqlite"
    settle(path, URL, 2, 2_000)
    ledger = SqliteLedger(path)
    row, other = ledger.jobs(limit=2)
    ledger.write(row.id, {"name": "prices"})
    ledger.write(other.id, {"name": "lost", "state": "failed"})
    ledger.close()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PPLX_JUPYTER_LEDGER", str(path))
    monkeypatch.setenv("PERPLEXITY_BASE_URL", URL)
    monkeypatch.setenv("PERPLEXITY_API_KEY", "pplx-test-0123456789abcdef")
    session.use_session(None)
    yield row.id
    session.current_session().close()
    session.use_session(None)


def test_it_writes_what_the_ending_says(job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = tmp_path / "work"
    assert main(["export", "prices", "prices.html"]) == 0
    assert "<!DOCTYPE html>" in (work / "prices.html").read_text(encoding="utf-8")
    assert capsys.readouterr().out.startswith("prices.html is written (")
    assert main(["export", job[:6], "refs.bib"]) == 0
    assert "@online{" in (work / "refs.bib").read_text(encoding="utf-8")


def test_what_it_refuses_is_one_line(job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "work" / "notes.md").write_text("My own notes.")
    for arguments, said in (
        (["prices", "prices.odt"], "known are .md"),
        (["prices", "notes.md"], "is no saved answer"),
        (["nothing", "x.md"], "no job “nothing”"),
        (["lost", "x.md"], "has no answer to save: it is failed."),
    ):
        assert main(["export", *arguments]) == 2
        printed = capsys.readouterr().err
        assert said in printed
        assert printed.startswith("pplx-jupyter export: ")
        assert printed.count("\n") == 1
    assert [each.name for each in (tmp_path / "work").iterdir()] == ["notes.md"]
    assert main(["export", job, "notes.md", "--overwrite"]) == 0
