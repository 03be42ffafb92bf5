"""Saying a thing about the ledger once, and not at every look."""

from __future__ import annotations

import logging
import threading
import time

__all__ = ["warn_once"]

log = logging.getLogger("pplx_jupyter")

_AGAIN_SECONDS = 600.0
_told: dict[str, float] = {}
_lock = threading.Lock()


def warn_once(text: str) -> None:
    """Log a warning, unless the same was logged within ten minutes: a log stands in the notebook's output."""
    now = time.monotonic()
    with _lock:
        if now - _told.get(text, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            return
        _told[text] = now
    log.warning("%s", text)
