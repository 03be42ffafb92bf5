"""Running the simulated service: in a thread for tests, or until a signal for the command line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

import uvicorn

from pplx_jupyter.simulator.app import Service, make_app
from pplx_jupyter.simulator.faults import Faults
from pplx_jupyter.simulator.wire import Wire
from pplx_jupyter.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import FrameType, TracebackType

    from pplx_jupyter.simulator.runs import Bill

__all__ = ["Simulator", "serve"]

_START = 10.0
_STOP = 5.0


class _Server(uvicorn.Server):
    """uvicorn, ending at once: its own loop looks ten times a second, and waits for connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        while not self.stopping.is_set():
            await self.on_tick(0)  # keeps the Date header
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()


def _listen(host: str, port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, each reply takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener


class Simulator:
    """The simulated service on a port of this machine, in a thread of its own.

    Parameters
    ----------
    speed
        How many times faster than the clock on the wall jobs are done: at 60 a job of four
        minutes takes four seconds. ``math.inf``: a job has ended when it is first asked for.
    sonar_retired
        Whether the sonar API answers 403, as it does for most accounts since September 2026.
    seed
        Changes all answers, durations and costs; they depend on it and on the prompt alone.
    faults
        What goes wrong, each as `pplx_jupyter.simulator.faults` reads it.
    keys
        The API keys that are accepted; None for all but ``bad-key``. Each is its own account.
    rate_limit
        Submissions a (simulated) minute and account; None for those of the highest tier.
    durations
        The shortest and the longest job in simulated seconds; None for 2 to 6 minutes.
    offers_cancel
        Whether sonar jobs can be deleted; if not, that is answered with 405.
    keep_days
        For how many days sonar jobs are kept; `advance` makes them pass.
    host, port
        Where it listens; port 0 for a free one.
    """

    def __init__(
        self,
        speed: float = 60.0,
        *,
        sonar_retired: bool = False,
        seed: int = 0,
        faults: Collection[str] = (),
        keys: Collection[str] | None = None,
        rate_limit: int | None = None,
        durations: tuple[float, float] | None = None,
        offers_cancel: bool = True,
        keep_days: float = 7.0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._world = World(
            speed=speed,
            seed=seed,
            keys=keys,
            rate_limit=rate_limit,
            durations=durations,
            keep_days=keep_days,
            sonar_retired=sonar_retired,
            offers_cancel=offers_cancel,
        )
        self._faults = Faults(faults)
        self._service = Service(self._world, self._faults)
        self._wire = Wire(make_app(self._service), self._faults)
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Simulator {self.url if self._thread else 'not started'}>"

    # ---- running

    def start(self) -> Self:
        """Listen, and serve in a daemon thread; returns as soon as it does.

        Raises
        ------
        OSError
            Where the port cannot be had.
        """
        if self._thread is not None:
            return self
        listener = _listen(*self._address)
        self._address = listener.getsockname()[:2]
        config = uvicorn.Config(
            self._wire,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            log_level="critical",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, args=(listener,), name="simulator", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise OSError("the simulator did not start")
            time.sleep(0.002)
        return self

    def _run(self, listener: socket.socket) -> None:
        async def main(server: _Server) -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve(sockets=[listener])

        if self._server is not None:
            asyncio.run(main(self._server))

    def close(self) -> None:
        """Drop all connections and stop; takes well under a second, and may be repeated."""
        self._service.closing.set()
        if self._loop is None or self._thread is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(_STOP)

    def _stop(self) -> None:
        if self._server is None:
            return
        self._server.stopping.set()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()

    # ---- looking

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        host, port = self._address
        return f"http://{host}:{port}"

    @property
    def bill(self) -> Bill:
        """What was bought so far."""
        return self._world.bill()

    @property
    def requests(self) -> list[tuple[str, str]]:
        """The (method, path) of all requests so far, the simulator's own routes aside."""
        return list(self._wire.requests)

    @property
    def held(self) -> int:
        """How many replies a ``hold`` fault keeps back now."""
        return self._wire.held

    # ---- steering

    @property
    def sonar_retired(self) -> bool:
        """Whether the sonar API is retired; may be set while it runs."""
        return self._world.sonar_retired

    @sonar_retired.setter
    def sonar_retired(self, retired: bool) -> None:
        self._world.sonar_retired = retired

    def add_fault(self, spec: str, times: int | None = None) -> None:
        """Set a fault; `times` None for what the spec says, else for ever."""
        self._faults.add(spec, times)

    def clear_faults(self) -> None:
        """Take all faults back; replies kept back stay so until `release`."""
        self._faults.clear()

    def release(self) -> None:
        """Let the replies go that a ``hold`` fault keeps back, and take such faults back."""
        self._faults.clear("hold")
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wire.release)

    def advance(self, seconds: float) -> None:
        """Move the simulated clock, and all work, forward."""
        self._world.clock.advance(seconds)


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    speed: float = 60.0,
    sonar_retired: bool = False,
    faults: Collection[str] = (),
    announce: Callable[[str], object] | None = None,
    seed: int = 0,
    rate_limit: int | None = None,
    durations: tuple[float, float] | None = None,
) -> None:
    """Run the simulated service until SIGINT or SIGTERM; `announce` gets its URL once it listens.

    Raises
    ------
    ValueError
        Where a fault or the speed cannot be read.
    OSError
        Where the port cannot be had.
    """
    simulator = Simulator(
        speed,
        sonar_retired=sonar_retired,
        seed=seed,
        faults=faults,
        rate_limit=rate_limit,
        durations=durations,
        host=host,
        port=port,
    )
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with simulator:
            if announce is not None:
                announce(simulator.url)
            while not stop.wait(1.0):  # in one piece, Windows would not let a signal through
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
