"""``%pplx doctor``: what works here and what does not, each with what to do."""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime
import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.refusals import kind_of, said
from pplx_jupyter.api.wire import Lost, Unsent
from pplx_jupyter.errors import PplxError
from pplx_jupyter.ledger import OPEN
from pplx_jupyter.notebook.frontend import here
from pplx_jupyter.render import wrap
from pplx_jupyter.render.clean import text as escape
from pplx_jupyter.render.words import day_time, one_line
from pplx_jupyter.version import __version__
from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pplx_jupyter.session import Session

__all__ = ["Finding", "examine", "examined_forms"]

Finding = tuple[str, str, str]
"""What was looked at, ``"ok"``, ``"note"`` or ``"bad"``, and what was found."""

_ASK_SECONDS = 8.0


def examine(shell: Any, session: Session) -> list[Finding]:
    """Look at everything a question needs; sends one free request, and nothing else."""
    return [*_versions(), *_key(session), *_ledger(session), *_kernel(shell, session), *_service(session)]


def _versions() -> Iterator[Finding]:
    yield "pplx_jupyter", "ok", f"{__version__}, Python {platform.python_version()}"
    found = []
    for name in ("ipython", "ipykernel", "ipywidgets", "jupyterlab", "httpx", "markdown", "nh3"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    yield "libraries", "ok", ", ".join(found)
    if "nest_asyncio" in sys.modules:
        yield (
            "nest_asyncio",
            "bad",
            "is loaded: on ipykernel 7 it silently loses queued cells; use nest-asyncio2>=1.7.3 instead.",
        )


def _key(session: Session) -> Iterator[Finding]:
    try:
        key = session.key
    except PplxError as error:
        yield "key", "bad", str(error)
        return
    yield "key", "ok", f"{key.masked()}, from {key.origin}"


def _ledger(session: Session) -> Iterator[Finding]:
    try:
        ledger = session.ledger
        under_way = len(ledger.jobs(states=OPEN, limit=10_000))
    except PplxError as error:
        yield "ledger", "bad", str(error)
        return
    path = Path(ledger.where)
    size = f", {path.stat().st_size / 1024:,.0f} KB" if path.exists() else ""
    yield "ledger", "ok", f"{ledger.where}{size}, {under_way} under way"
    if path.exists() and os.name == "posix" and path.stat().st_mode & 0o077:
        yield "ledger", "note", f"others may read it: chmod 600 {ledger.where}"
    if session.has_key:
        until = ledger.retired_until(session.account)
        if until is not None and until > time.time():
            day = day_time(datetime.datetime.fromtimestamp(until).astimezone())
            yield (
                "sonar API",
                "note",
                f"retired for this key: questions go to the agent API until {day}; %pplx doctor --forget-retired forgets it",
            )


def _kernel(shell: Any, session: Session) -> Iterator[Finding]:
    if shell is None:
        return
    place = here(shell, session.settings)
    if place.kernel is None:
        yield (
            "frontend",
            "ok",
            "a terminal: answers come as text"
            if not place.headless
            else "no terminal: cells block until their answer is there",
        )
        return
    kind = (
        "nobody can be asked (headless): cells block until their answer is there"
        if place.headless
        else "interactive: cells return at once"
    )
    yield "frontend", "ok", kind
    named = place.notebook or 'not told by the frontend; %config PplxResearch.notebook = "name.ipynb" sets it'
    yield "notebook", "ok" if place.notebook else "note", named


def _service(session: Session) -> Iterator[Finding]:
    from pplx_jupyter.api import sonar
    from pplx_jupyter.api.http import Client

    if not session.has_key:
        yield "service", "note", f"{session.base_url}: not asked, for want of a key"
        return

    async def ask() -> Any:
        client = Client(session.base_url, session.key)
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                return await sonar.jobs(client, limit=1)
        finally:
            await client.close()

    try:
        reply = run_in_background(ask()).result(_ASK_SECONDS + 1)
    except (Unsent, Lost) as error:
        yield "service", "bad", f"{session.base_url}: {error}"
        return
    except (TimeoutError, concurrent.futures.TimeoutError):
        yield "service", "bad", f"{session.base_url}: no reply within {_ASK_SECONDS:g} s"
        return
    words = {
        "retired": "the sonar API is retired for this key; questions go to the agent API",
        "unauthorized": "the key is refused (401), or the account has no credits",
    }
    if reply.ok:
        yield "service", "ok", f"{session.base_url} answers, and takes the key"
    else:
        kind = kind_of(reply)
        yield (
            "service",
            "note" if kind == "retired" else "bad",
            f"{session.base_url}: {words.get(kind, f'HTTP {reply.status}: {one_line(said(reply), 200)}')}",
        )


def examined_forms(findings: Sequence[Finding]) -> dict[str, str]:
    """Give the findings in the three permanent forms."""
    glyphs = {"ok": "✓", "note": "!", "bad": "✕"}
    tones = {"ok": "ok", "note": "warn", "bad": "bad"}
    rows = "".join(
        f'<tr><td style="text-align:left;white-space:nowrap"><span class="{tones[state]}"><span class="pplx-g">{glyphs[state]}</span></span> {escape(name)}</td>'
        f'<td style="text-align:left">{escape(text)}</td></tr>'
        for name, state, text in findings
    )
    plain = "\n".join(f"{glyphs[state]} {name:<14}{text}" for name, state, text in findings)
    return {
        "text/html": wrap(f"<table><tbody>{rows}</tbody></table>"),
        "text/markdown": f"```\n{plain}\n```",
        "text/plain": plain,
    }
