"""Frozen runs: a notebook answered here reruns elsewhere from its lockfile alone, byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from pplx_jupyter.simulator import Simulator
from tests.notebook.conftest import KEY, Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Elsewhere: TypeAlias = Callable[..., tuple[Path, dict[str, str], Path]]

pytestmark = pytest.mark.slow

CELLS = [
    "%load_ext pplx_jupyter",
    "drink = 'tea'",
    "%%pplx_research tea --effort low\nWhat is {{ drink }}? shape:table",
    "%%pplx_research rum --backend agent\nWhat is rum?",
    "%%pplx_research --take 2 --refresh\nWhat is rum?",
    "tea.answer.cost.total, [s.url for s in rum.answer.sources], tea, tea.receipt",
    "import pplx_jupyter\nagain = pplx_jupyter.research('What is tea? shape:table', reasoning_effort='low')\nagain",
    "%pplx show rum",
    "%pplx jobs",
    "tea.answer",
]

GUARD = """
import sys

def guard(event, args):
    opened = event == "sqlite3.connect" and not str(args[0]).endswith(("history.sqlite", ":memory:"))
    if opened or event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname"}:
        with open(%r, "a") as log:
            log.write(f"{event} {args}\\n")
        raise OSError("there is nothing out there")

sys.addaudithook(guard)
"""
"""A sitecustomize for a machine without network, where opening any database is noted, too."""


def notebook_of(*cells: str) -> Any:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def execute(notebook: Any, environment: dict[str, str], folder: Path) -> Any:
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, kernel_name="python3", resources=resources).execute(env=environment)
    return notebook


def outputs(notebook: Any) -> bytes:
    return json.dumps([cell.get("outputs") for cell in notebook.cells], sort_keys=True).encode()


def freeze(notebook: Path, environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "pplx_jupyter.cli", "freeze", str(notebook)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a notebook against the service, freeze it, and take the service and the ledger away."""
    folder = tmp_path_factory.mktemp("mine")
    path, ledger = folder / "market.ipynb", folder / "ledger.sqlite"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PPLX_", "PERPLEXITY_", "JPY_"))}
    with Simulator(speed=120, durations=(30.0, 60.0)) as sim:
        environment = {
            **kept,
            "PERPLEXITY_BASE_URL": sim.url,
            "PERPLEXITY_API_KEY": KEY,
            "PPLX_JUPYTER_LEDGER": str(ledger),
            "IPYTHONDIR": str(folder / "ipython"),
            "PYTHONWARNINGS": "ignore",
            "TZ": "UTC",
        }
        nbformat.write(execute(notebook_of(*CELLS), environment, folder), path)
        assert len(sim.bill.jobs) == 3
        assert ": 3 answers, " in freeze(path, environment)
        assert len(sim.bill.jobs) == 3
    ledger.unlink()
    return path


@pytest.fixture
def elsewhere(frozen: Path, tmp_path: Path) -> Elsewhere:
    """Make another machine: notebook and lockfile in a folder, an environment with nothing in it, a guard at the door."""

    def make(name: str, **more: str) -> tuple[Path, dict[str, str], Path]:
        folder, home, site = (tmp_path / name / part for part in ("work", "home", "site"))
        for each in (folder, home, site):
            each.mkdir(parents=True)
        for path in (frozen, frozen.with_name("market.pplx.json")):
            shutil.copy(path, folder)
        log = tmp_path / name / "reached"
        (site / "sitecustomize.py").write_text(GUARD % str(log))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(site),
            "PERPLEXITY_BASE_URL": "http://127.0.0.1:9",
            "PYTHONWARNINGS": "ignore",
            **more,
        }
        return folder, environment, log

    return make


def untouched(environment: dict[str, str], log: Path) -> bool:
    """Whether a run reached for nothing, and left no ledger."""
    left = [name for _, *found in os.walk(environment["HOME"]) for names in found for name in names]
    return not log.exists() and not [name for name in left if "pplx" in name.lower()]


def test_the_guard_notes_what_reaches_out(elsewhere: Elsewhere) -> None:
    folder, environment, log = elsewhere("thawed", PERPLEXITY_API_KEY=KEY)
    cells = ["%load_ext pplx_jupyter", "%%pplx_research tea --timeout 1\nWhat is else?"]
    with pytest.raises(CellExecutionError):
        execute(notebook_of(*cells), environment, folder)
    assert "sqlite3.connect" in log.read_text()
    assert not untouched(environment, log)


