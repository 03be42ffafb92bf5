"""The state of the simulated service: its clock, its runs, its bill, its limits. No I/O."""

from __future__ import annotations

import collections
import math
import threading
import uuid
from typing import TYPE_CHECKING, Literal

from pplx_jupyter.simulator import answers
from pplx_jupyter.simulator.refusals import bad_request, not_found, rate_limited, unauthorized
from pplx_jupyter.simulator.runs import Bill, Clock, Run, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pplx_jupyter.simulator.runs import Backend, Order

__all__ = ["World"]

# How a run can end.
_OUTCOMES = frozenset({"completed", "failed", "incomplete", "requires_action", "stuck", "unknown_status"})
_ENDLESS = frozenset({"stuck", "unknown_status"})
# Simulated seconds from the agent API's "cancelling" to "cancelled".
_CANCELLING = 2.0
_QUEUED_SHARE = 0.08
_DAY = 86_400.0
# Requests a minute of the highest published tier.
_LIMITS: Mapping[str, int] = {
    "sonar post": 100,
    "agent post": 8000,
    "get": 6000,
    "list": 3000,
    "cancel": 6000,
}


class World:
    """All that the simulated service knows. Every method may be called from any thread."""

    def __init__(
        self,
        *,
        speed: float = 60.0,
        seed: int = 0,
        keys: Collection[str] | None = None,
        rate_limit: int | None = None,
        durations: tuple[float, float] | None = None,
        keep_days: float = 7.0,
        sonar_retired: bool = False,
        offers_cancel: bool = True,
    ) -> None:
        self.clock = Clock(speed)
        self.seed = seed
        self.keys = None if keys is None else frozenset(keys)
        self.rate_limit = rate_limit
        self.durations = durations or (120.0, 360.0)
        self.keep_seconds = keep_days * _DAY
        self.sonar_retired = sonar_retired
        self.offers_cancel = offers_cancel
        self._runs: dict[str, Run] = {}
        self._by_key: dict[tuple[str, str], Run] = {}
        self._asked: dict[tuple[str, str], collections.deque[float]] = collections.defaultdict(
            collections.deque
        )
        self._refused = 0
        self._lock = threading.RLock()

    def account(self, authorization: str | None) -> str:
        """Give the account of an ``Authorization`` header; refuse a missing or wrong key."""
        scheme, _, key = (authorization or "").strip().partition(" ")
        key = key.strip()
        known = key != "bad-key" if self.keys is None else key in self.keys
        if scheme.lower() != "bearer" or not key or not known:
            raise unauthorized()
        return key

    def known(self, account: str, order: Order) -> Run | None:
        """Give the run that was bought under the order's idempotency key, if there is one."""
        if not order.idempotency_key:
            return None
        with self._lock:
            run = self._by_key.get((account, order.idempotency_key))
            return None if run is None or self._gone(run) else run

    def submit(
        self, account: str, order: Order, *, outcome: str | None = None, costless: bool = False
    ) -> Run:
        """Take an order, or give the run that was bought under the same idempotency key."""
        with self._lock:
            known = self.known(account, order)
            if known is not None:
                return known
            run = self._new(account, order, outcome, costless)
            self._runs[run.id] = run
            if order.idempotency_key:
                self._by_key[account, order.idempotency_key] = run
            return run

    def _new(self, account: str, order: Order, outcome: str | None, costless: bool) -> Run:
        asked = answers.controls(order.prompt)
        wished = next((word for word in asked.get("outcome", ()) if word in _OUTCOMES), "completed")
        low, high = self.durations
        duration = answers.dice(order.prompt, self.seed, "duration").uniform(low, high)
        for word in asked.get("seconds", ()):
            duration = _seconds(word, duration)
        return Run(
            id=str(uuid.uuid4()) if order.backend == "sonar" else f"resp_{uuid.uuid4()}",
            account=account,
            order=order,
            outcome=outcome or wished,
            duration=duration,
            seed=self.seed,
            created_at=self.clock.now(),
            mark=self.clock.mark(),
            costless=costless,
        )

    def find(self, account: str, backend: Backend, run_id: str) -> Run:
        """Give an account's run; refuse an unknown, foreign, unstored or expired id."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None or run.account != account or run.order.backend != backend:
                raise not_found()
            if not run.order.stored or self._gone(run):
                raise not_found()
            return run

    def listed(self, account: str, *, limit: int, after: str | None) -> tuple[list[Run], str | None]:
        """Give a page of an account's sonar runs, newest first, and the token of the next page."""
        with self._lock:
            rows = [
                run
                for run in reversed(self._runs.values())
                if run.account == account and run.order.backend == "sonar" and not self._gone(run)
            ]
        if after is not None:
            place = next((i for i, run in enumerate(rows) if run.id == after), None)
            if place is None:
                raise bad_request("next_token is not valid")
            rows = rows[place + 1 :]
        page = rows[:limit]
        return page, page[-1].id if len(rows) > limit else None

    def cancel(self, run: Run) -> None:
        """Stop a run; refuse where it has ended."""
        with self._lock:
            if self.state(run).word not in {"queued", "running", "unknown_status"}:
                raise bad_request("the run is already terminal and cannot be cancelled")
            if run.cancel_at is None:
                run.cancel_at = self.clock.since(run.mark) + (
                    _CANCELLING if run.order.backend == "agent" else 0.0
                )
                run.cancelled_at = self.clock.now()

    def state(self, run: Run) -> State:
        """Tell where a run stands now."""
        with self._lock:
            done, now = self.clock.since(run.mark), self.clock.now()
            end = math.inf if run.outcome in _ENDLESS else run.duration
            stop = run.cancel_at
            if stop is not None and done >= stop and (stop < end or run.outcome in _ENDLESS):
                share = min(1.0, stop / run.duration) if run.duration else 1.0
                return State("cancelled", share, now, run.cancelled_at)
            share = min(1.0, done / run.duration) if run.duration else 1.0
            if run.outcome == "unknown_status" and share >= _QUEUED_SHARE:
                return State("unknown_status", share, now)
            if run.outcome not in _ENDLESS and done >= end:
                # Kept from the first look on, since the clock may have been advanced past it.
                if run.ended_at is None:
                    run.ended_at = min(now, run.created_at + end / self.clock.speed)
                return State(_ending(run), 1.0, now, run.ended_at)
            return State("queued" if share < _QUEUED_SHARE else "running", share, now)

    def bill(self) -> Bill:
        """Say what was bought so far, by the share of work done."""
        with self._lock:
            standing = [(run, self.state(run)) for run in self._runs.values()]
        costs = [round(run.cost * state.share, 5) for run, state in standing]
        jobs = [
            {
                "id": run.id,
                "backend": run.order.backend,
                "prompt": run.order.prompt,
                "idempotency_key": run.order.idempotency_key,
                "cost": cost,
                "status": state.word,
            }
            for (run, state), cost in zip(standing, costs, strict=True)
        ]
        return Bill(round(sum(costs), 5), jobs)

    def limit(self, account: str, kind: str) -> None:
        """Count a request of a kind (``"sonar post"``, ``"agent post"``, ``"get"``, ``"list"``, ``"cancel"``).

        A minute is a simulated one, at most a real one; with a `rate_limit` of one's own it is at
        least a second, so that it can be reached at any speed. A refusal says when to come again
        in a header, in another one, or not at all, in turn.
        """
        allowed = _LIMITS[kind]
        if self.rate_limit is not None:
            allowed = self.rate_limit if kind.endswith("post") else max(allowed, self.rate_limit)
        shortest = 0.0 if self.rate_limit is None else 1.0
        window = min(60.0, max(shortest, 60.0 / self.clock.speed))
        with self._lock:
            asked, now = self._asked[account, kind], self.clock.now()
            while asked and asked[0] <= now - window:
                asked.popleft()
            if len(asked) < allowed:
                asked.append(now)
                return
            wait = math.ceil((asked[0] + window - now) if asked else window)
            told: Sequence[dict[str, str]] = (
                {"Retry-After": str(wait)},
                {"x-ratelimit-reset": str(math.ceil(now) + wait)},
                {},
            )
            self._refused += 1
            raise rate_limited(told[(self._refused - 1) % len(told)])

    def _gone(self, run: Run) -> bool:
        return run.order.backend == "sonar" and self.clock.now() - run.created_at >= self.keep_seconds


def _ending(run: Run) -> Literal["completed", "failed", "incomplete", "requires_action"]:
    if run.outcome == "failed":
        return "failed"
    if run.outcome == "requires_action":
        return "requires_action"
    return "incomplete" if run.cut else "completed"


def _seconds(word: str, otherwise: float) -> float:
    try:
        return max(0.0, float(word))
    except ValueError:
        return otherwise
