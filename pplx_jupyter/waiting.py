"""Waiting for one job: blocking, in a coroutine, or in a cell that lets the user's own tasks go on.

Each way ends where nothing more happens to the job by itself, or the service refuses to be asked about it;
what came of it, the row tells. None of them stops the job: an interrupt and a timeout end the waiting alone.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError, WaitTimeout
from pplx_jupyter.ledger import OPEN
from pplx_jupyter.rows import awaits_pictures, is_stuck

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session

__all__ = ["Waiting", "running_loop"]

_TICK = 0.2
"""Seconds between looks while waiting: an interrupt is noticed within one of them."""


class Waiting:
    """One wait for a job, begun as it is made: the job is followed from then on.

    Parameters
    ----------
    session
        Whose ledger the job is in.
    look
        Gives the job's row as it is now.
    timeout
        Seconds to wait at most; None waits as long as it takes.
    """

    def __init__(self, session: Session, look: Callable[[], Row], timeout: float | None = None) -> None:
        self._session = session
        self._look = look
        self._timeout = timeout
        self._known = self._follow()
        self._until = None if timeout is None else time.monotonic() + timeout

    def block(self) -> None:
        """Wait in this thread."""
        bell = self._session.bell
        heard = bell.rings
        while (left := self._left()) is not None:
            heard = bell.wait(heard, left)

    async def politely(self, outer: asyncio.Task[Any] | None = None) -> None:
        """Wait without blocking the loop; cancelling the waiting does not cancel the job.

        Parameters
        ----------
        outer
            The task that waits for this one in a loop of its own, and cannot hear that it is cancelled.
        """
        cancels = 0 if outer is None else outer.cancelling()
        while (left := self._left()) is not None:
            if outer is not None and outer.cancelling() > cancels:
                # asyncio.run turns an interrupt into a cancel of the task that waits here, which cannot hear it.
                raise asyncio.CancelledError
            # Ticks on purpose: a kernel whose loop sleeps longer does not notice an interrupt.
            await asyncio.sleep(left)

    def nested(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait in this thread while the tasks of its running loop go on; patches asyncio for good."""
        import nest_asyncio2

        try:
            nest_asyncio2.apply(loop)
        except ValueError as error:
            raise RequestError(f"nested waiting is not possible here: {error}. Use await job.") from error
        waiting = loop.create_task(self.politely(asyncio.current_task(loop)))
        try:
            loop.run_until_complete(waiting)
        except BaseException:
            # An interrupt comes out of the loop, not out of the task, which would go on unseen.
            waiting.cancel()
            raise

    def _follow(self) -> float | None:
        """See that it is followed; give when a refusal that is known already was to be asked about again."""
        row = self._look()
        if not row.is_open:
            return None
        row = self._session.follow(row)
        self._session.watch()
        if row.trouble is None or not is_stuck(row):
            return None
        # What kept it may be mended since: asked once more before it is raised again.
        self._session.ask_now(row.id)
        return float(row.trouble.get("next", 0.0))

    def _left(self) -> float | None:
        """Give the seconds until the next look; None where the waiting is over."""
        row = self._look()
        if self._is_over(row):
            return None
        left = _TICK if self._until is None else min(_TICK, self._until - time.monotonic())
        if left > 0:
            return left
        if not row.is_open:
            # Images alone are still to come.
            return None
        raise WaitTimeout(
            f"{row.label} is still {row.state} after {self._timeout:g} s of waiting; it goes on."
            f" %pplx wait {row.id} waits again."
        )

    def _is_over(self, row: Row) -> bool:
        if row.state not in OPEN:
            return not awaits_pictures(row, time.time())
        return is_stuck(row) and row.trouble is not None and row.trouble.get("next") != self._known


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Give the loop that runs in this thread; None where there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
