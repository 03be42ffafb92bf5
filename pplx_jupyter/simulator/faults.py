"""Faults: what can go wrong on the way and at the service, on demand.

A fault is written ``KIND[=VALUE][@MATCH][#TIMES]``: ``latency=2``, ``status=503@get#3``,
``reset-after@sonar+post#1``. MATCH joins with ``+`` what a request must be: ``post`` (a
submission), ``get``, ``cancel``, ``delete``, ``sonar``, ``agent``. Without MATCH every request is
hit, without TIMES every time. The oldest fault that fits comes first; delays add up.
"""

from __future__ import annotations

import dataclasses
import re
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["KINDS", "Fault", "Faults", "traits"]

KINDS: dict[str, str] = {
    "latency": "wait so many seconds before anything is done",
    "hold": "do the work, but keep the reply back until it is released",
    "reset-before": "drop the connection before the work is done",
    "reset-after": "do the work, then drop the connection before the reply",
    "status": "answer with this status and a JSON error, without doing the work",
    "status-after": "do the work, then answer with this status and a JSON error",
    "html": "answer with this status and a proxy's HTML page, without doing the work",
    "html-after": "do the work, then answer with this status and a proxy's HTML page",
    "truncate": "do the work, send half of the body",
    "malformed": "do the work, send 200 and a body that is no JSON",
    "list": "do the work, send a JSON list with the body in it",
    "stuck": "take the job, and never end it",
    "fail": "take the job, and let it fail",
    "no-cost": "take the job, and send its usage without a cost",
}
_VALUED = frozenset({"latency", "status", "status-after", "html", "html-after"})
_JOB = frozenset({"stuck", "fail", "no-cost"})
_TRAITS = frozenset({"post", "get", "cancel", "delete", "sonar", "agent"})
_FORM = re.compile(
    r"(?P<kind>[a-z-]+)(=(?P<value>[0-9.]+))?(@(?P<match>[a-z]+(\+[a-z]+)*))?(#(?P<times>[1-9][0-9]*))?"
)


@dataclasses.dataclass(eq=False)
class Fault:
    """One fault. `left` is how often it still happens, None for ever."""

    kind: str
    value: float = 0.0
    match: frozenset[str] = frozenset()
    left: int | None = None

    @classmethod
    def parse(cls, spec: str, times: int | None = None) -> Fault:
        """Read ``KIND[=VALUE][@MATCH][#TIMES]``; `times` goes before TIMES.

        Raises
        ------
        ValueError
            Where the spec cannot be read; the message says what is allowed.
        """
        found = _FORM.fullmatch(spec.strip())
        if found is None:
            raise ValueError(f"fault {spec!r}: write KIND[=VALUE][@MATCH][#TIMES], such as status=503@get#3")
        kind, match = found["kind"], frozenset((found["match"] or "").split("+")) - {""}
        if kind not in KINDS:
            raise ValueError(f"fault {spec!r}: {kind} is no kind; choose {', '.join(KINDS)}")
        if not match <= _TRAITS:
            raise ValueError(f"fault {spec!r}: after @ choose {', '.join(sorted(_TRAITS))}")
        if (kind in _VALUED) != (found["value"] is not None):
            needs = "needs a value" if kind in _VALUED else "takes no value"
            raise ValueError(f"fault {spec!r}: {kind} {needs}")
        value = _number(spec, found["value"])
        if kind.startswith(("status", "html")) and not (value.is_integer() and 400 <= value <= 599):
            raise ValueError(f"fault {spec!r}: give an HTTP status from 400 to 599")
        return cls(
            kind,
            value,
            match,
            times if times is not None else int(found["times"]) if found["times"] else None,
        )


def _number(spec: str, text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        raise ValueError(f"fault {spec!r}: {text} is no number") from None


class Faults:
    """The faults that are set; safe to use from any thread."""

    def __init__(self, specs: Collection[str] = ()) -> None:
        self._faults = [Fault.parse(spec) for spec in specs]
        self._lock = threading.Lock()

    def add(self, spec: str, times: int | None = None) -> None:
        """Set a fault after those that are set already."""
        fault = Fault.parse(spec, times)
        with self._lock:
            self._faults.append(fault)

    def clear(self, kind: str | None = None) -> None:
        """Take back all faults, or those of a kind."""
        with self._lock:
            self._faults = [fault for fault in self._faults if kind is not None and fault.kind != kind]

    def for_reply(self, request: frozenset[str]) -> list[Fault]:
        """Use up what happens to one request on the way: every delay, and one fault of the reply."""
        with self._lock:
            hits: list[Fault] = []
            spoilt = False
            for fault in self._fitting(request):
                waits = fault.kind in {"latency", "hold"}
                if fault.kind in _JOB or (spoilt and not waits):
                    continue
                spoilt = spoilt or not waits
                hits.append(fault)
            self._use(hits)
            return hits

    def for_job(self, request: frozenset[str]) -> frozenset[str]:
        """Use up what happens to a job that is being submitted: the kinds."""
        with self._lock:
            hits = [fault for fault in self._fitting(request) if fault.kind in _JOB]
            self._use(hits)
            return frozenset(fault.kind for fault in hits)

    def _fitting(self, request: frozenset[str]) -> list[Fault]:
        return [fault for fault in self._faults if fault.match <= request]

    def _use(self, hits: list[Fault]) -> None:
        for fault in hits:
            if fault.left is not None:
                fault.left -= 1
        self._faults = [fault for fault in self._faults if fault.left is None or fault.left > 0]


def traits(method: str, path: str) -> frozenset[str]:
    """Say what a request is, in the words that MATCH uses."""
    backend = "agent" if path.startswith(("/v1/responses", "/v1/agent")) else "sonar"
    if method == "DELETE":
        return frozenset({backend, "delete", "cancel"})
    if method == "POST":
        return frozenset({backend, "cancel" if path.rstrip("/").endswith("/cancel") else "post"})
    return frozenset({backend, "get"})
