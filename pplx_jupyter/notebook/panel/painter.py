"""The painter: reads changed rows and updates what a person sees.

It runs on the background thread and is the only writer of panels. It looks when this process wrote
to the ledger, at most four times a second, and four times a second for what other processes wrote;
in one look it paints so few panels that a page gets at most twenty updates a second.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Protocol

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.once import warn_once
from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session

__all__ = ["UNMARKED", "Paintable", "Painter", "painter_of"]

log = logging.getLogger("pplx_jupyter")

LOOK_SECONDS = 0.25
PAINTS_A_LOOK = 5
TRIES = 3
"""How often in a row a view may fail before it is given up."""


class Marked(Protocol):
    """What the ledger is asked about for a view: an id, and the number of the last change that it knows."""

    @property
    def id(self) -> str:
        """The id of a row."""

    @property
    def seq(self) -> int:
        """The number of its last change."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Unmarked:
    id: str = ""
    seq: int = 2**62


UNMARKED: Marked = _Unmarked()
"""Of a view that shows no single row: the ledger is asked about nothing."""


class Paintable(Protocol):
    """Something that shows a job: a panel in a notebook, a line in a terminal."""

    @property
    def row(self) -> Marked:
        """The row that it shows, as far as it knows."""

    def note(self, row: Row) -> None:
        """Take a newer row; it is painted when its turn comes."""

    def urgency(self, now: float) -> float:
        """Give how urgent the next paint is; 0 where there is nothing to paint."""

    def paint(self, now: float) -> bool:
        """Show what is new; say whether nothing more will come."""


class Painter:
    """Paints the views of one session's jobs."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._views: list[Paintable] = []
        self._failed: dict[int, int] = {}
        self._pid = 0
        self._future: Future[None] | None = None

    def add(self, view: Paintable) -> None:
        """Paint this view from now on; from any thread."""
        with self._lock:
            if view not in self._views:
                self._views.append(view)
            if self._future is None or self._future.done() or self._pid != os.getpid():
                self._pid, self._future = os.getpid(), run_in_background(self._run())

    def remove(self, view: Paintable) -> None:
        """Paint this view no more; from any thread."""
        with self._lock:
            if view in self._views:
                self._views.remove(view)

    async def _run(self) -> None:
        heard = 0
        while True:
            try:
                self._look(time.time())
            except LedgerError as error:
                warn_once(str(error))
            except Exception:
                # The border of the thread: one look's fault must not leave all panels standing still.
                log.exception("the painter")
            with self._lock:
                if not self._views:
                    self._future = None
                    return
            await asyncio.sleep(LOOK_SECONDS)
            heard = await self._session.bell.listen(heard, LOOK_SECONDS)

    def _look(self, now: float) -> None:
        with self._lock:
            views = list(self._views)
        if not views:
            return
        oldest = min(view.row.seq for view in views)
        rows = {row.id: row for row in self._session.ledger.changed(oldest, {view.row.id for view in views})}
        for view in views:
            if view.row.id in rows:
                view.note(rows[view.row.id])
        waiting = sorted(
            (view for view in views if view.urgency(now)), key=lambda view: view.urgency(now), reverse=True
        )
        for view in waiting[:PAINTS_A_LOOK]:
            self._paint(view, now)

    def _paint(self, view: Paintable, now: float) -> None:
        try:
            done = view.paint(now)
        except Exception:
            # The border of the thread: a view that fails must stop neither the job nor the other views.
            log.exception("the view of job %s", view.row.id)
            self._failed[id(view)] = self._failed.get(id(view), 0) + 1
            done = self._failed[id(view)] >= TRIES
        else:
            self._failed.pop(id(view), None)
        if done:
            self._failed.pop(id(view), None)
            self.remove(view)


_painters: weakref.WeakKeyDictionary[Session, Painter] = weakref.WeakKeyDictionary()
_painters_lock = threading.Lock()


def painter_of(session: Session) -> Painter:
    """Give the painter of a session's views."""
    with _painters_lock:
        if session not in _painters:
            _painters[session] = Painter(session)
        return _painters[session]
