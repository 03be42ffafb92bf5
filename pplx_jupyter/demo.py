"""The demo: the simulator as a process of its own, JupyterLab on the notebooks, or the quickstart run to a file.

A demo has a throw-away ledger, so that simulated and real answers never meet.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pplx_jupyter.errors import PplxError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "SIMULATED_KEY",
    "SimulatorProcess",
    "copy_notebooks",
    "execute",
    "notebooks",
    "quickstart",
    "serve_lab",
]

SIMULATED_KEY = "pplx-simulator-takes-any-key"
"""What the demo's kernels send: long enough that no answer holds it by chance."""

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


class SimulatorProcess:
    """The simulator on a free loopback port; it ends with this process, however that ends.

    Raises
    ------
    PplxError
        It did not start; the message says why.
    """

    def __init__(self, *, speed: float = 60.0) -> None:
        command = [
            sys.executable,
            "-m",
            "pplx_jupyter.cli",
            "simulator",
            "--while-stdin",
            "--speed",
            f"{speed:g}",
        ]
        # Its input is a pipe that closes with this process, even by SIGKILL.
        # A session of its own: Ctrl-C in the terminal is for the parent, which stops it in order.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.url = self._address()

    def _address(self) -> str:
        timer = threading.Timer(_START_SECONDS, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline() if self._process.stdout else ""
        finally:
            timer.cancel()
        found = re.search(r"http://[\w.:]+", line)
        if found:
            return found.group(0)
        self._process.kill()
        said = (self._process.stderr.read() if self._process.stderr else "").strip().splitlines()
        self.close()
        raise PplxError(f"the simulator did not start: {said[-1] if said else 'it said nothing'}")

    def close(self) -> None:
        """End it."""
        _stop(self._process)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve_lab(*, port: int = 0, speed: float = 60.0) -> int:
    """Serve JupyterLab on copies of the notebooks until Ctrl-C; gives the exit code."""
    with _folder() as folder, _interruptible(), SimulatorProcess(speed=speed) as simulator:
        copy_notebooks(folder / "notebooks")
        _quieten(folder)
        port, token = port or _free_port(), secrets.token_hex(16)
        lab = subprocess.Popen(
            _lab_command(folder, port, token), env=_environment(simulator.url, folder), start_new_session=True
        )
        try:
            _await_server(lab, port)
            print(f"\n    http://127.0.0.1:{port}/lab/tree/quickstart.ipynb?token={token}\n", flush=True)
            print("Open this address; the other notebooks are in the folder at the left.")
            print(f"Answers come from the simulator at {simulator.url}; nothing leaves this machine,")
            print(
                "nothing is billed, and the ledger is thrown away at the end. Ctrl-C stops everything.",
                flush=True,
            )
            lab.wait()
        except KeyboardInterrupt:
            print("\nThe demo has ended.")
        finally:
            _stop(lab)
    return 0


def execute(*, speed: float = 60.0, into: Path | None = None) -> int:
    """Run the quickstart without a browser, and write it as a notebook and as a page; gives the exit code.

    Parameters
    ----------
    into
        The folder to write to; default: ``pplx-demo`` in the current one.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from nbconvert import HTMLExporter

    into = into or Path("pplx-demo")
    into.mkdir(exist_ok=True)
    notebook = nbformat.read(quickstart(), as_version=4)
    code = 0
    with _folder() as folder, _interruptible(), SimulatorProcess(speed=speed) as simulator:
        client = NotebookClient(
            notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        try:
            client.execute(env=_environment(simulator.url, folder))
        except CellExecutionError as error:
            print(error, file=sys.stderr)
            code = 1
        bill = _bill(folder / "ledger.sqlite")
    nbformat.write(notebook, into / "quickstart.ipynb")
    page, _ = HTMLExporter().from_notebook_node(notebook)
    (into / "quickstart.html").write_text(page, encoding="utf-8")
    print(f"{into / 'quickstart.ipynb'}\n{into / 'quickstart.html'}\n{bill}")
    return code


def quickstart() -> Path:
    """Give the quickstart notebook."""
    return next(path for path in notebooks() if path.stem == "quickstart")


def notebooks() -> list[Path]:
    """Give all notebooks by name: beside the package in a checkout, inside it in a wheel."""
    for folder in (Path(__file__).parent / "notebooks", Path(__file__).parents[1] / "notebooks"):
        if (folder / "quickstart.ipynb").exists():
            return sorted(folder.glob("*.ipynb"))
    raise PplxError(
        "the notebooks are missing from this installation: pip install --force-reinstall 'pplx-jupyter[demo]'"
    )


def copy_notebooks(folder: Path) -> None:
    """Copy all notebooks into a new folder, without their outputs: a reader is to make their own."""
    import nbformat

    folder.mkdir()
    for path in notebooks():
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / path.name)


def _bill(ledger: Path) -> str:
    from pplx_jupyter.ledger import open_ledger
    from pplx_jupyter.render.words import count, money

    rows = open_ledger(str(ledger)).jobs(limit=1000)
    total = money(sum(row.cost or 0.0 for row in rows))
    return f"{count(len(rows), 'question')}, 0.00 USD: answered by the simulator. At the published prices such answers cost {total}."


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pplx-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let a polite end (SIGTERM) stop everything as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _environment(url: str, folder: Path) -> dict[str, Any]:
    """Give the environment of a demo's kernels: the simulator's address, a key that it takes, a ledger to throw away."""
    ours = {
        "PERPLEXITY_BASE_URL": url,
        "PERPLEXITY_API_KEY": SIMULATED_KEY,
        "PPLX_JUPYTER_LEDGER": str(folder / "ledger.sqlite"),
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PPLX_", "PERPLEXITY_"))}
    return {**kept, **ours}


def _lab_command(folder: Path, port: int, token: str) -> Sequence[str]:
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder / "notebooks",
        "IdentityProvider.token": token,
        "LabApp.user_settings_dir": folder / "settings",
        "LabApp.workspaces_dir": folder / "workspaces",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--log-level=ERROR"]
    command += [f"--{name}={value}" for name, value in options.items()]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def _quieten(folder: Path) -> None:
    """Keep JupyterLab from asking whether it may fetch news; the demo's settings are its own, not the user's."""
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}', "utf-8"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_server(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise PplxError(
                f"JupyterLab did not start (exit code {process.returncode}): pip install 'pplx-jupyter[demo]'"
            )
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise PplxError(f"JupyterLab did not answer within {_START_SECONDS:g} s.")


def _stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
