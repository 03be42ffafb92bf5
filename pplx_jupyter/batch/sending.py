"""The questions of a batch on their way into the ledger, from where they leave as their turn comes."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import PplxError
from pplx_jupyter.ledger.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplx_jupyter.batch.deciding import Asking, Deciding
    from pplx_jupyter.batch.questions import Question
    from pplx_jupyter.batch.standings import Standings
    from pplx_jupyter.ledger import Attempts, Decision
    from pplx_jupyter.session import Session
    from pplx_jupyter.submission import Submission

__all__ = ["Sending"]

log = logging.getLogger("pplx_jupyter")

_TICK = 0.2
"""Seconds between looks: an interrupt is noticed within one of them."""


class Sending:
    """Writes the questions of one batch down, in the caller's thread or behind it.

    Parameters
    ----------
    standings
        Is told which job each question has.

    Attributes
    ----------
    started
        When the first of them was written down, in seconds since the epoch; 0 where none was.
    error
        Why they could not be written down, or None.
    """

    def __init__(self, session: Session, deciding: Deciding, asking: Asking, standings: Standings) -> None:
        self.started = 0.0
        self.error: PplxError | None = None
        self._session = session
        self._deciding = deciding
        self._asking = asking
        self._standings = standings
        self._thread: threading.Thread | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether they are being written down."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self) -> None:
        """Block until they are written down, and raise what kept them from it."""
        if self._thread is not None:
            while self._thread.is_alive():
                # In ticks, so that an interrupt is noticed.
                self._thread.join(_TICK)
        if self.error is not None:
            raise self.error

    def begin(self, chosen: Mapping[str, Question], *, resume: bool, label: str) -> None:
        """Write questions down in a thread of its own: a thousand take a second."""
        self.started = self.started or time.time()
        self._thread = threading.Thread(
            target=self._send_quietly, args=(chosen, resume, label), name="pplx_jupyter-batch", daemon=True
        )
        self._thread.start()

    def send(
        self,
        chosen: Mapping[str, Question],
        *,
        resume: bool = True,
        how: Callable[[Attempts], Decision] | None = None,
    ) -> list[Submission]:
        """Write questions down; what is in the ledger is taken from there.

        Parameters
        ----------
        resume
            Let those go on that wait where the batch was paused before.
        how
            Decides of each question whether it is bought; as the batch is asked, unless given.

        Raises
        ------
        BudgetExceeded
            All together could pass a budget; nothing was sent.
        """
        self.error = None
        session, deciding, asking = self._session, self._deciding, self._asking
        if not session.frozen:
            self.started = self.started or time.time()
        since, began = deciding.fresh_since()
        paused = "" if resume else (session.ledger.gate(deciding.id) or Gate()).paused
        found = session.submit_all(
            # A lockfile has the settings that its answers were asked with.
            [each.request if session.frozen else deciding.requests[f] for f, each in chosen.items()],
            how=how or deciding.how(since),
            batch=deciding.id,
            gate=Gate(asking.at_once, paused, began),
            name=asking.name,
            notebook=asking.notebook,
            cell=asking.cell,
            filled=[each.filled for each in chosen.values()],
        )
        deciding.began = began
        self._standings.take(dict(zip(chosen, found, strict=True)), batch=deciding.id)
        if any(submitted.row.is_open for submitted in found):
            session.watch()
        session.bell.ring()
        self._standings.refresh()
        return found

    def _send_quietly(self, chosen: Mapping[str, Question], resume: bool, label: str) -> None:
        try:
            self.send(chosen, resume=resume)
        except PplxError as error:
            # Raised by `wait`, and shown by whoever watches.
            self.error = error
        except Exception as error:
            # The border of the thread: whoever waits must not wait for ever.
            log.exception("batch %s", label)
            self.error = PplxError(f"batch {label}: {type(error).__name__}: {error}")
        self._session.bell.ring()