def test_a_frozen_notebook_reruns_elsewhere_to_the_same_bytes_twice(elsewhere: Elsewhere) -> None:
    runs = []
    for name, zone in (("first", "Asia/Tokyo"), ("second", "America/New_York")):
        folder, environment, log = elsewhere(
            name, PPLX_JUPYTER_FROZEN="1", TZ=zone, PPLX_JUPYTER_MAX_AGE="1s"
        )
        notebook = nbformat.read(folder / "market.ipynb", as_version=4)
        runs.append(outputs(execute(notebook, environment, folder)))
        assert untouched(environment, log), log.read_text()
        assert [each.name for each in sorted(folder.iterdir())] == ["market.ipynb", "market.pplx.json"]
    assert runs[0] == runs[1]
    shown = runs[0].decode()
    assert shown.count('"state": "completed"') == 2 * 5
    for form in ("text/html", "text/markdown", "text/plain"):
        assert shown.count(f'"{form}": ') >= 10
    assert "before this run" not in shown
    assert "saved" not in shown
    assert "From your ledger" not in shown
    assert '"stderr"' not in shown
    assert "Simulated answer" in shown


def test_a_frozen_run_shows_what_the_first_run_showed_but_for_how_it_came(
    frozen: Path, elsewhere: Elsewhere
) -> None:
    folder, environment, _ = elsewhere("there", PPLX_JUPYTER_FROZEN="1")
    first = nbformat.read(frozen, as_version=4)
    again = execute(nbformat.read(folder / "market.ipynb", as_version=4), environment, folder)
    for before, after in zip(first.cells[2:5], again.cells[2:5], strict=True):
        assert before.outputs[-1] == after.outputs[-1]
        assert "From the lockfile" in after.outputs[0]["data"]["text/plain"]
    assert first.cells[9].outputs[0]["data"]["text/plain"] != again.cells[9].outputs[0]["data"]["text/plain"]


