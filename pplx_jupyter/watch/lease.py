"""Leases: who holds which rows, and how one sees that a holder is gone.

A process is known by host, boot, process id and that process's start time; the last three tell a
dead holder on the same host at once, without waiting for its lease to run out. Two watchers in one
process hold their rows apart, by a mark of their own.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pplx_jupyter.ledger.records import Owner

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HELD_SECONDS", "RENEW_SECONDS", "free_owners", "this_owner"]

RENEW_SECONDS = 5.0
HELD_SECONDS = 15.0
_DAY = 86_400.0
_PATIENCE_SECONDS = 60.0
"""How much longer a process of this machine is waited for that is seen to live: its thread may hang all the same."""

_GONE, _AT_WORK = "gone", "at work"


@functools.cache
def _host() -> str:
    """Name what process ids are looked up in: machines share names, and containers share machines."""
    name = socket.gethostname()
    with contextlib.suppress(OSError):
        name += f"/{Path('/etc/machine-id').read_text().strip()[:12]}"
    with contextlib.suppress(OSError):
        name += f"/{Path('/proc/self/ns/pid').stat().st_ino}"
    return name


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        # Elsewhere the hour of the boot would be a guess; the lease's end decides alone.
        return ""


def _stat(pid: int) -> tuple[str, str]:
    """Give a process's state and start time as the system tells them; empty where it does not, or there is none."""
    try:
        # From field 3 on; the second, the command's name, may itself hold spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "", ""


def this_owner(mark: str = "", *, held: float = HELD_SECONDS) -> Owner:
    """Give a watcher of this process as an owner whose lease holds for `held` seconds from now.

    Parameters
    ----------
    mark
        Tells the watchers of one process apart.
    """
    pid = os.getpid()
    _, started = _stat(pid)
    name = f"{_host()}:{_boot()}:{pid}:{started}:{mark}"
    return Owner(name, _host(), _boot(), pid, started, time.time() + held)


def free_owners(owners: Iterable[Owner]) -> list[str]:
    """Give the ids of those whose leases are free: given up, run out, or their process is gone."""
    now = time.time()
    return [owner.id for owner in owners if _is_free(owner, now)]


def _is_free(owner: Owner, now: float) -> bool:
    state = _state(owner)
    # No lease is given for a day: a clock ran ahead, and has been set right since.
    if state == _GONE or owner.until > now + _DAY:
        return True
    # Seen at work on this machine, it is late and no more: the machine slept, or has too much to do.
    return now - owner.until > (_PATIENCE_SECONDS if state == _AT_WORK else 0.0)


def _state(owner: Owner) -> str:
    """Tell what is seen of an owner's process from here; empty where nothing is."""
    if owner.host != _host():
        return ""
    if owner.boot != _boot():
        return _GONE
    if not _boot() or not owner.started:
        return ""
    state, started = _stat(owner.pid)
    # Killed, and its parent has not asked yet how it ended (Z, X): it does nothing any more.
    if started != owner.started or state in {"Z", "X"}:
        return _GONE
    return "" if state in {"T", "t"} else _AT_WORK
