"""The commands and their options, as argparse takes them."""

from __future__ import annotations

import argparse
from typing import Any

from pplx_jupyter.cli import commands as command
from pplx_jupyter.version import __version__

__all__ = ["parser"]


def parser() -> argparse.ArgumentParser:
    """Make the parser of ``pplx-jupyter``."""
    made = argparse.ArgumentParser(
        prog="pplx-jupyter", description="Deep research as a citizen of the Jupyter notebook."
    )
    made.add_argument("--version", action="version", version=f"pplx-jupyter {__version__}")
    commands = made.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo", help="try it: JupyterLab on the quickstart notebook, against the simulator"
    )
    demo.add_argument(
        "--execute",
        action="store_true",
        help="run the notebook without a browser, and write it to pplx-demo/",
    )
    demo.add_argument("--port", type=int, default=0, help="JupyterLab's port (default: a free one)")
    demo.add_argument(
        "--speed",
        type=float,
        default=60.0,
        help="how much faster than the service the simulator is (default 60)",
    )
    demo.set_defaults(run=command.demo_command)

    _add_run(commands)

    simulator = commands.add_parser("simulator", help="run the simulator of the service on this machine")
    simulator.add_argument("--port", type=int, default=0, help="its port (default: a free one)")
    simulator.add_argument(
        "--speed", type=float, default=60.0, help="how much faster than the service it is (default 60)"
    )
    simulator.add_argument(
        "--sonar-retired", action="store_true", help="answer the sonar API with the retirement 403"
    )
    simulator.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="SPEC",
        help="such as status=503@get#3; may be repeated",
    )
    simulator.add_argument("--while-stdin", action="store_true", help="end when the standard input closes")
    simulator.set_defaults(run=command.simulator_command)

    cost = commands.add_parser("cost", help="show what the ledger's jobs have cost")
    cost.add_argument(
        "--by", choices=("notebook", "day", "model", "month"), default="notebook", help="default: notebook"
    )
    cost.set_defaults(run=command.cost_command)

    jobs = commands.add_parser("jobs", help="list the ledger's jobs, and collect what has arrived")
    jobs.add_argument("--limit", type=int, default=20, help="how many, newest first (default 20)")
    jobs.add_argument(
        "words", nargs="*", metavar="WORD", help="words of prompts and answers, or their beginnings"
    )
    jobs.add_argument("--search", default="", metavar="TEXT", help="the same as words")
    jobs.add_argument(
        "--state", default="", help="running, finished, failed, unconfirmed or cancelled; several with commas"
    )
    jobs.add_argument("--notebook", default="", help="asked in this notebook")
    jobs.add_argument(
        "--since", default="", help="asked since: an age such as 7d, or a date such as 2026-11-22"
    )
    jobs.add_argument("--until", default="", help="asked before: an age, or a date")
    jobs.add_argument("--cost", default="", help="cost at least so many US dollars, or: unknown")
    jobs.set_defaults(run=command.jobs_command)

    freeze = commands.add_parser(
        "freeze",
        help="write the answers of a notebook beside it, for runs without key, network and ledger",
        description="Write NAME.pplx.json beside NAME.ipynb: every answer that its outputs show. Exit code 1: a cell has none.",
    )
    freeze.add_argument("notebook", metavar="NOTEBOOK", help="a notebook that has been run and saved")
    freeze.add_argument(
        "-o",
        "--out",
        metavar="LOCKFILE",
        help="where to write it, such as market.pplx.json for a run’s result",
    )
    freeze.set_defaults(run=command.freeze_command)

    _add_export(commands)

    doctor = commands.add_parser("doctor", help="check key, address, ledger and versions")
    doctor.set_defaults(run=command.doctor_command)
    return made


def _add_export(commands: Any) -> None:
    from pplx_jupyter.export.files import ENDINGS

    export = commands.add_parser(
        "export",
        help="write an answer to a file: a document, its data, or its sources",
        description=f"Write the answer of a job to a file; its ending says what: {', '.join(ENDINGS)}.",
    )
    export.add_argument("job", metavar="NAME", help="a job’s name, its id or the beginning of it")
    export.add_argument("file", metavar="FILE", help="such as report.html, references.bib")
    export.add_argument(
        "--overwrite", action="store_true", help="replace any file, not only an answer saved before"
    )
    export.set_defaults(run=command.export_command)


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="run a notebook with papermill, and print what it cost",
        description="Run a notebook from its own folder, as JupyterLab does, and write the result beside it.",
    )
    run.add_argument("notebook", metavar="NOTEBOOK")
    run.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="for the cell that is tagged “parameters”; may be repeated",
    )  # fmt: skip
    run.add_argument(
        "-o", "--out", metavar="OUT", help="where the result is written (default: NOTEBOOK-run.ipynb)"
    )
    run.add_argument("--html", action="store_true", help="write the result as a page, too")
    run.add_argument(
        "--budget", type=_amount, metavar="USD", help="refuse questions that could pass this sum"
    )
    run.add_argument(
        "--refresh", action="store_true", help="obey the cells' --refresh; without it they buy nothing anew"
    )
    run.add_argument("--frozen", action="store_true", help="answer from the lockfile alone")
    run.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="how long a research cell waits; its job goes on"
    )
    run.add_argument(
        "--parallel",
        action="store_true",
        help="send all questions first, wait where a result is used and at the end",
    )
    run.set_defaults(run=command.run_command)


def _amount(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    number = _amount(text)
    if number == 0:
        raise ValueError(text)
    return number


_amount.__name__, _seconds.__name__ = "amount of US dollars", "number of seconds"
