"""A watcher at work: made and run on the background thread, ended from any."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.api.http import Client
    from pplx_jupyter.api.key import Secret
    from pplx_jupyter.ledger import Ledger
    from pplx_jupyter.watch.bell import Bell
    from pplx_jupyter.watch.watcher import Watcher

__all__ = ["RunningWatcher"]

_HEAD_START_SECONDS = 0.05


class RunningWatcher:
    """Follows the open rows of one key from now on, on the background thread.

    Parameters
    ----------
    ledger, bell, account, secret_of, budget
        See `pplx_jupyter.watch.watcher.Watcher`.
    base_url, key
        The service's address, and the account's key.
    transport
        An httpx transport in place of the network, for tests.
    """

    def __init__(
        self,
        ledger: Ledger,
        bell: Bell,
        *,
        account: str,
        base_url: str,
        key: Secret,
        secret_of: Callable[[str], str | None],
        budget: Callable[[], float | None],
        transport: Any = None,
    ) -> None:
        def client() -> Client:
            from pplx_jupyter.api.http import Client

            return Client(base_url, key, transport=transport)

        async def follow() -> None:
            # The watcher and httpx take a fifth of a second to import, on this thread, but under the same
            # interpreter lock: the cell that asked ends first.
            await asyncio.sleep(_HEAD_START_SECONDS)
            from pplx_jupyter.watch.pictures import Pictures
            from pplx_jupyter.watch.watcher import Watcher

            watcher = Watcher(
                ledger,
                bell,
                account=account,
                client=client,
                secret_of=secret_of,
                budget=budget,
                pictures=Pictures(ledger, bell, transport=transport),
            )
            if self._begin(watcher):
                await watcher.run()

        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._watcher: Watcher | None = None
        self._closed = False
        self.future = run_in_background(follow())

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs it: a fork has this record, but not the thread."""
        return self._pid == os.getpid() and not self.future.done()

    def close(self) -> None:
        """End it after what is in flight."""
        with self._lock:
            self._closed = True
            if self._watcher is not None:
                self._watcher.close()

    def _begin(self, watcher: Watcher) -> bool:
        with self._lock:
            self._watcher = watcher
            return not self._closed
