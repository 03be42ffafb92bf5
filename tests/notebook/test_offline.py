"""A notebook of settled questions runs again with the network cut off, without a key, and for nothing."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

from tests.settled import cell_of, settle

if TYPE_CHECKING:
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

QUESTIONS = 20
CHARACTERS = 60_000

# Runs in every Python process that has its folder on the path: whoever opens a connection leaves a trace and fails.
CUT = """
import socket
def refuse(self, address):
    with open({trace!r}, "a") as file:
        print(address, file=file)
    raise OSError(101, "Network is unreachable")
socket.socket.connect = socket.socket.connect_ex = refuse
"""


def run(folder: Path) -> nbformat.NotebookNode:
    book: nbformat.NotebookNode = nbformat.v4.new_notebook()
    sources = ["%load_ext pplx_jupyter", *map(cell_of, range(QUESTIONS))]
    book.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    NotebookClient(
        book, kernel_name="python3", timeout=60, resources={"metadata": {"path": folder}}
    ).execute()
    return book


def forms_kept(path: Path) -> list[tuple[str, str, bytes]]:
    with sqlite3.connect(path) as db:
        return db.execute("SELECT job_id, version, forms FROM forms ORDER BY job_id").fetchall()


def test_twenty_settled_questions_without_network_or_key(
    sim: Simulator, tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cut").mkdir()
    trace = tmp_path / "connections"
    (tmp_path / "cut" / "sitecustomize.py").write_text(CUT.format(trace=str(trace)))
    ledger = tmp_path / "ledger.sqlite"
    settle(ledger, sim.url, QUESTIONS, CHARACTERS)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PERPLEXITY_API_KEY")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "cut"))

    first = run(tmp_path)
    kept = forms_kept(ledger)
    second = run(tmp_path)
    assert not trace.exists(), trace.read_text()
    assert (sim.requests, sim.bill.jobs) == ([], [])
    assert len(kept) == QUESTIONS
    assert forms_kept(ledger) == kept, "they are made once"
    for cell, again in zip(first.cells[1:], second.cells[1:], strict=True):
        state, answer = (output["data"] for output in cell.outputs)
        assert "From your ledger" in state["text/plain"]
        assert "nothing sent · saved 0.41 USD" in " ".join(state["text/plain"].split())
        assert len(answer["text/markdown"]) > CHARACTERS
        assert answer == again.outputs[1]["data"]
