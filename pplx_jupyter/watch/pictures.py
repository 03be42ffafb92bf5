"""The images of answers, where they were asked for: fetched once, after the answer is written down.

They never delay an answer, nor make a job fail: what does not come in time is a link. Where the process
ends meanwhile, all are.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.once import warn_once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.ledger import Ledger
    from pplx_jupyter.watch.bell import Bell

__all__ = ["SECONDS", "Pictures"]

log = logging.getLogger("pplx_jupyter")

SECONDS = 10.0
"""How long fetching the images of one answer may take in all."""


class Pictures:
    """Fetches images beside the watcher, on its loop.

    Parameters
    ----------
    ledger
        Where they are kept, beside the answer's body.
    bell
        Rung when they are there, or will not come.
    transport
        An httpx transport in place of the network, for tests.
    """

    def __init__(self, ledger: Ledger, bell: Bell, *, transport: Any = None) -> None:
        self._ledger = ledger
        self._bell = bell
        self._transport = transport
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def under_way(self) -> int:
        """How many answers' images are being fetched."""
        return len(self._tasks)

    def fetch(self, job_id: str, urls: Sequence[str]) -> None:
        """Begin to fetch the images of an answer that is written down."""
        if job_id not in self._tasks:
            self._tasks[job_id] = asyncio.get_running_loop().create_task(self._keep(job_id, urls))

    async def _keep(self, job_id: str, urls: Sequence[str]) -> None:
        try:
            self._ledger.keep_pictures(job_id, await self._fetched(job_id, urls))
        except LedgerError as error:
            warn_once(f"the images of job {job_id}: {error}")
        finally:
            del self._tasks[job_id]
            self._bell.ring()

    async def _fetched(self, job_id: str, urls: Sequence[str]) -> Mapping[str, bytes]:
        from pplx_jupyter.api.pictures import fetch_pictures

        try:
            return await fetch_pictures(urls, seconds=SECONDS, transport=self._transport)
        except Exception:
            # The border of the thread: an image must not disturb what follows jobs.
            log.exception("the images of job %s", job_id)
            return {}
