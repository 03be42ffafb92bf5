"""Runs that nobody watches: cells block, outputs are final, a failed job fails the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pplx_jupyter.demo import quickstart
from pplx_jupyter.notebook.frontend import here, is_headless
from pplx_jupyter.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel, Ran

pytestmark = pytest.mark.slow


def outputs(notebook: Any, state: str = "completed") -> list[Any]:
    """Give the outputs that say they are ours, in this state."""
    found = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return [out for out in found if out.get("metadata", {}).get("pplx_jupyter", {}).get("state") == state]


def check_quickstart(notebook: Any) -> None:
    shown = outputs(notebook)
    assert len(shown) == 4
    for line, answer in (shown[:2], shown[2:]):
        assert "Finished" in line["data"]["text/plain"]
        for form in ("text/html", "text/markdown", "text/plain"):
            assert "Sources" in answer["data"][form]
    text = json.dumps(notebook)
    assert "widget" not in text
    assert "; waiting" not in text


def check_markdown(text: str) -> None:
    """Check that a converted file, read as GitHub reads it, has the answer's structure."""
    import html5lib
    from markdown_it import MarkdownIt

    page = html5lib.parse(
        MarkdownIt("gfm-like", {"linkify": False}).render(text), namespaceHTMLElements=False
    )
    lists = [node for node in page.iter("ol") if "pplx-src" in node.get("class", "")]
    assert len(lists) >= 2
    links = [link.get("href") or "" for items in lists for item in items for link in item.iter("a")]
    assert links
    places = {f"#{node.get('id')}" for node in page.iter() if node.get("id")}
    assert all(link.startswith("https://") or link in places for link in links)
    assert len([node for node in page.iter("h4") if node.text == "Sources"]) == 2
    assert len(list(page.iter("h3"))) == 2
    assert "```" not in "".join(page.itertext())


