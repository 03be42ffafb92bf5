"""What became of this notebook's jobs while no kernel showed it: one line when the extension is loaded."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import LedgerError, PplxError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.settings import Settings

__all__ = ["away_line", "mark_shown", "news"]

log = logging.getLogger("pplx_jupyter")

_LOOKED_AT = 100
"""The newest jobs of a notebook that are looked at."""

_NAMED = 5


def news(shell: Any, settings: Settings) -> str:
    """Say in one line what this notebook has under way, and what arrived that no kernel has shown.

    Costs a few milliseconds: no network, no key. Empty where there is nothing to say: nobody watches, the
    run is frozen, the notebook's name is not known, there is no ledger yet, or it cannot be read, which
    the first cell says.
    """
    from pplx_jupyter.notebook.frontend import here

    place = here(shell, settings)
    if place.headless or not place.notebook or settings.frozen:
        return ""
    path = _file(settings)
    if not path.is_file():
        return ""
    from pplx_jupyter.api.key import base_url
    from pplx_jupyter.ledger import open_ledger

    try:
        ledger = open_ledger(str(path))
        try:
            return away_line(ledger, place.notebook, base_url())
        finally:
            ledger.close()
    except PplxError as error:
        log.debug("%s", error)
        return ""


def _file(settings: Settings) -> Path:
    from pathlib import Path

    if settings.ledger:
        return Path(settings.ledger).expanduser()
    from pplx_jupyter.ledger.sqlite import default_path

    return Path(default_path())


def away_line(ledger: Ledger, notebook: str, base_url: str) -> str:
    """Give the line for a notebook; empty where nothing is under way and nothing new has arrived."""
    from pplx_jupyter.ledger import REUSABLE
    from pplx_jupyter.ledger.gate import is_parked

    rows = ledger.unshown(notebook, base_url, _LOOKED_AT)
    under_way = [row for row in rows if row.is_open and not is_parked(row.due_at)]
    parked = [row for row in rows if row.is_open and is_parked(row.due_at)]
    arrived = [row for row in rows if row.state in REUSABLE]
    unconfirmed = [row for row in rows if row.state == "unconfirmed"]
    run = f", run {'its cell' if len(_names(parked)) == 1 else 'their cells'} to go on"
    parts = [
        _counted(under_way, "job of this notebook is", "jobs of this notebook are", "under way"),
        _counted(parked, "row is", "rows are", "not sent yet", run),
        _counted(arrived, "answer", "answers", "arrived while you were away"),
        _counted(unconfirmed, "job waits", "jobs wait", "to be settled"),
    ]
    least = "at least " if len(rows) == _LOOKED_AT else ""
    told = "; ".join(f"{least}{part}" for part in parts if part)
    return f"pplx_jupyter: {told}. See %pplx jobs" if told else ""


def _counted(rows: Sequence[Row], one: str, more: str, rest: str, hint: str = "") -> str:
    if not rows:
        return ""
    found = _names(rows)
    names = found[:_NAMED] + ["…"] * (len(found) > _NAMED)
    return f"{len(rows)} {one if len(rows) == 1 else more} {rest} ({', '.join(names)}){hint}"


def _names(rows: Sequence[Row]) -> list[str]:
    """Name each job, and each batch once."""
    return list(
        dict.fromkeys(f"batch {row.name or row.batch}" if row.batch else row.name or row.id for row in rows)
    )


def mark_shown(ledger: Ledger, row: Row) -> None:
    """Remember that a person, or a saved notebook, has been shown how a job ended."""
    from pplx_jupyter.ledger.records import SETTLED

    if row.state not in SETTLED or row.shown_at is not None:
        return
    from pplx_jupyter.ledger.once import warn_once

    try:
        ledger.note_shown([row.id], time.time())
    except LedgerError as error:
        # The answer is on the page; that a later kernel tells of it once more costs nothing.
        warn_once(str(error))
