"""``pplx-jupyter``: the demo, the simulator, the ledger's jobs and the doctor from a shell.

Exit codes: 0 fine, 1 a cell or job failed, 2 usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pplx_jupyter.errors import PplxError
from pplx_jupyter.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except PplxError as error:
        print(f"pplx-jupyter: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pplx-jupyter", description="Deep research as a citizen of the Jupyter notebook."
    )
    parser.add_argument("--version", action="version", version=f"pplx-jupyter {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

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
    demo.set_defaults(run=_demo)

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
    simulator.set_defaults(run=_simulator)

    jobs = commands.add_parser("jobs", help="list the ledger's jobs, and collect what has arrived")
    jobs.add_argument("--limit", type=int, default=20, help="how many, newest first (default 20)")
    jobs.set_defaults(run=_jobs)

    doctor = commands.add_parser("doctor", help="check key, address, ledger and versions")
    doctor.set_defaults(run=_doctor)
    return parser


def _demo(options: argparse.Namespace) -> int:
    _need("jupyterlab", "nbconvert", "starlette", "uvicorn")
    from pplx_jupyter.demo import execute, serve_lab

    if options.execute:
        return execute(speed=options.speed)
    return serve_lab(port=options.port, speed=options.speed)


def _simulator(options: argparse.Namespace) -> int:
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


def _jobs(options: argparse.Namespace) -> int:
    from pplx_jupyter.ledger import OPEN
    from pplx_jupyter.notebook.history import jobs_forms
    from pplx_jupyter.session import current_session

    session = current_session()
    session.quiet_exit = True
    if session.has_key and session.ledger.jobs(states=OPEN, base_url=session.base_url, limit=1):
        session.watch()
        heard = session.bell.rings
        session.bell.wait(heard, 3.0)
    print(jobs_forms(session.ledger.jobs(limit=options.limit))["text/plain"])
    return 0


def _doctor(_options: argparse.Namespace) -> int:
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


if __name__ == "__main__":
    sys.exit(main())
