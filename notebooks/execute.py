"""Run the notebooks anew against the simulator, and write them back with their outputs.

``python notebooks/execute.py`` runs all of them, ``python notebooks/execute.py market-scan`` one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import nbformat
from nbclient import NotebookClient

from pplx_jupyter.demo import SIMULATED_KEY
from pplx_jupyter.ledger import open_ledger
from pplx_jupyter.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NOTEBOOKS", "a_week_later", "environment", "execute", "run"]

NOTEBOOKS = sorted(Path(__file__).parent.glob("*.ipynb"))

_WEEK = 7 * 86_400.0
_WEEKLY = "weekly-brief"
"""What it is for shows in its second week."""


def environment(url: str, folder: Path) -> dict[str, str]:
    """Give the environment of a kernel that asks the simulator, with a ledger of its own in a folder."""
    ours = {
        "PERPLEXITY_BASE_URL": url,
        "PERPLEXITY_API_KEY": SIMULATED_KEY,
        "PPLX_JUPYTER_LEDGER": str(folder / "ledger.sqlite"),
        "IPYTHONDIR": str(folder / "ipython"),
        "TZ": "UTC",
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PPLX_", "PERPLEXITY_"))}
    return {**kept, **ours}


def run(path: Path, folder: Path, environment: Mapping[str, str]) -> Any:
    """Run a notebook in a folder; gives it with its outputs, and nothing else of the run."""
    notebook = nbformat.read(path, as_version=4)
    before = dict(notebook.metadata)
    NotebookClient(
        notebook,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute(env={**environment, "PPLX_JUPYTER_NOTEBOOK": path.name})
    notebook.metadata = nbformat.from_dict(before)
    return notebook


def a_week_later(ledger: str) -> None:
    """Let what is in a ledger be older by a week."""
    book = open_ledger(ledger)
    for row in book.jobs(limit=1000):
        times = ("created_at", "sending_at", "accepted_at", "settled_at")
        then = {name: getattr(row, name) for name in times}
        book.write(row.id, {name: at - _WEEK for name, at in then.items() if at is not None})


def execute(path: Path, speed: float = 60.0) -> None:
    """Run a notebook of this folder, and write it back."""
    with tempfile.TemporaryDirectory(prefix="notebook-") as name:
        folder = Path(name)
        with Simulator(speed) as simulator:
            environ = environment(simulator.url, folder)
            notebook = run(path, folder, environ)
        if path.stem == _WEEKLY:
            a_week_later(environ["PPLX_JUPYTER_LEDGER"])
            # Another seed: the same question has another answer.
            with Simulator(speed, seed=1, port=urlsplit(simulator.url).port or 0):
                notebook = run(path, folder, environ)
        if name in str(notebook):
            raise SystemExit(f"{path.name}: an output names the folder that it was run in")
    nbformat.write(notebook, path)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    known = {path.stem: path for path in NOTEBOOKS}
    unknown = [name for name in sys.argv[1:] if name not in known]
    if unknown:
        raise SystemExit(f"{unknown[0]} is none of the notebooks: {', '.join(known)}")
    for each in sys.argv[1:] or known:
        execute(known[each])
