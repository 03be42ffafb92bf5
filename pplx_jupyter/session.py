"""Session: where a Request meets the ledger.

One Session is one ledger, one address of the service and one key. Submitting writes an intent and
returns; the watcher on the background thread does the rest.
"""

from __future__ import annotations

import atexit
import functools
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.key import Secret, account_of, check_address, find_key
from pplx_jupyter.api.key import base_url as default_base_url
from pplx_jupyter.errors import BudgetExceeded, KeyMissing, LedgerError
from pplx_jupyter.ledger import OPEN, Attempts, open_ledger
from pplx_jupyter.ledger.budgets import day_of
from pplx_jupyter.ledger.expected import HISTORY, Expected, expected
from pplx_jupyter.ledger.gate import is_parked
from pplx_jupyter.ledger.once import warn_once
from pplx_jupyter.render.words import job_name
from pplx_jupyter.reuse import Seen, again, decide
from pplx_jupyter.settings import Settings, check_switches, seconds_of
from pplx_jupyter.submission import RUN_VARIABLE, Plan, Submission, draft_of, with_defaults
from pplx_jupyter.takeover import taken_over
from pplx_jupyter.watch.bell import Bell
from pplx_jupyter.watch.thread import background_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplx_jupyter.ledger import Decision, Ledger, Row
    from pplx_jupyter.ledger.gate import Gate
    from pplx_jupyter.request import Request
    from pplx_jupyter.watch.running import RunningWatcher

__all__ = ["Session", "asked_here", "current_session", "use_session"]


