"""``pplx-jupyter run``: a notebook from the shell, with a bar that shows jobs and money, and a bill at its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pplx_jupyter.run.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Plan", "run"]

_CODES = {
    "BudgetExceeded": 3,
    "JobUnconfirmed": 4,
    "WaitTimeout": 4,
    "KeyboardInterrupt": 130,
    "WaitInterrupted": 130,
}
"""Exit codes by the name of the error that ended the run; any other is 1."""


def run(plan: Plan) -> int:
    """Run a notebook and print its bill; gives the exit code.

    The code is 0 where all went well, 1 where a cell or a job failed, 3 where a budget refused a
    question, 4 where a job is unconfirmed or was waited for too long, and 130 after Ctrl-C. Whatever it
    is, the notebook is written as far as it came, and the jobs that were bought stay in the ledger.
    """
    from pplx_jupyter.run.execute import execute
    from pplx_jupyter.run.progress import Progress
    from pplx_jupyter.run.record import Record

    record = Record(plan)
    with Progress(record) as progress:
        end = execute(plan, progress)
    record.drop_unsent()
    bill = record.look(progress.notebook)
    for line in bill.lines(plan.notebook.name):
        print(line)
    if record.simulated(bill.rows):
        print("Answered by the simulator: nothing was billed.")
    for path in _written(plan):
        print(f"Written: {_near(path)}")
    for line in [*record.troubles, end.said]:
        if line:
            print(f"pplx-jupyter: {line}", file=sys.stderr)
    return _CODES.get(end.error, 1) if end.error else bill.code


def _near(path: Path) -> Path:
    """Give a path as one writes it in this folder."""
    here = path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _written(plan: Plan) -> list[Path]:
    """Give what was written; the page is made from the notebook as it lies there, finished or not."""
    if not plan.out.exists():
        return []
    if not plan.html:
        return [plan.out]
    import nbformat
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(nbformat.read(plan.out, as_version=4))
    path = plan.out.with_suffix(".html")
    path.write_text(page, encoding="utf-8")
    return [plan.out, path]
