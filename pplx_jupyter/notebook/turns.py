"""Work that a click or a letter asks for, in threads of its own, one after the other.

Neither a cell nor the watcher waits for it, and one thread at a time writes to the widgets.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import PplxError
from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pplx_jupyter.ledger import Ledger

__all__ = ["Turns"]

log = logging.getLogger("pplx_jupyter")

_AT_ONCE_SECONDS = 0.05
_TELL_EVERY = 1.0
_LOOK_EVERY = 1.0


class Turns:
    """The turns of one view: a table, a panel.

    Parameters
    ----------
    ledger
        Whose connections of these threads are closed after each turn.
    say
        Tells a person, in one line, why something did not go.
    what
        The view, as the log names it.
    """

    def __init__(
        self, ledger: Ledger, say: Callable[[str], None], *, what: str = "the table of jobs"
    ) -> None:
        self.closed = False
        self._what = what
        self._ledger = ledger
        self._say = say
        self._turn = asyncio.Lock()
        self._lasting: set[str] = set()

    def take(
        self, work: Callable[[], None], *, after: float = 0.0, when: Callable[[], bool] | None = None
    ) -> None:
        """Do something after what was asked for before; from any thread, at once.

        Parameters
        ----------
        after
            Seconds to wait first.
        when
            Asked when its turn comes: whether it is still wanted.
        """
        run_in_background(self._take(work, after, when or (lambda: True)))

    async def _take(self, work: Callable[[], None], after: float, when: Callable[[], bool]) -> None:
        if after:
            await asyncio.sleep(after)
        async with self._turn:
            if when() and not self.closed:
                await asyncio.get_running_loop().run_in_executor(None, self._guarded, work)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except PplxError as error:
            self._say(str(error))
        except Exception:
            # The border of the thread: what fails is told where it was clicked.
            log.exception(self._what)
            self._say("That failed; the kernel's log says why.")
        finally:
            self._ledger.close()

    def repeat(self, work: Callable[[], None], while_: Callable[[], bool]) -> None:
        """Do something each second as long as that is so."""
        self._last("repeat", lambda: self._repeat(work, while_))

    async def _repeat(self, work: Callable[[], None], while_: Callable[[], bool]) -> None:
        while not self.closed and while_():
            await self._take(work, _LOOK_EVERY, while_)

    def read_in(self, tell: Callable[[], None]) -> None:
        """Read the words of older jobs in, a few at a time; `tell` is called now and then, and at the end."""
        self._last("read in", lambda: self._read_in(tell))

    async def _read_in(self, tell: Callable[[], None]) -> None:
        told = time.monotonic()
        left = 1

        def some() -> None:
            nonlocal left
            # Where it fails, the next search tries again.
            left = 0
            left = self._ledger.read_in(_AT_ONCE_SECONDS)

        while left and not self.closed:
            await self._take(some, _AT_ONCE_SECONDS, lambda: True)
            if not left or time.monotonic() - told > _TELL_EVERY:
                told = time.monotonic()
                tell()

    def _last(self, name: str, make: Callable[[], Coroutine[None, None, None]]) -> None:
        """Begin what lasts, unless it goes on already."""
        if name in self._lasting or self.closed:
            return
        self._lasting.add(name)

        async def run() -> None:
            try:
                await make()
            finally:
                self._lasting.discard(name)

        run_in_background(run())