class Session:
    """One ledger, one address, one key.

    Parameters
    ----------
    api_key
        The key; default: the environment or the keyring, looked up when one is needed.
    base_url
        The service's address; default: ``PERPLEXITY_BASE_URL``, else the public one.
    ledger
        A ledger, or the path of one; default: the setting `ledger`.
    settings
        What holds unless a question says otherwise; default: as `Settings.load` finds it.
    transport
        An httpx transport in place of the network, for tests.
    typed_key
        A key that a person typed: it comes before the environment's.

    Attributes
    ----------
    refused
        What questions that did not fit the budget could cost each, in US dollars, by fingerprint,
        until they are asked all the same or the budget is changed.
    """

    frozen = False
    """Whether it answers from a lockfile alone, see `pplx_jupyter.frozen`."""

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        ledger: Ledger | str | os.PathLike[str] | None = None,
        settings: Settings | None = None,
        transport: Any = None,
        typed_key: Secret | None = None,
    ) -> None:
        self.typed_key = typed_key
        self.settings = Settings.load() if settings is None else settings
        self.base_url = (base_url or default_base_url()).rstrip("/")
        check_address(self.base_url)
        self.bell = Bell()
        self.refused: dict[str, float] = {}
        self.quiet_exit = False
        self.is_default = api_key is None and base_url is None and ledger is None
        self._ledger = os.fspath(ledger) if isinstance(ledger, os.PathLike) else ledger
        if isinstance(api_key, str):
            api_key = Secret(api_key.strip(), "the argument api_key") if api_key.strip() else None
        self._key = api_key
        self._transport = transport
        self._secrets: dict[str, str] = {}
        self._mine: set[str] = set()
        self._lock = threading.Lock()
        self._watchers: dict[str, RunningWatcher] = {}
        self._leaving_from: int | None = None
        _sessions.add(self)

    @property
    def ledger(self) -> Ledger:
        """The record; opened when first used."""
        with self._lock:
            if self._ledger is None or isinstance(self._ledger, str):
                self._ledger = open_ledger(self._ledger or self.settings.ledger)
            return self._ledger

    @property
    def key(self) -> Secret:
        """The API key.

        Raises
        ------
        KeyMissing
            There is none.
        """
        # Looked up anew each time: a user may set the variable after the first cell has failed.
        return self.typed_key or self._key or find_key()

    @key.setter
    def key(self, key: Secret) -> None:
        self.typed_key = key

    @property
    def has_key(self) -> bool:
        """Whether a key is known or can be found."""
        try:
            return bool(self.key)
        except KeyMissing:
            return False

    @property
    def account(self) -> str:
        """The name of this key's account at this address, as the ledger knows it."""
        return account_of(self.key, self.base_url, self.ledger.salt)

    def submit(
        self,
        request: Request,
        *,
        name: str = "",
        notebook: str = "",
        cell: str = "",
        filled: Mapping[str, str] | None = None,
        refresh: bool = False,
        max_age: float | None = None,
        retry_failed: bool | None = None,
        retry_of: Row | None = None,
        yes: bool = False,
    ) -> Submission:
        """Give the question's row: its earlier answer, its job under way, or a new intent.

        Parameters
        ----------
        refresh
            Ask anew although an answer is there; that answer is kept.
        max_age
            Ask anew where the answer is older, in seconds; default: the setting.
        retry_failed
            Buy a failed, cancelled or expired job again; default: the setting.
        retry_of
            The question's last job as a person saw it, which gave no answer: buy it again as it stands. Where
            another window, or an earlier run of the same cell, has done so since, what came of that is given.
        yes
            Ask although it could pass a budget.

        Raises
        ------
        KeyMissing
            Something would be sent, and there is no key.
        RequestError
            No API takes this combination of options.
        BudgetExceeded
            It could pass a budget; nothing is written or sent.
        """
        given = {"refresh": refresh, "retry_failed": retry_failed, "yes": yes}
        check_switches("", given, unset=("retry_failed",))
        if retry_of is not None:
            how: Callable[[Attempts], Decision]
            seen = Seen(retry_of.idempotency_key, retry_of.settled_at)
            how = functools.partial(again, seen={request.fingerprint: seen})
        else:
            request = with_defaults(request, self.settings)
            how = self.how(refresh=refresh, max_age=max_age, retry_failed=retry_failed)
        # Looked at without a lock, and without a key, first: most runs of a cell send nothing.
        decision = how(self._attempts(request))
        if decision.what == "keep" and decision.row is not None:
            self.refused.pop(request.fingerprint, None)
            return Submission(self._called(self.follow(self._called_up(decision.row)), name), created=False)
        if request.follows is not None:
            from pplx_jupyter.watch.history import check_followed

            check_followed(self.ledger, request.to_json())
        backend = self.choose(request)
        draft = draft_of(
            request,
            base_url=self.base_url,
            account=self.account,
            backend=backend,
            expected=self.expected(request, backend),
            name=name,
            notebook=notebook,
            cell=cell,
            filled=filled,
        )
        self._keep_secret(request)
        try:
            row, decision = self.ledger.intend(draft, how, budget=self.settings.budget, allowed=yes)
        except BudgetExceeded as error:
            if error.refusal is not None:
                self.refused[request.fingerprint] = error.refusal.high
            raise
        self.refused.pop(request.fingerprint, None)
        self._claim([row])
        return Submission(self.follow(row), created=decision.what != "keep")

    def submit_all(
        self,
        requests: Sequence[Request],
        *,
        how: Callable[[Attempts], Decision],
        batch: str,
        gate: Gate,
        name: str = "",
        notebook: str = "",
        cell: str = "",
        filled: Sequence[Mapping[str, str]] = (),
    ) -> list[Submission]:
        """Give the rows of a batch's questions, in their order; what is to be sent waits for the batch's gate.

        All are of one kind: they differ in their prompts alone. The budgets must hold for all together.

        Parameters
        ----------
        requests
            With the settings' defaults filled in: what was planned is what is asked.
        how
            What decides whether a question is bought, see `Session.how`.
        batch
            Its id.
        gate
            How its questions leave.

        Raises
        ------
        KeyMissing
            Something would be sent, and there is no key.
        RequestError
            No API takes this combination of options.
        BudgetExceeded
            All together could pass a budget; nothing is written or sent.
        """
        first = requests[0]
        kept = self.decisions([request.fingerprint for request in requests], how, backend=first.backend)
        rows = [each.row for each in kept if each.what == "keep" and each.row is not None]
        if len(rows) == len(requests) and not any(is_parked(row.due_at) and row.is_open for row in rows):
            # Most runs of a cell send nothing, and need neither a key nor a lock.
            return [Submission(self.follow(row), created=False) for row in rows]
        account, backend = self.account, self.choose(first)
        usual = self.expected(first, backend)
        drafts = [
            draft_of(
                request,
                base_url=self.base_url,
                account=account,
                backend=backend,
                expected=usual,
                name=name,
                notebook=notebook,
                cell=cell,
                filled=texts,
                batch=batch,
            )
            for request, texts in zip(requests, filled or [{}] * len(requests), strict=True)
        ]
        for request in requests:
            self._keep_secret(request)
        found = self.ledger.intend_all(drafts, how, gate=gate, budget=self.settings.budget)
        submitted = [
            Submission(
                row if is_parked(row.due_at) else self.follow(row),
                created=decision.what != "keep",
            )
            for row, decision in found
        ]
        self._claim([row for row, _ in found])
        return submitted

    def _keep_secret(self, request: Request) -> None:
        """Keep a webhook's secret that was given in clear; before its intent is written, which a watcher may send at once."""
        if request.webhook_secret and not request.webhook_secret.startswith("$"):
            self._secrets[request.fingerprint] = request.webhook_secret

    def _claim(self, rows: Sequence[Row]) -> None:
        """Count what has not left yet as this process's own: it says at its end what is left of it."""
        self._mine.update(row.id for row in rows if row.state == "submitting")

    def decisions(
        self,
        fingerprints: Sequence[str],
        how: Callable[[Attempts], Decision],
        *,
        backend: str = "auto",
    ) -> list[Decision]:
        """Say of many questions of one kind what submitting each would do, in one look; needs no key.

        Parameters
        ----------
        fingerprints
            Of the questions, with the settings' defaults filled in.
        how
            What decides whether a question is bought, see `Session.how`.
        backend
            The API that they name.
        """
        only = backend if backend != "auto" else None
        found = self.ledger.attempts_of(fingerprints, self.base_url, only)
        return [how(found.get(fingerprint, Attempts())) for fingerprint in fingerprints]

    def how(
        self,
        *,
        refresh: bool = False,
        since: float | None = None,
        max_age: float | None = None,
        retry_failed: bool | None = None,
    ) -> Callable[[Attempts], Decision]:
        """Give what decides whether a question is bought: `pplx_jupyter.reuse.decide`, with the settings' defaults."""
        return functools.partial(
            decide,
            refresh=refresh,
            since=since,
            max_age=seconds_of(self.settings.max_age, "max_age") if max_age is None else max_age,
            retry_failed=self.settings.retry_failed if retry_failed is None else retry_failed,
        )

    def _called_up(self, row: Row) -> Row:
        """Let a question that waits for its turn in a batch leave now: somebody asks it by itself."""
        if not is_parked(row.due_at) or not row.is_open or not self.has_key:
            return row
        now = time.time()
        # It counts for the day on which it leaves.
        changes = {"due_at": now, "day": day_of(now)}
        return self.ledger.write(row.id, changes, states=("submitting",)) or row

    def _attempts(self, request: Request) -> Attempts:
        only = request.backend if request.backend != "auto" else None
        return self.ledger.attempts(request.fingerprint, self.base_url, only)

    def plan(
        self,
        request: Request,
        *,
        notebook: str = "",
        refresh: bool = False,
        max_age: float | None = None,
        retry_failed: bool | None = None,
        yes: bool = False,
    ) -> Plan:
        """Say what submitting would do, without writing or sending anything; needs no key."""
        request = with_defaults(request, self.settings)
        how = self.how(refresh=refresh, max_age=max_age, retry_failed=retry_failed)
        decision = how(self._attempts(request))
        backend = self.choose(request)
        usual = self.expected(request, backend)
        refusal = None
        if decision.what != "keep" and not yes:
            run = os.environ.get(RUN_VARIABLE, "")
            refusal = self.ledger.refusal(notebook, run, self.base_url, usual.to_json(), self.settings.budget)
        return Plan(request, backend, decision, usual, refusal)

    def expected(self, request: Request, backend: str) -> Expected:
        """Give what such a question usually costs and takes on one of the APIs."""
        model = request.resolved_model
        past = self.ledger.past(self.base_url, backend, model, request.effort_label, HISTORY)
        return expected(past, backend, model)

    def _called(self, row: Row, name: str) -> Row:
        """Give a row the name that it was asked for by last: `%pplx show NAME` finds what NAME holds."""
        name = job_name(name)
        if not name or row.name == name:
            return row
        try:
            return self.ledger.rename(row.id, name) or row
        except LedgerError as error:
            # An answer is shown from a ledger that is only read, too.
            warn_once(str(error))
            return row

    def choose(self, request: Request) -> str:
        """Give the API that a question would go to."""
        from pplx_jupyter.api.choice import choose

        if request.follows is not None:
            followed = self.ledger.get(request.follows["job"])
            if followed is not None and followed.backend == "agent":
                # A thread stays with its API, as far as the question's options let it.
                return choose(request, retired=True)
        until = self.ledger.retired_until(self.account) if self.has_key else None
        return choose(request, retired=until is not None and until > time.time())

    def follow(self, row: Row) -> Row:
        """See that this key's watcher may take an open row; see `pplx_jupyter.takeover`."""
        return taken_over(self, row)

    def watch(self, *, after: float = 0.0) -> None:
        """Start the watcher of this key's jobs, if it does not run; later calls only wake it.

        Parameters
        ----------
        after
            Seconds until it is woken: a cell that is about to end need not share the interpreter with it.
        """
        key, ledger = self.key, self.ledger
        account = account_of(key, self.base_url, ledger.salt)
        with self._lock:
            running = self._watchers.get(account)
            if running is None or not running.is_alive:
                self._watchers[account] = self._start(account, ledger, key)
        if after:
            loop = background_loop()
            loop.call_soon_threadsafe(loop.call_later, after, self.bell.ring)
        else:
            self.bell.ring()

    @property
    def transport(self) -> Any:
        """What stands in for the network, in tests; else None."""
        return self._transport

    def _start(self, account: str, ledger: Ledger, key: Secret) -> RunningWatcher:
        from pplx_jupyter.watch.running import RunningWatcher

        if self._leaving_from != os.getpid():
            self._leaving_from = os.getpid()
            atexit.register(self._say_goodbye, os.getpid())
        return RunningWatcher(
            ledger,
            self.bell,
            account=account,
            base_url=self.base_url,
            key=key,
            secret_of=self._secrets.get,
            budget=lambda: self.settings.budget,
            transport=self.transport,
        )

    def cancel(self, job_id: str) -> None:
        """Ask the service to cancel a job; an intent that has not left is dropped instead."""
        self.ledger.write(job_id, {"cancel": "asked", "due_at": time.time(), "tries": 0}, states=OPEN)
        self.watch()

    def ask_now(self, job_id: str) -> None:
        """Ask about a job at once instead of when it is due."""
        row = self.ledger.get(job_id)
        if row is not None and row.is_open and is_parked(row.due_at):
            self._called_up(row)
        else:
            self.ledger.write(job_id, {"due_at": time.time()}, states=OPEN)
        self.watch()

    def settle(self, job_id: str, *, ask_again: bool = False, remote_id: str = "", yes: bool = False) -> Row:
        """Settle an unconfirmed job: send it once more, follow the run it turned out to be, or drop it.

        Raises
        ------
        RequestError
            The job is not unconfirmed, or the service knows no run of that id.
        BudgetExceeded
            Sending it once more could pass a budget, and `yes` is not given.
        """
        from pplx_jupyter.settling import settle

        settled = settle(self, job_id, ask_again=ask_again, remote_id=remote_id, yes=yes)
        if settled.is_open:
            self.watch()
        return settled

    def close(self) -> None:
        """End the watchers of this session; jobs under way go on, and another process may follow them."""
        with self._lock:
            for running in self._watchers.values():
                running.close()
            self._watchers.clear()

    def _say_goodbye(self, pid: int) -> None:
        """At the end of a script: give submits that are on their way a moment, then name what is left."""
        if self.quiet_exit or not self._mine or pid != os.getpid():
            return
        from pplx_jupyter.leaving import say_goodbye

        say_goodbye(self.ledger, self.bell, self._mine)


