"""Waiting until all rows of a batch are settled, or nothing more happens to them by itself."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError, WaitTimeout

if TYPE_CHECKING:
    from pplx_jupyter.batch.batch import Batch

__all__ = ["check_known", "wait_until_over"]

log = logging.getLogger("pplx_jupyter")

_TICK = 0.2
"""Seconds between looks: an interrupt is noticed within one of them."""


def check_known(batch: Batch) -> None:
    """Say how many questions of a batch were not asked.

    Raises
    ------
    RequestError
        None was: the ledger has nothing of it.
    """
    plan = batch.plan
    if batch.is_asked:
        # All that was left is there by now.
        return
    how = f"click Ask in its plan, or use {batch.handle}.ask()."
    if batch.session.frozen or plan.new == plan.questions:
        raise RequestError(f"batch {batch.label} is not asked yet: {how}")
    are = "question is" if plan.new == 1 else "questions are"
    log.warning("batch %s: %d %s not asked: %s", batch.label, plan.new, are, how)


def wait_until_over(batch: Batch, timeout: float | None) -> None:
    """Block until a batch is over, `timeout` seconds at most; see `pplx_jupyter.batch.Batch.wait`."""
    until = None if timeout is None else time.monotonic() + timeout
    if not batch.session.frozen and not batch.is_over:
        batch.session.watch()
    if batch.paused == "user" and batch.tally.waiting:
        log.warning(
            "batch %s is paused, and %d rows wait: %s.resume() goes on.",
            batch.label,
            batch.tally.waiting,
            batch.handle,
        )
    bell = batch.session.bell
    heard, looked = bell.rings, 0.0
    while True:
        if time.monotonic() - looked >= _TICK:
            batch.refresh()
            if batch.is_over:
                return
            looked = time.monotonic()
        left = _TICK if until is None else min(_TICK, until - time.monotonic())
        if left <= 0:
            tally = batch.tally
            raise WaitTimeout(
                f"{tally.over} of {tally.rows} rows of batch {batch.label} are settled after {timeout:g} s of waiting;"
                f" it goes on. {batch.handle}.wait() waits again."
            )
        heard = bell.wait(heard, left)
        # Each reply rings: a thousand looks a second would see no more than five.
        time.sleep(max(0.0, min(left, _TICK - (time.monotonic() - looked))))
