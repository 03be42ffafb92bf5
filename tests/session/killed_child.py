"""A process that asks through the real magic, and is killed at one named step of its job's life.

The steps lie in a transport and in a ledger that are wrapped around the real ones; the package itself
has no switch for any of this. Run as a script it is a plain IPython; a kernel calls `inject`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn

import httpx

from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.session import Session, use_session
from pplx_jupyter.settings import Settings
from pplx_jupyter.watch import pace
from pplx_jupyter.watch.pace import backoff, next_ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

__all__ = ["DeadlyLedger", "DeadlyTransport", "hurry", "inject"]


def die() -> NoReturn:
    """End this process as the kernel's out-of-memory killer would."""
    os.kill(os.getpid(), signal.SIGKILL)
    while True:
        time.sleep(1)


def hurry() -> None:
    """Ask fifty times as often as the service would like it."""
    pace.next_ask = lambda age, under_way=1: next_ask(age, under_way) / 50
    pace.backoff = lambda tries, *, longest=60.0: backoff(tries, longest=min(longest, 4.0)) / 50


class _Connection(sqlite3.Connection):
    """A connection whose process dies with everything in the transaction, and the end of it about to run."""

    dies_at_commit = False

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.dies_at_commit:
            die()
        return super().execute(sql, *given)


class DeadlyLedger:
    """A ledger whose process dies before, in the middle of, or after one of its writes.

    Parameters
    ----------
    inner
        The real one.
    step
        Such as ``"sending: half written"``: which write, and where in it; other texts kill nothing.
    """

    def __init__(self, inner: SqliteLedger, step: str) -> None:
        self._inner = inner
        self._what, _, self._where = step.partition(": ")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def intend(self, *given: Any, **rest: Any) -> Any:
        return self._do("intent", self._inner.intend, *given, **rest)

    def claim(self, *given: Any, **rest: Any) -> Any:
        found = self._inner.claim(*given, **rest)
        if found and self._what == "lease":
            die()
        return found

    def write(self, job_id: str, changes: Mapping[str, Any], *, body: str | None = None, **rest: Any) -> Any:
        return self._do(_kind(changes, body), self._inner.write, job_id, changes, body=body, **rest)

    def _do(self, kind: str, call: Callable[..., Any], *given: Any, **rest: Any) -> Any:
        if not kind or kind != self._what:
            return call(*given, **rest)
        if self._where == "not yet written":
            die()
        if self._where == "half written":
            _Connection.dies_at_commit = True
        call(*given, **rest)
        die()


def _kind(changes: Mapping[str, Any], body: str | None) -> str:
    if changes.get("remote_id"):
        return "id"
    if changes.get("sending_at"):
        return "sending"
    if body is not None and changes.get("state") == "completed":
        return "answer"
    return str(changes.get("state", ""))


class DeadlyTransport(httpx.AsyncBaseTransport):
    """The network, where this process dies with a request or a reply half-way through it."""

    def __init__(self, step: str) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._step = step

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._step == "request: half sent" and request.method == "POST":
            content = await request.aread()
            request = httpx.Request(
                request.method,
                request.url,
                headers=request.headers,
                stream=_Half(content),
                extensions=request.extensions,
            )
        response = await self._inner.handle_async_request(request)
        content = await response.aread()
        if self._is_the_one(request, content):
            return httpx.Response(response.status_code, headers=response.headers, stream=_Half(content))
        return response

    def _is_the_one(self, request: httpx.Request, content: bytes) -> bool:
        if request.method == "POST":
            return self._step == "reply: half read"
        return self._step == "answer: half read" and b'"completed"' in content.lower()

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Half(httpx.AsyncByteStream):
    """Half of a body; whoever wants the other half dies."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content[: len(self._content) // 2]
        # The first half leaves this process before it ends.
        await asyncio.sleep(0.02)
        die()


def inject(url: str, ledger: str, key: str, step: str) -> Session:
    """Make the session that the magics of this process use, deadly at `step`."""
    hurry()
    sqlite3.connect = functools.partial(sqlite3.connect, factory=_Connection)  # type: ignore[assignment]
    session = Session(
        base_url=url,
        ledger=DeadlyLedger(SqliteLedger(ledger), step),
        api_key=key,
        settings=Settings(budget=1e6),
        transport=DeadlyTransport(step),
    )
    use_session(session)
    if step == "output: half replaced":
        _stop_in_the_middle_of_the_output()
    return session


def _stop_in_the_middle_of_the_output() -> None:
    """Let the second slot's last update wait for ever: whoever has seen the first one kills this kernel."""
    from pplx_jupyter.notebook.outputs.display import Slot

    update = Slot.update

    def stops(self: Slot, forms: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        if self.display_id.endswith("-answer"):
            threading.Event().wait()
        update(self, forms, metadata)

    Slot.update = stops  # type: ignore[method-assign]


def main() -> None:
    """Run cells one after the other in an IPython of this process, and print what each gave."""
    from IPython.core.interactiveshell import InteractiveShell

    url, ledger, key, step, cells = sys.argv[1:6]
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "pplx_jupyter")
    session = inject(url, ledger, key, step)
    found = []
    for cell in json.loads(cells):
        started = time.monotonic()
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            result = shell.run_cell(cell)
        job = shell.user_ns.get("sky")
        answer = job.answer if job is not None else None
        found.append(
            {
                "ms": round((time.monotonic() - started) * 1000),
                "error": repr(result.error_in_exec or result.error_before_exec or ""),
                "printed": out.getvalue(),
                "id": job.id if job is not None else "",
                "text": answer.text if answer is not None else "",
            }
        )
    session.quiet_exit = True
    print(json.dumps(found))


if __name__ == "__main__":
    main()
