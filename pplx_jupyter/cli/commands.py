"""What each command does; gives its exit code."""

from __future__ import annotations

import sys
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING

from pplx_jupyter.errors import PplxError, RequestError

if TYPE_CHECKING:
    import argparse

    from pplx_jupyter.session import Session

__all__ = [
    "cost_command",
    "demo_command",
    "doctor_command",
    "export_command",
    "freeze_command",
    "jobs_command",
    "run_command",
    "simulator_command",
]

_COLLECT_SECONDS = 3.0

_QUIET_SECONDS = 0.7
"""So long without any news ends the collecting."""


def run_command(options: argparse.Namespace) -> int:
    """Run a notebook, and print its bill."""
    _need("papermill", *(["nbconvert"] if options.html else []))
    from pplx_jupyter.run import Plan, run

    settings = ("budget", "refresh", "frozen", "timeout", "parallel")
    try:
        plan = Plan.make(
            options.notebook,
            out=options.out,
            parameters=options.parameter,
            html=options.html,
            options={name: getattr(options, name) for name in settings},
        )
    except RequestError as error:
        print(f"pplx-jupyter run: {error}", file=sys.stderr)
        return 2
    return run(plan)


def demo_command(options: argparse.Namespace) -> int:
    """Serve the quickstart in JupyterLab, or run it without a browser."""
    _need("jupyterlab", "nbconvert", "starlette", "uvicorn")
    from pplx_jupyter.demo import execute, serve_lab

    if options.execute:
        return execute(speed=options.speed)
    return serve_lab(port=options.port, speed=options.speed)


def simulator_command(options: argparse.Namespace) -> int:
    """Serve the simulator until Ctrl-C."""
    _need("starlette", "uvicorn")
    from pplx_jupyter.simulator import serve

    if options.while_stdin:
        _end_with_stdin()

    def announce(url: str) -> None:
        print(
            f"pplx_jupyter simulator: {url} (speed {options.speed:g}; any key is taken; Ctrl-C ends it)",
            flush=True,
        )

    try:
        serve(
            port=options.port,
            speed=options.speed,
            sonar_retired=options.sonar_retired,
            faults=options.fault,
            announce=announce,
        )
    except ValueError as error:
        print(f"pplx-jupyter: --fault: {error}", file=sys.stderr)
        return 2
    return 0


def _end_with_stdin() -> None:
    import os
    import signal
    import threading

    def watch() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def jobs_command(options: argparse.Namespace) -> int:
    """List the ledger's jobs, and collect what has arrived."""
    from pplx_jupyter.elsewhere import adopted_since, look_elsewhere
    from pplx_jupyter.notebook.history import FILTERS, jobs_forms, wanted_of
    from pplx_jupyter.notebook.history.typed import filters_in_words
    from pplx_jupyter.notebook.simulated import marked
    from pplx_jupyter.session import current_session

    given = {flag.removeprefix("--"): getattr(options, flag.removeprefix("--")) for flag in FILTERS}
    try:
        wanted = wanted_of(**{**given, "search": " ".join([*options.words, options.search]).strip()})
    except RequestError as error:
        print(f"pplx-jupyter jobs: {error}", file=sys.stderr)
        return 2

    session = current_session()
    session.quiet_exit = True
    looking = look_elsewhere(session)
    if looking is not None:
        wait([looking], timeout=_COLLECT_SECONDS)
        _collect(session)
    if wanted.search:
        while session.ledger.read_in(_COLLECT_SECONDS):
            print("pplx-jupyter: reading in the words of older jobs, once …", file=sys.stderr)
    found = marked(session.ledger, session.ledger.found(wanted, limit=options.limit))
    print(jobs_forms(found, filters=filters_in_words(wanted))["text/plain"])
    told = adopted_since(session)
    if told:
        print(told)
    return 0


def _collect(session: Session) -> None:
    """Give the watcher a moment to fetch what has arrived; what is still under way is not waited for."""
    from pplx_jupyter.ledger import OPEN

    if not session.ledger.jobs(states=OPEN, base_url=session.base_url, limit=1):
        return
    session.watch()
    until = time.monotonic() + _COLLECT_SECONDS
    heard, before = session.bell.rings, -1
    while heard != before and (left := until - time.monotonic()) > 0:
        before = heard
        heard = session.bell.wait(heard, left if before < 0 else min(left, _QUIET_SECONDS))


def freeze_command(options: argparse.Namespace) -> int:
    """Write a notebook's answers beside it."""
    from pathlib import Path

    from pplx_jupyter.freeze import freeze
    from pplx_jupyter.session import Session

    # An ordinary one, though the environment may ask for frozen runs: the ledger has what is to be frozen.
    session = Session()
    session.quiet_exit = True
    try:
        frozen = freeze(Path(options.notebook), session, out=Path(options.out) if options.out else None)
    except RequestError as error:
        print(f"pplx-jupyter freeze: {error}", file=sys.stderr)
        return 2
    print(frozen)
    return 0 if frozen.kept and not frozen.left_out else 1


def export_command(options: argparse.Namespace) -> int:
    """Write a job's answer to a file."""
    from pplx_jupyter.export.files import told
    from pplx_jupyter.job import answer_to, attach
    from pplx_jupyter.session import current_session

    session = current_session()
    session.quiet_exit = True
    try:
        answer = answer_to("save", attach(options.job, session=session))
        print(told(answer.save(options.file, overwrite=options.overwrite)))
    except RequestError as error:
        print(f"pplx-jupyter export: {error}", file=sys.stderr)
        return 2
    return 0


def cost_command(options: argparse.Namespace) -> int:
    """Print what the ledger's jobs have cost."""
    import datetime

    from pplx_jupyter.notebook.costs import cost_forms
    from pplx_jupyter.notebook.simulated import is_simulated
    from pplx_jupyter.session import current_session

    session = current_session()
    found = session.ledger.totals(options.by, session.base_url)
    simulated = is_simulated(session.ledger, session.base_url)
    now = datetime.datetime.now().astimezone()
    print(cost_forms(options.by, found, simulated=simulated, at=now)["text/plain"])
    return 0


def doctor_command(_options: argparse.Namespace) -> int:
    """Check key, address, ledger and versions."""
    from pplx_jupyter.notebook.doctor import examine, examined_forms
    from pplx_jupyter.session import current_session

    findings = examine(None, current_session())
    print(examined_forms(findings)["text/plain"])
    return 1 if any(state == "bad" for _, state, _ in findings) else 0


def _need(*modules: str) -> None:
    import importlib.util

    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise PplxError(f"this needs {' and '.join(missing)}: pip install 'pplx-jupyter[demo]'")
