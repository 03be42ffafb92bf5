"""``%pplx demo``: the simulator for this kernel alone, with a ledger that is thrown away."""

from __future__ import annotations

import atexit
import dataclasses
import shutil
import tempfile
from pathlib import Path

from pplx_jupyter.api.key import Secret
from pplx_jupyter.demo import SIMULATED_KEY, SimulatorProcess
from pplx_jupyter.session import Session, current_session, use_session

__all__ = ["start_demo", "stop_demo"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Demo:
    simulator: SimulatorProcess
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
    simulator = SimulatorProcess()
    demo = _Demo(simulator, Path(tempfile.mkdtemp(prefix="pplx-demo-")), current_session())
    _running.append(demo)
    atexit.register(stop_demo)
    key = Secret(SIMULATED_KEY, "the demo")
    use_session(
        Session(
            api_key=key,
            base_url=simulator.url,
            ledger=str(demo.folder / "ledger.sqlite"),
            settings=demo.before.settings,
        )
    )
    return (
        f"This kernel now asks the simulator at {simulator.url}: nothing leaves this machine, nothing is billed."
        " %pplx demo --stop ends it."
    )


def stop_demo() -> str:
    """End the simulator, throw its ledger away, and go back to the session before."""
    if not _running:
        return "The demo is not on."
    demo = _running.pop()
    atexit.unregister(stop_demo)
    current_session().close()
    use_session(demo.before)
    demo.simulator.close()
    shutil.rmtree(demo.folder, ignore_errors=True)
    return "The demo has ended; its answers are gone. This kernel asks Perplexity again."
