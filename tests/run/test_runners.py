"""Every other way to run a notebook that nobody watches: the same final outputs, nothing bought twice, failures fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from tests.run.conftest import LOAD, Shell, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

TEA = "%%pplx_research tea\nWhat is tea? seconds:100"
RUM = "%%pplx_research rum\nWhat is rum beside {{ tea.answer.sources[0].number }}? seconds:100"
BAD = "%%pplx_research bad\nWhat is bad? outcome:failed seconds:100"


def by_papermill(path: Path) -> None:
    from papermill import execute_notebook

    execute_notebook(str(path), str(path), progress_bar=False, cwd=str(path.parent))


def by_nbclient(path: Path) -> None:
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    try:
        NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}).execute()
    finally:
        nbformat.write(notebook, path)


def by_jupyter_execute(path: Path) -> None:
    _call(str(Path(sys.executable).with_name("jupyter")), "execute", "--inplace", str(path))


def by_nbconvert(path: Path) -> None:
    _call(sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(path))


def by_jupyter_scheduler(path: Path) -> None:
    """Do what jupyter_scheduler 2.12's DefaultExecutionManager does with a job that has parameters."""
    from nbconvert import get_exporter
    from nbconvert.preprocessors import ExecutePreprocessor

    notebook = nbformat.read(path, as_version=4)
    cell = new_code_cell(source="region = 'Assam'", metadata={"tags": ["injected-parameters"]})
    notebook.cells = [cell, *notebook.cells]
    kernel = notebook.metadata.kernelspec["name"]
    preprocessor = ExecutePreprocessor(kernel_name=kernel, store_widget_state=True, cwd=str(path.parent))
    try:
        preprocessor.preprocess(notebook, {"metadata": {"path": str(path.parent)}})
    finally:
        page, _ = get_exporter("html")().from_notebook_node(notebook)
        path.with_suffix(".html").write_text(page, "utf-8")
        notebook.cells = notebook.cells[1:]
        nbformat.write(notebook, path)


def _call(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if ran.returncode:
        raise RuntimeError(ran.stderr)


@pytest.mark.parametrize(
    "execute", [by_papermill, by_nbclient, by_jupyter_execute, by_nbconvert, by_jupyter_scheduler]
)
def test_outputs_are_final_reruns_are_free_and_a_failed_job_fails_the_run(
    execute: Callable[[Path], None], shell: Shell, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shell.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PPLX_JUPYTER_LEDGER", str(shell.folder / "ledger.sqlite"))
    monkeypatch.setenv("PPLX_JUPYTER_PARALLEL", "1")
    path = shell.folder / "market.ipynb"
    _write(shell, [TEA, RUM, "%pplx wait"])
    execute(path)
    done = nbformat.read(path, as_version=4)
    assert [len(outputs) for outputs in shown(done)] == [0, 2, 2, 0]
    assert [cell.outputs[0]["data"]["text/plain"].startswith("Finished") for cell in done.cells[1:3]] == [
        True,
        True,
    ]
    assert ["tea" in text(done, 1), "rum beside 1" in text(done, 2)] == [True, True]
    assert "widget" not in json.dumps([done.cells, done.metadata])
    assert len(sim.bill.jobs) == 2

    os.environ.pop("PPLX_JUPYTER_PARALLEL")
    _write(shell, [TEA, RUM, BAD, "1 + 1"])
    with pytest.raises(Exception, match="JobFailed: bad"):
        execute(path)
    done = nbformat.read(path, as_version=4)
    if execute not in {by_jupyter_execute, by_nbconvert}:
        # These two write nothing where a cell fails.
        ours = [cell for cell in done.cells if cell.source in {TEA, RUM, BAD, "1 + 1"}]
        assert ["From your ledger" in str(cell.outputs) for cell in ours] == [True, True, False, False]
        assert "✕ Failed" in str(ours[2].outputs)
        assert not ours[3].outputs
    assert len(sim.bill.jobs) == 3


def _write(shell: Shell, cells: list[str]) -> None:
    shell.write(cells)
    path = shell.folder / "market.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].source == LOAD
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def text(notebook: Any, index: int) -> str:
    return str(notebook.cells[index].outputs[1]["data"]["text/plain"])
