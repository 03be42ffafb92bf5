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

from pplx_jupyter.ledger.protocol import Owner

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HELD_SECONDS", "RENEW_SECONDS", "free_owners", "this_owner"]

RENEW_SECONDS = 5.0
HELD_SECONDS = 15.0


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


def _started(pid: int) -> str:
    """Give a process's start time as the system tells it; empty where it does not, or there is none."""
    try:
        # Field 22; the second field, the command's name, may itself hold spaces and brackets.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def this_owner(mark: str = "", *, held: float = HELD_SECONDS) -> Owner:
    """Give a watcher of this process as an owner whose lease holds for `held` seconds from now.

    Parameters
    ----------
    mark
        Tells the watchers of one process apart.
    """
    pid = os.getpid()
    started = _started(pid)
    name = f"{_host()}:{_boot()}:{pid}:{started}:{mark}"
    return Owner(name, _host(), _boot(), pid, started, time.time() + held)


def free_owners(owners: Iterable[Owner]) -> list[str]:
    """Give the ids of those whose leases are free: run out, or their process is gone."""
    now = time.time()
    return [owner.id for owner in owners if owner.until < now or _is_dead(owner)]


def _is_dead(owner: Owner) -> bool:
    if owner.host != _host():
        return False
    if owner.boot != _boot():
        return True
    if not _boot() or not owner.started:
        return False
    return _started(owner.pid) != owner.started
