"""What a run asked and bought, read from the notebook's outputs and from the ledger."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.run.bill import Bill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.run.plan import Plan

__all__ = ["Record", "jobs_shown"]

_PAGE = 200


class Record:
    """The jobs of one run.

    Parameters
    ----------
    plan
        The run.
    """

    def __init__(self, plan: Plan) -> None:
        self.troubles: list[str] = []
        self._plan = plan
        self._ledger: Ledger | None = None

    def look(self, notebook: Any) -> Bill:
        """Give the bill as it stands; from any thread.

        Parameters
        ----------
        notebook
            The notebook as far as it has run; None where it has not begun.
        """
        shown = jobs_shown(notebook)
        rows: dict[str, Row] = {}
        if not self._plan.settings.frozen:
            try:
                rows = self._rows(shown)
            except LedgerError as error:
                if str(error) not in self.troubles:
                    self.troubles.append(str(error))
        return Bill(
            rows=tuple(sorted(rows.values(), key=lambda row: row.created_at)),
            elsewhere=tuple(job for job in shown if job not in rows),
            run=self._plan.token,
            started=self._plan.started,
            frozen=self._plan.settings.frozen,
        )

    def drop_unsent(self) -> None:
        """Take back the questions that this run wrote down and never sent: its kernel is gone.

        Left there, the next command on this ledger would send them, when nobody thinks of this run any more.
        """
        from pplx_jupyter.watch.outcomes import dropped

        try:
            ledger = None if self._plan.settings.frozen else self._open()
            if ledger is None:
                return
            for row in self._new(ledger):
                if row.state == "submitting" and row.sending_at is None:
                    changes = dropped(time.time()).changes
                    changes["failure"]["reason"] = "when its run ended before it was sent"
                    # Whoever has taken it meanwhile sends it: then it is that process's.
                    ledger.write(row.id, changes, owner=row.owner, states=["submitting"])
        except LedgerError as error:
            self.troubles.append(str(error))

    def simulated(self, rows: Iterable[Row]) -> bool:
        """Whether the simulator answered any of these."""
        from pplx_jupyter.rows import answer_of

        ledger = self._ledger
        return ledger is not None and any(answer_of(row, ledger.body(row.id)).simulated for row in rows)

    def _rows(self, shown: Iterable[str]) -> dict[str, Row]:
        ledger = self._open()
        if ledger is None:
            return {}
        # A job that plain Python asked has no output that names it; the ledger knows its run.
        rows = {row.id: row for row in self._new(ledger)}
        for job in shown:
            row = rows.get(job) or ledger.get(job)
            if row is not None:
                rows[job] = row
        return rows

    def _new(self, ledger: Ledger) -> list[Row]:
        found: list[Row] = []
        offset = 0
        while True:
            page = ledger.jobs(limit=_PAGE, offset=offset)
            found += [row for row in page if row.run == self._plan.token]
            if len(page) < _PAGE or page[-1].created_at < self._plan.started:
                return found
            offset += _PAGE

    def _open(self) -> Ledger | None:
        """Open the ledger where there is one: a notebook that asks nothing must not make it."""
        if self._ledger is None:
            from pplx_jupyter.ledger import open_ledger
            from pplx_jupyter.ledger.sqlite import default_path

            where = self._plan.ledger
            if Path(where or default_path()).exists():
                self._ledger = open_ledger(where)
        return self._ledger


def jobs_shown(notebook: Any) -> list[str]:
    """Give the ids of the jobs that a notebook's outputs show, each once, in their order."""
    cells = [] if notebook is None else list(notebook.cells)
    outputs = [output for cell in cells for output in list(cell.get("outputs") or ())]
    ours = [(output.get("metadata") or {}).get("pplx_jupyter") or {} for output in outputs]
    return list(dict.fromkeys(str(found["job"]) for found in ours if found.get("job")))
