"""``--sound``: two soft notes in the page when an answer is there, which no saved file keeps."""

from __future__ import annotations

import base64
import functools
import io
import math
import struct
import threading
import time
import wave
from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.panel.painter import UNMARKED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.notebook.outputs.display import Slot

__all__ = ["Chime"]

_PLAYED_SECONDS = 3.0
"""After so long it is played even on a busy page, and leaves the output: a page that is opened later must be silent."""

_RATE = 11_025
_SECONDS = 0.9
_LOUDNESS = 0.2
_NOTES = ((659.26, 0.0), (880.0, 0.16))
"""Hertz, and the second in which it begins: e″ and a″, a fourth that rises."""


class Chime:
    """A view that lets an output sound once, and takes the sound out of it again.

    Parameters
    ----------
    slot
        The output.
    forms, metadata
        What it shows from now on.
    """

    row = UNMARKED

    def __init__(self, slot: Slot, forms: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        self._slot = slot
        self._forms = forms
        self._metadata = metadata
        self._until = time.time() + _PLAYED_SECONDS
        self._stopped = False
        self._lock = threading.Lock()
        slot.update(_with_sound(forms), metadata)

    def stop(self) -> None:
        """Leave the output to what it shows by now."""
        with self._lock:
            self._stopped = True

    def note(self, row: object) -> None:
        """Take nothing."""

    def urgency(self, now: float) -> float:
        """Give whether it is played."""
        # Before all panels: no file must keep it.
        return 5.0 if self._stopped or now >= self._until else 0.0

    def paint(self, now: float) -> bool:  # noqa: ARG002 - a panel's depends on its clock
        """Take the sound away; nothing more will come."""
        with self._lock:
            if not self._stopped:
                self._slot.update(self._forms, self._metadata)
        return True


def _with_sound(forms: Mapping[str, str]) -> dict[str, str]:
    """Give the forms of an output with the sound in its HTML; a frontend that shows no HTML stays silent."""
    if "text/html" not in forms:
        return dict(forms)
    return {**forms, "text/html": f"{forms['text/html']}{_player()}"}


@functools.cache
def _player() -> str:
    # Not `hidden`: some sanitisers of frontends drop an element with it.
    data = base64.b64encode(_wave()).decode()
    return f'<audio autoplay style="display:none" src="data:audio/wav;base64,{data}"></audio>'


def _wave() -> bytes:
    """Give the sound as a WAV file: 16 bit, one channel."""
    samples = [round(32_767 * _level(number / _RATE)) for number in range(round(_RATE * _SECONDS))]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


def _level(second: float) -> float:
    """Give how far the speaker is moved at a time, from -1 to 1: each note sets in softly and dies away."""
    return _LOUDNESS * sum(
        math.sin(math.tau * hertz * (second - start))
        * min(1.0, (second - start) / 0.012)
        * math.exp(-5.5 * (second - start))
        for hertz, start in _NOTES
        if second >= start
    )
