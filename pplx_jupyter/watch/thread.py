"""One daemon thread with its own event loop for each process.

A task on the kernel's own loop stands still while a cell computes; this thread does not. It uses
no executor: Python joins executor threads at exit, and one name look-up that hangs would keep
the process alive. A fork has the parent's loop but not its thread, so the loop is made anew there.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor, Future

__all__ = ["background_loop", "run_in_background"]

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_pid: int | None = None


class _DaemonLoop(asyncio.SelectorEventLoop):
    """An event loop whose helper threads (name look-ups) are daemons, too."""

    # nest_asyncio, where a user applies it, patches the class that all loops share; this one must not nest.
    run_forever = asyncio.BaseEventLoop.run_forever
    run_until_complete = asyncio.BaseEventLoop.run_until_complete
    _run_once = asyncio.BaseEventLoop._run_once  # type: ignore[attr-defined]  # noqa: SLF001
    _check_running = asyncio.BaseEventLoop._check_running  # type: ignore[attr-defined]  # noqa: SLF001

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[Any] = self.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def work() -> None:
            result, error = None, None
            try:
                result = func(*args)
            except BaseException as caught:  # noqa: BLE001 - handed to whoever awaits the future
                error = caught
            if not self.is_closed():
                self.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=work, name="pplx_jupyter-lookup", daemon=True).start()
        return future


def background_loop() -> asyncio.AbstractEventLoop:
    """Give this process's loop; the thread that runs it is started where there is none."""
    global _loop, _pid
    with _lock:
        if _loop is None or _pid != os.getpid():
            _loop, _pid = _DaemonLoop(), os.getpid()
            threading.Thread(target=_run, args=(_loop,), name="pplx_jupyter", daemon=True).start()
        return _loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()


def run_in_background(coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
    """Run a coroutine on the background loop, from any thread."""
    return asyncio.run_coroutine_threadsafe(coroutine, background_loop())


def _after_fork() -> None:
    global _lock, _loop, _pid
    _lock, _loop, _pid = threading.Lock(), None, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