def asked_here() -> list[str]:
    """Give the ids of the jobs that this process wrote the intents of, in any session."""
    return sorted({job_id for session in list(_sessions) for job_id in session._mine})  # noqa: SLF001 - the same module's own


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_current: Session | None = None
_current_lock = threading.Lock()


def current_session() -> Session:
    """Give the process's session; made from the settings when first asked for."""
    global _current  # noqa: PLW0603 - one a process, replaced by `use_session`
    with _current_lock:
        if _current is None:
            _current = _first_session()
        return _current


def _first_session() -> Session:
    from pplx_jupyter.frozen import FrozenSession

    settings = Settings.load()
    return FrozenSession(settings) if settings.frozen else Session(settings=settings)


def use_session(session: Session | None) -> None:
    """Make `session` the process's own; None: a new one is made when next asked for."""
    global _current  # noqa: PLW0603
    with _current_lock:
        _current = session


def _after_fork() -> None:
    """Make a child's locks anew: the thread that held one at the fork is not there to release it."""
    global _current_lock  # noqa: PLW0603
    _current_lock = threading.Lock()
    for session in list(_sessions):
        session._lock = threading.Lock()  # noqa: SLF001 - the same module's own
        session._watchers = {}  # noqa: SLF001
        # The parent sends its questions itself, and says at its end what is left of them.
        session._mine = set()  # noqa: SLF001
        session.bell = Bell()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
