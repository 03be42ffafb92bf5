"""``--notify-me``: a notification on the desktop when a job, or a batch, has ended, where the kernel runs on the person's own machine.

It is silent but for ``--sound``, comes once a job whichever kernels watch it, and says nothing of what the
service wrote. Where none can be shown, one line says so, once; the job and its panel do not depend on it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.once import warn_once
from pplx_jupyter.render.style import SMALL
from pplx_jupyter.render.words import count, money, one_line
from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplx_jupyter.batch import Batch
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session
    from pplx_jupyter.settings import Settings

__all__ = [
    "Notice",
    "Telling",
    "tell_of_batch",
    "tell_of_job",
    "telling",
    "why_not",
    "words_of",
    "words_of_batch",
]

log = logging.getLogger("pplx_jupyter")

_WORDS = {
    "completed": "Finished",
    "incomplete": "Incomplete",
    "failed": "Failed",
    "expired": "Expired",
    "unconfirmed": "Unconfirmed, needs a look",
}
"""States that are told; whoever cancels a job knows that it ends."""

_SEND_SECONDS = 10.0
_QUESTION = 80
_BELOW = "The answer appears below the cell all the same."

# Some desktops read what they show as markup, and others show an entity as it is written.
_MARKUP = str.maketrans({"<": "‹", ">": "›", "&": "+"})

_told: set[str] = set()
_notifiers: dict[int, Any] = {}


class Telling(NamedTuple):
    """How a person is told that what a cell asked has ended.

    Attributes
    ----------
    desktop
        By a notification on the desktop.
    heard
        That notification has a sound.
    page
        By a sound of the page, or of the terminal: no notification will do it.
    """

    desktop: bool = False
    heard: bool = False
    page: bool = False


def telling(
    shell: Any,
    place: Place,
    settings: Settings,
    flags: Mapping[str, Any] | None = None,
    *,
    say: Callable[[str], None] | None = None,
) -> Telling:
    """Say how a person wants to be told, and can be; where a notification cannot be shown, say so below the cell, once.

    Parameters
    ----------
    flags
        The cell's own flags, without their dashes.
    say
        Says it elsewhere: what a click's own callback publishes is shown by no cell.
    """
    flags = flags or {}
    notify = bool(flags.get("notify-me")) or settings.notify
    sound = bool(flags.get("sound")) or settings.sound
    if not (notify or sound) or place.headless or place.voila:
        return Telling()
    if not notify:
        return Telling(page=True)
    reason = why_not()
    if not reason:
        return Telling(desktop=True, heard=sound)
    if reason not in _told:
        _told.add(reason)
        line = f"No notification: {reason}. {_BELOW}"
        if say is None:
            _say(shell, line, place)
        else:
            say(line)
    return Telling(page=sound)


def tell_of_job(session: Session, row: Row, how: Telling) -> None:
    """Show a notification when an open job has ended, whatever runs then."""
    from pplx_jupyter.notebook.panel.painter import painter_of

    if how.desktop and row.is_open:
        painter_of(session).add(Notice(session, row, sound=how.heard))


def tell_of_batch(batch: Batch, how: Telling) -> None:
    """Show a notification that a batch is over, now, where no other kernel has."""
    if not how.desktop:
        return
    ended = max((each.ended or 0.0 for each in batch.standings), default=0.0)
    if _is_first(batch.session, f"batch {batch.id} {ended:.3f}"):
        run_in_background(_send(*words_of_batch(batch), sound=how.heard))


def _say(shell: Any, line: str, place: Place) -> None:
    from pplx_jupyter.render import wrap

    if place.kernel is None:
        print(line)
        return
    html = wrap(f'<p class="pplx-m" {SMALL}>{escape(line)}</p>')
    shell.display_pub.publish(data={"text/html": html, "text/plain": line})


def why_not() -> str:
    """Say why no notification can be shown here; empty where one can. Connects to nothing."""
    if "JUPYTERHUB_API_URL" in os.environ or "google.colab" in sys.modules:
        return "this kernel does not run on your own machine"
    if importlib.util.find_spec("desktop_notifier") is None:
        return 'they need pip install "pplx-jupyter[notify]"'
    if sys.platform.startswith("linux") and not _has_bus():
        return "there is no desktop here that could show one (no D-Bus session)"
    return ""


def _has_bus() -> bool:
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    return Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}", "bus").exists()


class Notice:
    """A view that shows nothing until its job has ended, and then tells of it once.

    Parameters
    ----------
    session
        Whose ledger the job is in.
    row
        The job as it is now.
    sound
        Let it be heard.
    """

    def __init__(self, session: Session, row: Row, *, sound: bool = False) -> None:
        self.row = row
        self._session = session
        self._sound = sound

    def note(self, row: Row) -> None:
        """Take a newer row."""
        self.row = row

    def urgency(self, now: float) -> float:  # noqa: ARG002 - a panel's depends on its clock
        """Give 0 while the job is under way."""
        return 0.0 if self.row.is_open else 5.0

    def paint(self, now: float) -> bool:  # noqa: ARG002 - a panel's depends on its clock
        """Send the notification, where no other kernel has; nothing more will come."""
        row = self.row
        if row.state in _WORDS and _is_first(self._session, row.id):
            run_in_background(_send(*words_of(row, simulated=self._is_simulated(row)), sound=self._sound))
        return True

    def _is_simulated(self, row: Row) -> bool:
        from pplx_jupyter.rows import answer_of, has_answer

        return has_answer(row) and answer_of(row, self._session.ledger.body(row.id)).simulated


def _is_first(session: Session, what: str) -> bool:
    try:
        return session.ledger.first(f"notified {what}")
    except LedgerError as error:
        # Told twice is better than not at all.
        warn_once(str(error))
        return True


def words_of(row: Row, *, simulated: bool = False) -> tuple[str, str]:
    """Give a notification's title and its text, each one plain line of our own words and the question's first ones."""
    word = _WORDS[row.state] + (" (simulated)" if simulated else "")
    title = f"{word}: {row.name}" if row.name else word
    cost = "0.00 USD" if simulated else money(row.cost)
    text = f"“{one_line(row.question, _QUESTION)}” · {cost}"
    return _plain(title), _plain(text)


def words_of_batch(batch: Batch) -> tuple[str, str]:
    """Give a notification's title and its text, as of a single job."""
    tally = batch.tally
    word = "Stopped, needs a look" if tally.waiting else "Finished"
    answered = sum(each.has_answer for each in batch.standings)
    cost = "0.00 USD" if batch.is_simulated else money(batch.cost.total)
    title = f"{word}{' (simulated)' if batch.is_simulated else ''}: {batch.name or f'batch {batch.id}'}"
    told = f"{answered} of {count(tally.rows, 'row')} answered"
    return _plain(title), _plain(f"“{one_line(batch.template, _QUESTION)}” · {told} · {cost}")


def _plain(text: str) -> str:
    return one_line(text, 2 * _QUESTION).translate(_MARKUP)


async def _send(title: str, text: str, *, sound: bool) -> None:
    try:
        from desktop_notifier import DEFAULT_SOUND, DesktopNotifier

        # Kept: some desktops take a notification away when its sender has left.
        notifier = _notifiers.setdefault(id(asyncio.get_running_loop()), DesktopNotifier(app_name="Jupyter"))
        async with asyncio.timeout(_SEND_SECONDS):
            await notifier.send(title=title, message=text, sound=DEFAULT_SOUND if sound else None)
    except Exception as error:  # noqa: BLE001 - whatever a desktop does must not disturb the jobs
        log.info("no notification: %s: %s", type(error).__name__, error)
