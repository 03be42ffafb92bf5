"""Notebooks that are run from a shell, as a process of their own, against the simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pplx_jupyter.simulator import Simulator
from tests.asking import ask, hurry, make_session, make_sim, nothing_of_the_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["ask", "hurry", "make_session", "make_sim", "nothing_of_the_environment"]

LOAD = "%load_ext pplx_jupyter"


class Shell:
    """A folder with notebooks, and a shell in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PPLX_", "PERPLEXITY_"))}
        self.environment = {
            **kept,
            "PERPLEXITY_API_KEY": "pplx-test-0123456789abcdef",
            "PPLX_JUPYTER_LEDGER": "data/ledger.sqlite",
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "PYTHONWARNINGS": "ignore",
        }

    def write(self, cells: Sequence[str], name: str = "market.ipynb", *, tags: Sequence[str] = ()) -> None:
        """Write a notebook that loads the extension; its second cell has the tags."""
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in (LOAD, *cells)])
        notebook.cells[1].metadata["tags"] = list(tags)
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)

    def read(self, name: str = "market-run.ipynb") -> Any:
        return nbformat.read(self.folder / name, as_version=4)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pplx_jupyter.cli", "run", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*(arguments or ("market.ipynb",))),
            env=self.environment | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(speed=240, durations=(60.0, 120.0)) as simulator:
        yield simulator


@pytest.fixture
def shell(sim: Simulator, tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.environment["PERPLEXITY_BASE_URL"] = sim.url
    return shell


def shown(notebook: Any, state: str = "completed") -> list[Any]:
    """Give, a cell each, the outputs that say they are ours in this state."""
    return [
        [
            out
            for out in cell.get("outputs", [])
            if out.get("metadata", {}).get("pplx_jupyter", {}).get("state") == state
        ]
        for cell in notebook.cells
    ]
