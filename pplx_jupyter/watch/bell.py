"""A bell between threads: rung at every change to the ledger in this process."""

from __future__ import annotations

import asyncio
import threading

__all__ = ["Bell"]


class Bell:
    """Wakes whoever waits for a change, in a thread or on the background loop.

    It carries no news: whoever is woken reads the ledger. A ring that nobody waits for is
    remembered by its count, so that none is missed between a look and a wait.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rings = 0
        self._events: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @property
    def rings(self) -> int:
        """How often it rang so far."""
        return self._rings

    def ring(self) -> None:
        """Wake all; safe from any thread."""
        with self._changed:
            self._rings += 1
            self._changed.notify_all()
            waiting = list(self._events.items())
        for event, loop in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def wait(self, heard: int, seconds: float) -> int:
        """Block this thread until it rang more than `heard` times, or for `seconds`; give the count."""
        with self._changed:
            self._changed.wait_for(lambda: self._rings > heard, timeout=seconds)
            return self._rings

    async def listen(self, heard: int, seconds: float) -> int:
        """Wait on the running loop as `wait` does on a thread."""
        event = asyncio.Event()
        with self._changed:
            if self._rings > heard:
                return self._rings
            self._events[event] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            with self._changed:
                self._events.pop(event, None)
        return self._rings
