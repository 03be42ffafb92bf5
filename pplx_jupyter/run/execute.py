"""Running the cells: papermill, with a kernel environment, an interrupt and a last cell of our own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import signal
from typing import TYPE_CHECKING, Any

from nbclient.exceptions import DeadKernelError
from nbclient.util import ensure_async
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillException, PapermillExecutionError
from papermill.execute import execute_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplx_jupyter.run.plan import Plan
    from pplx_jupyter.run.progress import Progress

__all__ = ["End", "execute"]

_ENGINE = "pplx-jupyter run"
_WAIT = (
    "if get_ipython().find_line_magic('pplx') is not None:\n    get_ipython().run_line_magic('pplx', 'wait')"
)
"""The last cell of a parallel run: ``%pplx wait``, where the notebook has loaded the extension."""


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """How a run ended.

    Attributes
    ----------
    error
        The name of the error that ended it, or an empty text.
    said
        What to tell of it.
    """

    error: str = ""
    said: str = ""


@dataclasses.dataclass(slots=True)
class _Hand:
    """What the engine is given, and gives back."""

    plan: Plan
    progress: Progress
    end: End = dataclasses.field(default_factory=End)


def execute(plan: Plan, progress: Progress) -> End:
    """Run the notebook and write it, finished or not.

    It runs in its own folder, as in JupyterLab. Ctrl-C interrupts the kernel, so that its cells can say
    what goes on; a second one ends the run at once.
    """
    import nbformat
    from jupyter_client.kernelspec import NoSuchKernel

    papermill_engines.register(_ENGINE, _Engine)
    metadata = nbformat.read(plan.notebook, as_version=4).metadata
    kernel = metadata.get("kernelspec", {})
    hand = _Hand(plan, progress)
    try:
        execute_notebook(
            _literal(str(plan.notebook)),
            _literal(str(plan.out)),
            parameters=dict(plan.parameters),
            engine_name=_ENGINE,
            kernel_name=kernel.get("name") or "python3",
            language=metadata.get("language_info", {}).get("name") or kernel.get("language") or "python",
            progress_bar=False,
            cwd=str(plan.notebook.parent),
            hand=hand,
        )
    except PapermillExecutionError as error:
        return End(
            error.ename, _told(f"In [{error.exec_count}] ", error.ename, error.evalue, error.traceback)
        )
    except DeadKernelError:
        return End(
            "DeadKernelError",
            f"the kernel died in cell {progress.done + 1}; what it bought is in the ledger.",
        )
    except NoSuchKernel as error:
        return End(
            "NoSuchKernel",
            f"there is no kernel “{error.name}” here; jupyter kernelspec list names those there are.",
        )
    except PapermillException as error:
        return End(type(error).__name__, str(error))
    except KeyboardInterrupt:
        return End("KeyboardInterrupt", "interrupted.")
    return hand.end


def _literal(path: str) -> str:
    """Write a path that papermill, which fills in braces, takes as it is."""
    return path.replace("{", "{{").replace("}", "}}")


def _told(where: str, name: str, value: str, traceback: list[str]) -> str:
    if not value and not traceback:
        # A magic that is not there is only printed about.
        value = "the cell failed without a word: is there a cell with %load_ext pplx_jupyter above it?"
    line = f"{where}{name}: {value}"
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback)).strip()
    return f"{line}\n{shown}" if "\n" in shown else line


class _Engine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """papermill's own engine, with the run's hand in it."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, hand: _Hand, start_timeout: float = 60, **_: Any
    ) -> None:
        nb, progress = nb_man.nb, hand.progress
        progress.begin(nb)
        client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            on_cell_start=lambda cell_index, **_: progress.at(cell_index),
        )
        with _interrupting(client), _last_cell(nb, hand):
            # As papermill's client does, but the kernel's environment is ours alone, not this process's.
            client.execute(env=dict(hand.plan.environment))
            if not nb.metadata.papermill.exception:
                progress.end()


@contextlib.contextmanager
def _last_cell(nb: Any, hand: _Hand) -> Iterator[None]:
    """In a parallel run, let a last cell wait for every job and complete the cells above; no reader sees it."""
    if not hand.plan.settings.parallel:
        yield
        return
    from nbformat.v4 import new_code_cell

    cell = new_code_cell(_WAIT)
    cell.metadata.papermill = {
        "exception": None,
        "start_time": None,
        "end_time": None,
        "duration": None,
        "status": "pending",
    }
    nb.cells.append(cell)
    try:
        yield
    finally:
        last = nb.cells.pop()
        for output in last.outputs:
            if output.output_type == "error":
                hand.end = End(output.ename, _told("", output.ename, output.evalue, output.traceback))


@contextlib.contextmanager
def _interrupting(client: Any) -> Iterator[None]:
    """Hand the first Ctrl-C, or a polite end, on to the kernel: its cell ends with a line that says what goes on."""
    asked: list[asyncio.Future[Any]] = []

    def interrupt(*_: Any) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise KeyboardInterrupt from None
        if asked or client.km is None or not client.km.has_kernel:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(
            lambda: asked.append(asyncio.ensure_future(ensure_async(client.km.interrupt_kernel())))
        )

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
