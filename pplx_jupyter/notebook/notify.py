"""``--notify-me``: a notification on the desktop when a job has ended, where the kernel runs on the person's own machine.

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
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.troubles import warn_once
from pplx_jupyter.render.style import SMALL
from pplx_jupyter.render.words import money, one_line
from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["Notice", "tell_when_done", "why_not", "words_of"]

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


def tell_when_done(
    shell: Any, session: Session, row: Row, place: Place, *, notify: bool = True, sound: bool = False
) -> bool:
    """Tell the person when an open job has ended, whatever runs then; where that cannot be, say so below the cell, once.

    Parameters
    ----------
    notify
        Show a notification on the desktop.
    sound
        Let it be heard.

    Returns
    -------
    bool
        Whether the page or the terminal has to sound instead: no notification will.
    """
    from pplx_jupyter.notebook.painter import painter_of

    if place.headless or place.voila:
        return False
    if not notify:
        return sound
    reason = why_not()
    if not reason:
        painter_of(session).add(Notice(session, row, sound=sound))
        return False
    if reason not in _told:
        _told.add(reason)
        _say(shell, f"No notification: {reason}. {_BELOW}", place)
    return sound


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
        return 0.0 if self.row.is_open else 1.0

    def paint(self, now: float) -> bool:  # noqa: ARG002 - a panel's depends on its clock
        """Send the notification, where no other kernel has; nothing more will come."""
        row = self.row
        if row.state in _WORDS and self._is_first(row):
            run_in_background(_send(*words_of(row, simulated=self._is_simulated(row)), sound=self._sound))
        return True

    def _is_first(self, row: Row) -> bool:
        try:
            return self._session.ledger.first(f"notified {row.id}")
        except LedgerError as error:
            # Told twice is better than not at all.
            warn_once(str(error))
            return True

    def _is_simulated(self, row: Row) -> bool:
        from pplx_jupyter.rows import answer_of, has_answer

        return has_answer(row) and answer_of(row, self._session.ledger.body(row.id)).simulated


def words_of(row: Row, *, simulated: bool = False) -> tuple[str, str]:
    """Give a notification's title and its text, each one plain line of our own words and the question's first ones."""
    word = _WORDS[row.state] + (" (simulated)" if simulated else "")
    title = f"{word}: {row.name}" if row.name else word
    cost = "0.00 USD" if simulated else money(row.cost)
    text = f"“{one_line(row.question, _QUESTION)}” · {cost}"
    return _plain(title), _plain(text)


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