def python(*arguments: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "module", "watched"),
    [
        ({}, "", False),
        ({"VOILA_REQUEST_URL": "http://127.0.0.1:8866/"}, "", True),
        ({"SERVER_SOFTWARE": "voila/0.5.8"}, "", True),
        ({"SERVER_SOFTWARE": "jupyter/2"}, "", False),
        ({}, "google.colab", True),
    ],
)
def test_voila_and_colab_have_somebody_there_whatever_they_say(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], module: str, watched: bool
) -> None:
    for name in ("VOILA_REQUEST_URL", "SERVER_SOFTWARE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if module:
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
    kernel = SimpleNamespace(get_parent=lambda: {"content": {"allow_stdin": False}})
    place = here(SimpleNamespace(kernel=kernel), Settings())
    assert place.headless is is_headless(SimpleNamespace(kernel=kernel)) is not watched
    assert place.voila is (watched and not module)


def test_nbclient_leaves_final_outputs(environment: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    from nbclient import NotebookClient

    notebook = nbformat.read(quickstart(), as_version=4)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute(
        env=environment
    )
    check_quickstart(notebook)
    assert len(sim.bill.jobs) == 2


def test_what_an_output_widget_captures_says_how_it_ended(kernel: Kernel) -> None:
    """nbclient replaces no output that an Output widget holds; not run here: it hangs now and then with one."""

    def texts(ran: Ran) -> list[str]:
        return [shown["data"]["text/plain"] for shown in ran.displays]

    tea, rum = (
        f"with out:\n    get_ipython().run_cell_magic('pplx_research', '{line}', 'What is tea?')"
        for line in ("tea", "rum --no-wait --take 2")
    )
    kernel.run("import ipywidgets\nout = ipywidgets.Output()", headless=True)
    waiting, line, answer = texts(kernel.run(tea, headless=True))
    assert waiting.endswith("; waiting")
    assert line.startswith("Finished")
    assert "Sources" in answer
    placed = texts(kernel.run(rum, headless=True))
    assert "Under way when this was written" in placed[-1]
    line, answer = texts(kernel.run("%pplx wait", headless=True))
    assert line.startswith("Finished")
    assert "Sources" in answer


def test_papermill_leaves_final_outputs_and_a_second_run_is_free(
    environment: dict[str, str], sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from papermill import execute_notebook

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "out.ipynb"
    for _ in range(2):
        execute_notebook(str(quickstart()), str(out), progress_bar=False, cwd=str(tmp_path))
    shown = outputs(nbformat.read(out, as_version=4))
    assert "From your ledger" in shown[0]["data"]["text/plain"]
    assert len(sim.bill.jobs) == 2


def test_nbconvert_executes_and_converts(environment: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    from nbconvert import HTMLExporter, MarkdownExporter

    ran = python(
        "-m", "nbconvert", "--to", "notebook", "--execute", str(quickstart()), "--output-dir", str(tmp_path), "--output", "out",
        environment=environment, folder=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    notebook = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    check_quickstart(notebook)
    assert len(sim.bill.jobs) == 2
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert '<ol class="pplx-src"' in page
    text, _ = MarkdownExporter().from_notebook_node(notebook)
    check_markdown(text)
    assert "widget-view" not in page + text


def test_a_failed_job_fails_the_run_and_the_note_stays(
    environment: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    cells = ["%load_ext pplx_jupyter", "%%pplx_research bad\nWhat is tea? outcome:failed", "1 + 1"]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    for _ in range(2):
        with pytest.raises(CellExecutionError, match="JobFailed"):
            NotebookClient(notebook, kernel_name="python3").execute(env=environment)
        (note,) = outputs(notebook, "failed")
        assert "Failed after" in note["data"]["text/plain"]
        assert not notebook.cells[2].outputs
    assert len(sim.bill.jobs) == 1


def test_a_timeout_ends_the_run_and_a_second_run_collects(
    environment: dict[str, str], sim: Simulator
) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    cell = new_code_cell("%%pplx_research slow --timeout 0.5\nWhat is tea? seconds:300")
    notebook = new_notebook(cells=[new_code_cell("%load_ext pplx_jupyter"), cell])
    with pytest.raises(CellExecutionError, match="WaitTimeout"):
        NotebookClient(notebook, kernel_name="python3").execute(env=environment)
    assert "run this cell again" in str(cell.outputs).replace("\\n", " ")
    sim.advance(600)
    cell.source = "%%pplx_research slow\nWhat is tea? seconds:300"
    NotebookClient(notebook, kernel_name="python3").execute(env=environment)
    assert len(outputs(notebook)) == 2
    assert len(sim.bill.jobs) == 1


def test_no_wait_returns_at_once_in_a_headless_run(environment: dict[str, str], sim: Simulator) -> None:
    from nbclient import NotebookClient

    cells = [
        "%load_ext pplx_jupyter",
        "%%pplx_research tea --no-wait\nWhat is tea?",
        "tea.wait().sources[0].number",
    ]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3").execute(env=environment)
    assert notebook.cells[2].outputs[0]["data"]["text/plain"] == "1"
    assert "widget" not in json.dumps(notebook)


def test_the_environment_can_forbid_waiting(environment: dict[str, str], sim: Simulator) -> None:
    from nbclient import NotebookClient

    cells = [
        "%load_ext pplx_jupyter",
        "%%pplx_research tea\nWhat is tea? seconds:6000",
        "tea.status in ('submitting', 'queued', 'running')",
    ]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3").execute(env={**environment, "PPLX_JUPYTER_WAIT": "0"})
    assert notebook.cells[2].outputs[0]["data"]["text/plain"] == "True"


def test_a_script_and_an_async_program_ask_in_plain_python(
    environment: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    script = (
        "import asyncio\nfrom pplx_jupyter import research, jobs, attach\n"
        "print(len(research('What is tea?', name='tea').wait().sources) > 0)\n"
        "async def main():\n    job = research('What is rum?', reasoning_effort='low')\n    answer = await job\n    print(answer.cost.total > 0)\n"
        "asyncio.run(main())\nprint(len(jobs()), attach('tea').answer.text[:4])\n"
    )
    (tmp_path / "script.py").write_text(script)
    ran = python("script.py", environment=environment, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n")[:2] == ["True", "True"]
    assert ran.stdout.split("\n")[2].startswith("2 ")
    assert os.linesep not in ran.stderr


def test_ipython_without_a_terminal_blocks(
    environment: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "cells.ipy").write_text(
        "%load_ext pplx_jupyter\nget_ipython().run_cell_magic('pplx_research', 'tea', 'What is tea?')\n"
    )
    ran = python("-m", "IPython", "cells.ipy", environment=environment, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "Finished" in ran.stdout
    assert "Sources\n" in ran.stdout


def test_a_forgotten_refresh_buys_once_in_runs_that_nobody_watches(
    environment: dict[str, str], sim: Simulator
) -> None:
    from nbclient import NotebookClient

    cells = ["%load_ext pplx_jupyter", "%%pplx_research tea --refresh\nWhat is tea?"]
    for allowed, bought in (("", 1), ("", 1), ("1", 2)):
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        run = {**environment, "PPLX_JUPYTER_REFRESH": allowed}
        NotebookClient(notebook, kernel_name="python3").execute(env=run)
        assert len(sim.bill.jobs) == bought
        assert ("--refresh is left out" in str(notebook)) == (not allowed)
