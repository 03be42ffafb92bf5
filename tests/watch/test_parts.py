"""The pace, the bell, the leases and the loop, each by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.ledger.records import Owner
from pplx_jupyter.watch import lease
from pplx_jupyter.watch.bell import Bell
from pplx_jupyter.watch.lease import HELD_SECONDS, RENEW_SECONDS, free_owners, this_owner
from pplx_jupyter.watch.pace import LONG_SECONDS, backoff, next_ask
from pplx_jupyter.watch.thread import background_loop, run_in_background

if TYPE_CHECKING:
    from collections.abc import Callable

# -- pace


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        (0, 1),
        (59, 1),
        (60, 2),
        (299, 2),
        (300, 5),
        (LONG_SECONDS - 1, 5),
        (LONG_SECONDS, 60),
        (8e5, 60),
        (-5, 1),
    ],
)
def test_the_pace_slows_with_age(age: float, seconds: float) -> None:
    assert next_ask(age) == seconds


@given(st.integers(1, 100_000), st.floats(0, 1e6))
def test_all_jobs_together_stay_below_the_services_limit(under_way: int, age: float) -> None:
    assert under_way / next_ask(age, under_way) <= 20.0 + 1e-9 or next_ask(age, under_way) >= 1.0
    assert under_way / next_ask(age, under_way) < 100


@given(st.integers(1, 10_000))
def test_the_backoff_doubles_up_to_its_longest(tries: int) -> None:
    whole = min(60.0, 2.0 ** (tries - 1)) if tries < 30 else 60.0
    assert whole / 2 <= backoff(tries) <= whole
    assert backoff(tries, longest=3.0) <= 3.0


def test_the_backoff_has_jitter() -> None:
    assert len({backoff(4) for _ in range(20)}) > 10


# -- bell


def test_a_ring_between_a_look_and_a_wait_is_not_missed() -> None:
    bell = Bell()
    heard = bell.rings
    bell.ring()
    before = time.monotonic()
    assert bell.wait(heard, 30.0) == 1
    assert asyncio.run(bell.listen(heard, 30.0)) == 1
    assert time.monotonic() - before < 5.0


def test_silence_ends_the_wait() -> None:
    bell = Bell()
    assert bell.wait(0, 0.01) == 0
    assert asyncio.run(bell.listen(0, 0.01)) == 0
    assert not bell._events, "nobody is left listening"


def test_a_ring_wakes_threads_and_loops() -> None:
    bell = Bell()
    with ThreadPoolExecutor() as pool:
        found = [pool.submit(bell.wait, 0, 30.0), pool.submit(lambda: asyncio.run(bell.listen(0, 30.0)))]
        deadline = time.monotonic() + 10
        while not bell._events:
            assert time.monotonic() < deadline
        bell.ring()
        assert [each.result(10) for each in found] == [1, 1]


def test_a_loop_that_was_closed_does_not_stop_the_ring() -> None:
    bell = Bell()
    loop = asyncio.new_event_loop()
    bell._events[asyncio.Event()] = loop
    loop.close()
    bell.ring()
    assert bell.rings == 1


# -- lease


def test_this_process_holds_and_a_mark_tells_its_watchers_apart() -> None:
    one, other = this_owner("a"), this_owner("b")
    assert one.id != other.id
    assert (one.pid, this_owner("a").id) == (os.getpid(), one.id)
    assert HELD_SECONDS - 1 < one.until - time.time() <= HELD_SECONDS
    assert free_owners([one, other]) == []
    assert RENEW_SECONDS * 2 < HELD_SECONDS, "one late renewal loses nothing"


@pytest.mark.skipif(not lease._boot(), reason="this system does not tell its boot")
def test_a_process_of_this_host_that_is_seen_to_live_is_waited_for() -> None:
    assert free_owners([_like_this(until=time.time() - 50)]) == [], "the machine slept, or has much to do"
    assert free_owners([_like_this(until=time.time() - 70)]) == ["x"], "its thread hangs"
    assert free_owners([_like_this(until=0.0)]) == ["x"], "it has given its rows up"


def _like_this(**changes: object) -> Owner:
    me = this_owner()
    values = {name: getattr(me, name) for name in ("host", "boot", "pid", "started", "until")}
    return Owner(id="x", **(values | changes))


@pytest.mark.skipif(sys.platform != "linux", reason="the start time of a process is read from /proc")
def test_a_dead_process_of_this_host_is_free_at_once() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = _like_this(pid=child.pid, started=lease._stat(child.pid)[1])
    assert owner.started
    assert free_owners([owner]) == []
    child.communicate(b"\n")
    assert free_owners([owner]) == ["x"]


@pytest.mark.skipif(sys.platform != "linux", reason="the state of a process is read from /proc")
def test_a_stopped_process_is_not_waited_for(until: Callable[..., None]) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    late = _like_this(pid=child.pid, started=lease._stat(child.pid)[1], until=time.time() - 1)
    assert free_owners([late]) == []
    child.send_signal(signal.SIGSTOP)
    try:
        until(lambda: lease._stat(child.pid)[0] == "T")
        assert free_owners([late]) == ["x"]
    finally:
        child.kill()
        child.communicate()


def test_a_lease_of_a_clock_that_ran_ahead_holds_nothing() -> None:
    assert free_owners([_like_this(until=time.time() + 2 * 86_400)]) == ["x"]


@pytest.mark.skipif(sys.platform != "linux", reason="the start time of a process is read from /proc")
def test_a_process_number_used_again_is_another_process() -> None:
    assert free_owners([_like_this(started="1")]) == ["x"]


@pytest.mark.skipif(not lease._boot(), reason="this system does not tell its boot")
def test_a_host_that_was_started_anew_holds_nothing() -> None:
    assert free_owners([_like_this(boot="before")]) == ["x"]


def test_another_host_holds_until_its_lease_runs_out() -> None:
    now = time.time()
    far = [
        _like_this(host="far", boot="other", pid=1, until=now + 9),
        _like_this(host="far", until=now - 0.1),
    ]
    assert free_owners(far[:1]) == []
    assert free_owners(far[1:]) == ["x"]


def test_where_the_system_tells_nothing_the_lease_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_boot", lambda: "")
    assert free_owners([_like_this(boot="", started="")]) == []
    assert free_owners([_like_this(boot="", started="", until=time.time() - 1)]) == ["x"]


# -- the loop


def test_the_background_loop_is_one_daemon_thread() -> None:
    assert background_loop() is background_loop()

    async def where() -> threading.Thread:
        return threading.current_thread()

    thread = run_in_background(where()).result(10)
    assert thread.daemon
    assert thread is not threading.main_thread()
    assert run_in_background(where()).result(10) is thread


def test_a_name_that_hangs_hangs_in_a_daemon_thread(
    monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
) -> None:
    release, threads = threading.Event(), []

    def hangs(*_args: object, **_rest: object) -> list[object]:
        threads.append(threading.current_thread())
        release.wait(30)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)

    async def look() -> None:
        async with asyncio.timeout(0.05):
            await asyncio.get_running_loop().getaddrinfo("service.test", 80)

    with pytest.raises(TimeoutError):
        run_in_background(look()).result(10)
    assert threads[0].daemon
    release.set()
    until(lambda: not threads[0].is_alive())

    async def fine() -> str:
        return "the loop goes on"

    assert run_in_background(fine()).result(10) == "the loop goes on"
