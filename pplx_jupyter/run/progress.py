"""A run's progress: a bar on a terminal, else a line whenever jobs or money changed. Both on the error output."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pplx_jupyter.run.record import Record

__all__ = ["Progress"]

_LOOK_SECONDS = 0.5
_BAR = "Running {bar:20} {n_fmt} of {total_fmt} cells · {elapsed}{desc}"


class Progress:
    """Shows how far a run is; looks twice a second while a cell waits.

    Attributes
    ----------
    notebook
        The notebook as far as it has run; None before it begins.
    done, total
        How many cells have ended, and how many there are.
    """

    def __init__(self, record: Record) -> None:
        self.notebook: Any = None
        self.done = 0
        self._record = record
        self.total = 0
        self._summary = self._line = ""
        self._bar: Any = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="pplx-jupyter run", daemon=True)

    def begin(self, notebook: Any) -> None:
        """Begin; the notebook's outputs are looked at while its cells run."""
        self.notebook = notebook
        self.total = self._own(len(notebook.cells))
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, bar_format=_BAR, file=sys.stderr, dynamic_ncols=True)
        self._thread.start()

    def at(self, index: int) -> None:
        """Say which cell begins; the first is 0."""
        self.done = self._own(index)

    def end(self) -> None:
        """Say that all cells have ended."""
        self.done = self.total

    def _own(self, before: int) -> int:
        """Count the cells before this one without papermill's, which sets the parameters and is in no person's notebook."""
        return sum(
            "injected-parameters" not in cell.metadata.get("tags", ())
            for cell in self.notebook.cells[:before]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self.notebook is None:
            return
        self._thread.join()
        self._look(last=True)
        if self._bar is not None:
            self._bar.close()

    def _keep_looking(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._look()

    def _look(self, *, last: bool = False) -> None:
        summary = self._record.look(self.notebook).summary()
        told = f" · {summary}" if summary else ""
        line = f"{self.done} of {self.total} cells{told}"
        if self._bar is not None:
            self._bar.n = self.done
            self._bar.set_description_str(told)
        elif summary != self._summary or (last and line != self._line):
            print(line, file=sys.stderr, flush=True)
            self._summary, self._line = summary, line
