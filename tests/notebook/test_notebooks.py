"""The notebooks that the package brings: each runs as it stands, again for nothing, and is committed with its own outputs."""

from __future__ import annotations

import functools
import math
import re
import socket
import tomllib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import nbformat
import pytest

from notebooks.execute import NOTEBOOKS, a_week_later, environment, run
from pplx_jupyter.demo import copy_notebooks
from pplx_jupyter.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

every = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

PURPOSE = {
    "company-profiles": (
        4,
        r"5 of 5 rows are answered\.\n[\s\S]*company-profiles\.csv: 5 rows; \d+\.\d\d USD",
    ),
    "literature-review": (2, r"\d+ entries, [\s\S]*@online\{[\s\S]*review\.qmd\nreview\.ris\ngaps\.bib\n"),
    "market-scan": (3, r"market-scan\.html is written[\s\S]*Three answers, \d+\.\d\d USD"),
    "quickstart": (2, r"\d sources\n\d+  [\s\S]*\n2 jobs, newest first"),
    "research-app": (
        1,
        r"^ResearchForm\. The same as a cell, [\s\S]*%%pplx_research briefing --recency year\n",
    ),
    "weekly-brief": (
        1,
        r"The first brief on this topic: [\s\S]*first brief, \d+ sources\n[\s\S]*brief-[\d-]+\.md",
    ),
}
"""How many questions each asks, and what it shows that it is for."""

A_WEEK_LATER = r"What changed: [\s\S]*: \d+ new sources, \d+ changed numbers\n[\s\S]*brief-[\d-]+\.md"
NOT_OF_THE_REPOSITORY = re.compile(
    r"(?<![\w.:/-])/(?:home|root|tmp|usr|var|work|Users)/|[A-Z]:\\\\|127\.0\.0\.1|0x[0-9a-f]{8}"
)


def runs(path: Path, folder: Path, sim: Simulator) -> Callable[[], Any]:
    """Give a function that runs a notebook, each time on the same ledger."""
    ours = {
        "PPLX_JUPYTER_BUDGET": "1000",
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONWARNINGS": "ignore",
    }
    return functools.partial(run, path, folder, {**environment(sim.url, folder), **ours})


def outputs(notebook: Any) -> list[Any]:
    return [out for cell in notebook.cells for out in cell.get("outputs", [])]


def said(notebook: Any) -> str:
    """Give all that a reader sees, as text."""
    return "\n".join(out.get("text") or out["data"]["text/plain"] for out in outputs(notebook))


def shape(notebook: Any) -> list[Any]:
    """Give what each cell put out: its kinds, and the question that it answers."""
    return [
        (cell.id, out.output_type, sorted(out.get("data", {})), question(cell, out))
        for cell in notebook.cells
        for out in cell.get("outputs", [])
    ]


def question(cell: Any, out: Any) -> str:
    """Give the question that an output answers; a follow-up's depends on the very job that it follows."""
    ours = out.get("metadata", {}).get("pplx_jupyter", {})
    return "a follow-up" if ours and "--after " in cell.source else ours.get("fingerprint", "")


_EACH_TIME = (
    # Ids of requests, of questions, of jobs; the entries of a bibliography.
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "#"),
    (r"\bv1:[0-9a-f]+|\b[0-9a-f]{6}\b|\b[a-z]+\d{4}[a-z]+\b", "#"),
    (r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b", "month"),
    (r"(?:\d+ h )?(?:\d+ min )?\d+ s\b", "time"),
    (r"\d+", "0"),
    (r"[-─]+", "-"),
    (r"\s+", " "),
)


def words(notebook: Any) -> list[str]:
    """Give all that a reader sees, without what differs each time it is run."""
    text = said(notebook)
    for what, instead in _EACH_TIME:
        text = re.sub(what, instead, text)
    return text.split()


@every
def test_a_notebook_says_what_it_was_committed_with(path: Path, tmp_path: Path) -> None:
    with Simulator(speed=math.inf) as sim:
        ran = runs(path, tmp_path, sim)()
    if path.stem == "weekly-brief":
        a_week_later(str(tmp_path / "ledger.sqlite"))
        with Simulator(math.inf, seed=1, port=urlsplit(sim.url).port or 0) as sim:
            ran = runs(path, tmp_path, sim)()
    committed = nbformat.read(path, as_version=4)
    assert words(ran) == words(committed), "python notebooks/execute.py writes the outputs anew"


@every
def test_a_notebook_runs_and_runs_again_for_nothing(path: Path, tmp_path: Path) -> None:
    committed = nbformat.read(path, as_version=4)
    questions, purpose = PURPOSE[path.stem]
    # Most accounts have the agent API alone; `notebooks/execute.py` asks the other.
    with Simulator(speed=math.inf, sonar_retired=True) as sim:
        once = runs(path, tmp_path, sim)
        first = once()
        assert len(sim.bill.jobs) == questions
        again = once()
        assert len(sim.bill.jobs) == questions
    for ran in (first, again):
        assert re.search(purpose, said(ran)), said(ran)
    assert "ledger" in said(again)
    if path.stem == "weekly-brief":
        a_week_later(str(tmp_path / "ledger.sqlite"))
        with Simulator(math.inf, seed=1, port=urlsplit(sim.url).port or 0, sonar_retired=True) as sim:
            first = once()
            assert len(sim.bill.jobs) == 1
        assert re.search(A_WEEK_LATER, said(first)), said(first)
    assert shape(first) == shape(committed), "python notebooks/execute.py writes the outputs anew"


def test_the_wheel_has_every_notebook() -> None:
    project = tomllib.loads((NOTEBOOKS[0].parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {
        f"notebooks/{path.name}": f"pplx_jupyter/notebooks/{path.name}" for path in NOTEBOOKS
    }


@every
def test_a_notebook_is_committed_as_a_run_against_the_simulator_left_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert len(text.encode()) < 200_000
    assert 8 <= len(notebook.cells) <= 20
    assert [cell.id for cell in notebook.cells] == [f"{path.stem}-{n:02}" for n in range(len(notebook.cells))]
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert {key for cell in notebook.cells for key in cell.metadata} <= {"tags"}
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert "simulated" in said(notebook).lower()
    assert "widget-view" not in text
    assert "error" not in {out.output_type for out in outputs(notebook)}
    assert socket.gethostname() not in text
    assert not NOT_OF_THE_REPOSITORY.findall(text)


def test_the_demo_offers_all_of_them_without_outputs(tmp_path: Path) -> None:
    copy_notebooks(tmp_path / "notebooks")
    copies = sorted((tmp_path / "notebooks").iterdir())
    assert (
        [copy.name for copy in copies]
        == [path.name for path in NOTEBOOKS]
        == [f"{name}.ipynb" for name in sorted(PURPOSE)]
    )
    for path, copied in zip(NOTEBOOKS, copies, strict=True):
        copy, original = nbformat.read(copied, as_version=4), nbformat.read(path, as_version=4)
        assert not outputs(copy)
        assert [cell.source for cell in copy.cells] == [cell.source for cell in original.cells]