def test_papermill_reruns_it_with_the_notebooks_name_given(elsewhere: Elsewhere, tmp_path: Path) -> None:
    folder, environment, log = elsewhere("papermill", PPLX_JUPYTER_FROZEN="1")
    environment["PPLX_JUPYTER_NOTEBOOK"] = "work/market.ipynb"
    (folder / "another.pplx.json").write_text("{}")
    runs = []
    for out in ("one.ipynb", "two.ipynb"):
        command = [sys.executable, "-m", "papermill", "work/market.ipynb", out]
        where = folder.parent
        ran = subprocess.run(
            command, env=environment, cwd=where, capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stderr
        runs.append(outputs(nbformat.read(where / out, as_version=4)))
    assert runs[0] == runs[1]
    assert b"From the lockfile" in runs[0]
    assert untouched(environment, log)


def test_a_question_that_is_not_in_it_fails_the_run_and_names_the_cell(elsewhere: Elsewhere) -> None:
    folder, environment, log = elsewhere("missing")
    notebook = notebook_of(
        CELLS[0], "1 + 1", "%%pplx_research ale --frozen\nWhat is ale? Is it beer?", "2 + 2"
    )
    with pytest.raises(CellExecutionError) as caught:
        execute(notebook, environment, folder)
    line = "NotFrozen: cell 3 (“What is ale?”) is not in market.pplx.json; run it once without --frozen. Nothing was sent."
    assert line in str(caught.value)
    assert "Traceback (most recent call last):\n" not in "".join(notebook.cells[2].outputs[0]["traceback"])
    assert not notebook.cells[3].outputs
    assert untouched(environment, log)


def test_a_changed_answer_fails_the_run(elsewhere: Elsewhere) -> None:
    folder, environment, log = elsewhere("changed", PPLX_JUPYTER_FROZEN="1")
    path = folder / "market.pplx.json"
    path.write_text(path.read_text(encoding="utf-8").replace("invented", "genuine", 1), encoding="utf-8")
    with pytest.raises(
        CellExecutionError, match=r"LedgerError: market\.pplx\.json: the answer \w* ?\(\w+\) was changed"
    ):
        execute(notebook_of(*CELLS), environment, folder)
    assert untouched(environment, log)


def test_other_versions_are_told_once_in_the_first_frozen_cell(elsewhere: Elsewhere) -> None:
    folder, environment, _ = elsewhere("newer", PPLX_JUPYTER_FROZEN="1")
    path = folder / "market.pplx.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    here, content["written_by"]["nh3"] = content["written_by"]["nh3"], "0.0.1"
    path.write_text(json.dumps(content), encoding="utf-8")
    notebook = execute(notebook_of(*CELLS), environment, folder)
    told = [
        (at, out)
        for at, cell in enumerate(notebook.cells)
        for out in cell.outputs
        if out.output_type == "stream"
    ]
    ((at, out),) = [(at, out) for at, out in told if out.name == "stderr"]
    assert at == 2
    assert out.text == f"pplx_jupyter: frozen with nh3 0.0.1, here {here}: outputs may differ.\n"


def test_the_notebook_itself_may_ask_to_be_frozen(elsewhere: Elsewhere) -> None:
    folder, environment, log = elsewhere("config", PERPLEXITY_API_KEY=KEY)
    cells = [
        CELLS[0],
        "%config PplxResearch.frozen = True",
        "import pplx_jupyter\npplx_jupyter.research('What is rum?', backend='agent').wait().receipt.reuse",
        "%pplx freeze",
        "%pplx demo",
        "try:\n    pplx_jupyter.research('What is ale?')\nexcept pplx_jupyter.NotFrozen as error:\n    print(error)",
    ]
    notebook = execute(notebook_of(*cells), environment, folder)
    assert notebook.cells[2].outputs[0]["data"]["text/plain"] == "'lockfile'"
    assert notebook.cells[3].outputs[0]["text"] == "This run is frozen: the lockfile stays as it is.\n"
    assert "no simulator is started" in notebook.cells[4].outputs[0]["text"]
    assert (
        notebook.cells[5].outputs[0]["text"].startswith("cell 6 (“What is ale?”) is not in market.pplx.json")
    )
    assert untouched(environment, log)


def test_a_live_frozen_kernel_reaches_for_nothing_either(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, environment, log = elsewhere("live", PPLX_JUPYTER_FROZEN="1")
    # What another run left behind is not looked at, not even for the line about what arrived meanwhile.
    (folder / "ledger.sqlite").touch()
    monkeypatch.chdir(folder)
    more = {"JPY_SESSION_NAME": str(folder / "market.ipynb"), "PPLX_JUPYTER_LEDGER": "ledger.sqlite"}
    kernel = Kernel({**environment, **more})
    try:
        for cell in CELLS:
            ran = kernel.run(cell)
            assert ran.reply["status"] == "ok", ran.error
        assert "widget" not in str(ran.messages)
        assert untouched(environment, log), log.read_text()
        ran = kernel.run("%%pplx_research\nWhat is ale?")
        assert f"cell {len(CELLS) + 1} (“What is ale?”) is not in market.pplx.json" in ran.error
        for verb, said in (("cancel tea", "there is nothing to cancel"), ("retry tea", "has its answer")):
            ran = kernel.run(f"%pplx {verb}")
            assert said in ran.text + ran.error
        assert untouched(environment, log)
    finally:
        kernel.close()


@pytest.fixture
def in_folder(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kernel]:
    """Give a kernel in a folder with an empty notebook, as JupyterLab starts it."""
    monkeypatch.chdir(tmp_path)
    nbformat.write(notebook_of(), tmp_path / "market.ipynb")
    kernel = Kernel({**environment, "JPY_SESSION_NAME": str(tmp_path / "market.ipynb")})
    try:
        assert kernel.run("%load_ext pplx_jupyter").reply["status"] == "ok"
        yield kernel
    finally:
        kernel.close()


def test_the_magic_freezes_what_this_kernel_shows_and_its_variables_hold(
    in_folder: Kernel, tmp_path: Path, sim: Simulator
) -> None:
    kernel = in_folder
    kernel.run("%%pplx_research tea --wait\nWhat is a typo?", cell="a")
    kernel.run("%%pplx_research tea --wait\nWhat is tea?", cell="a")
    kernel.run("%%pplx_research rum --wait\nWhat is rum?", cell="b")
    kernel.run(
        "import pplx_jupyter\nlist_ = [pplx_jupyter.research('What is ale?')]\n_ = list_[0].wait()", cell="c"
    )
    ran = kernel.run("%pplx freeze", cell="d")
    assert ran.reply["status"] == "ok", ran.error
    path = tmp_path / "market.pplx.json"
    assert f"{path}: 3 answers, " in ran.text
    assert "does not show 3 of these answers yet: save it." in ran.text
    prompts = {
        each["request"]["prompt"].strip() for each in json.loads(path.read_text(encoding="utf-8"))["answers"]
    }
    assert prompts == {"What is tea?", "What is rum?", "What is ale?"}
    bought = len(sim.bill.jobs)
    # One cell from the lockfile, live: its two outputs are permanent at once.
    ran = kernel.run("%%pplx_research tea --frozen\nWhat is tea?", cell="a")
    assert "From the lockfile" in ran.displays[0]["data"]["text/plain"]
    assert not any("widget" in form for shown in ran.displays for form in shown["data"])
    assert kernel.value("tea.receipt.reuse") == "'lockfile'"
    ran = kernel.run("%%pplx_research gin --frozen\nWhat is gin?", cell="e")
    assert "is not in market.pplx.json" in ran.error
    ran = kernel.run("%%pplx_research tea\nWhat is tea?", cell="a")
    assert "From your ledger" in ran.displays[0]["data"]["text/plain"]
    assert len(sim.bill.jobs) == bought


def test_freezing_says_what_to_name_where_nothing_tells_the_notebook(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(f"import os; os.chdir({str(tmp_path)!r})")
    ran = kernel.run("%pplx freeze")
    assert "name its file, such as %pplx freeze market.ipynb" in ran.text
    assert "takes no “b”" in kernel.run("%pplx freeze a b").text
    assert "cannot be read as a notebook" in kernel.run("%pplx freeze none.ipynb").text
