"""``%pplx demo``: the simulator as a process of its own, for this kernel alone.

The demo has a ledger of its own that is thrown away, so that simulated and real answers never meet.
"""

from __future__ import annotations

import atexit
import dataclasses
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from pplx_jupyter.api.key import Secret
from pplx_jupyter.errors import PplxError
from pplx_jupyter.session import Session, current_session, use_session

__all__ = ["start_demo", "stop_demo"]

_START_SECONDS = 20.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Demo:
    process: subprocess.Popen[str]
    folder: Path
    before: Session


_running: list[_Demo] = []


def start_demo() -> str:
    """Start the simulator, and make it this kernel's service; gives one line that says so.

    Raises
    ------
    PplxError
        The simulator did not start; the message says what to install.
    """
    if _running:
        return f"The demo is on already: {current_session().base_url}. %pplx demo --stop ends it."
    command = [sys.executable, "-m", "pplx_jupyter.cli", "simulator", "--port", "0", "--while-stdin"]
    # The pipe to its input closes with this process, however that ends, and the simulator with it.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = _address(process)
    folder = Path(tempfile.mkdtemp(prefix="pplx-demo-"))
    demo = _Demo(process, folder, current_session())
    _running.append(demo)
    atexit.register(stop_demo)
    use_session(Session(api_key=Secret("simulated", "the demo"), base_url=url, ledger=str(folder / "ledger.sqlite"), settings=demo.before.settings))
    return f"This kernel now asks the simulator at {url}: nothing leaves this machine, nothing is billed. %pplx demo --stop ends it."


def stop_demo() -> str:
    """End the simulator, throw its ledger away, and go back to the session before."""
    if not _running:
        return "The demo is not on."
    demo = _running.pop()
    atexit.unregister(stop_demo)
    current_session().close()
    use_session(demo.before)
    demo.process.terminate()
    demo.process.wait(5)
    for pipe in (demo.process.stdin, demo.process.stdout, demo.process.stderr):
        if pipe is not None:
            pipe.close()
    shutil.rmtree(demo.folder, ignore_errors=True)
    return "The demo has ended; its answers are gone. This kernel asks Perplexity again."


def _address(process: subprocess.Popen[str]) -> str:
    """Read the address from the simulator's first line."""
    timer = threading.Timer(_START_SECONDS, process.kill)
    timer.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        timer.cancel()
    found = re.search(r"http://[\w.:]+", line)
    if found:
        return found.group(0)
    process.kill()
    said = (process.stderr.read() if process.stderr else "").strip().splitlines()
    raise PplxError(f"the simulator did not start: {said[-1] if said else 'it said nothing'}.")
