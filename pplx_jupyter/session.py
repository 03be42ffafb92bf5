"""Session: where a Request meets the ledger.

One Session is one ledger, one address of the service and one key. Submitting writes an intent and
returns; the watcher on the background thread does the rest.
"""

from __future__ import annotations

import asyncio
import atexit
import dataclasses
import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.key import Secret, account_of, base_url, find_key
from pplx_jupyter.errors import KeyMissing, LedgerError, RequestError
from pplx_jupyter.ledger import GIVEN_IN_CLEAR, OPEN, REUSABLE, Draft, open_ledger
from pplx_jupyter.settings import Settings
from pplx_jupyter.watch.bell import Bell
from pplx_jupyter.watch.thread import background_loop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.api.wire import Reply
    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.request import Request
    from pplx_jupyter.watch.running import RunningWatcher

__all__ = ["Session", "Submission", "current_session", "use_session"]

_ASK_SECONDS = 10.0
_GRACE_SECONDS = 3.0
"""How long a script that ends waits for its intents to leave."""


@dataclasses.dataclass(frozen=True, slots=True)
class Submission:
    """What became of a submit.

    Attributes
    ----------
    row
        The question's row: new, under way, or settled earlier.
    created
        A new intent was written, and will be sent.
    """

    row: Row
    created: bool

    @property
    def reused(self) -> bool:
        """Whether the answer was there already: nothing is sent."""
        return not self.created and self.row.state in REUSABLE


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
    """

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        ledger: Ledger | str | None = None,
        settings: Settings | None = None,
        transport: Any = None,
        typed_key: Secret | None = None,
    ) -> None:
        self.typed_key = typed_key
        self.settings = Settings.load() if settings is None else settings
        self.base_url = (base_url or _default_base_url()).rstrip("/")
        self.bell = Bell()
        self.quiet_exit = False
        self.is_default = api_key is None and base_url is None and ledger is None
        self._ledger = ledger
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
        retry_failed: bool | None = None,
    ) -> Submission:
        """Give the question's row: its earlier answer, its job under way, or a new intent.

        Parameters
        ----------
        refresh
            Ask anew although an answer is there; that answer is kept.
        retry_failed
            Buy a failed, cancelled or expired job again; default: the setting.

        Raises
        ------
        KeyMissing
            Something would be sent, and there is no key.
        RequestError
            No API takes this combination of options.
        """
        request = self._with_defaults(request)
        retry_failed = self.settings.retry_failed if retry_failed is None else retry_failed
        pinned = request.backend != "auto"
        if not isinstance(refresh, bool):
            raise RequestError(
                f"refresh {refresh!r}: choose True or False. Nothing was sent.", field="refresh"
            )
        found = self.ledger.newest(request.fingerprint, self.base_url, request.backend if pinned else None)
        if found is not None and not found.is_open and refresh:
            # A fresh one that is under way already is followed: a cell with --refresh may be run twice in a row.
            found = None
        if found is not None and not _to_send(found, retry_failed=retry_failed):
            return Submission(self._called(self.follow(found), name), created=False)
        backend = self._choose(request)
        draft = Draft(
            fingerprint=request.fingerprint,
            request={**request.to_json(), **_secret_kept(request)},
            base_url=self.base_url,
            account=self.account,
            backend=backend,
            pinned=pinned,
            model=request.resolved_model,
            effort=request.effort_label,
            question=request.question,
            name=name,
            notebook=notebook,
            cell=cell,
            filled=dict(filled or {}),
        )
        if request.webhook_secret and not request.webhook_secret.startswith("$"):
            # Before the intent is written: a watcher may send it at once.
            self._secrets[request.fingerprint] = request.webhook_secret
        row, created = self.ledger.intend(draft, fresh=refresh or _is_spent(found))
        created = created or row.state == "submitting"
        if created:
            self._mine.add(row.id)
        return Submission(self.follow(row), created=created)

    def _called(self, row: Row, name: str) -> Row:
        """Give a row the name that it was asked for by last: `%pplx show NAME` finds what NAME holds."""
        if not name or row.name == name:
            return row
        return self.ledger.write(row.id, {"name": name}) or row

    def _with_defaults(self, request: Request) -> Request:
        changes: dict[str, Any] = {}
        if self.settings.model and request.model is None and request.effort is None:
            changes["model"] = self.settings.model
        if self.settings.effort and request.reasoning_effort is None and request.effort is None:
            changes["reasoning_effort"] = self.settings.effort
        if self.settings.images and request.return_images is None:
            changes["return_images"] = True
        if request.backend == "auto" and self.settings.backend != "auto":
            changes["backend"] = self.settings.backend
        return request.replace(**changes) if changes else request

    def _choose(self, request: Request) -> str:
        from pplx_jupyter.api.choice import choose

        until = self.ledger.retired_until(self.account)
        return choose(request, retired=until is not None and until > time.time())

    def follow(self, row: Row) -> Row:
        """See that this key's watcher may take an open row.

        A row of another key becomes this key's where nobody follows it, or where the service refuses
        that other key. If it was sent, and no id came, it is left *unconfirmed*: an idempotency key
        is known to its own account alone, so that sending it with this key could be a second purchase.
        """
        if not row.is_open or not self.has_key or row.base_url != self.base_url:
            return row
        account = self.account
        refused = row.trouble is not None and row.trouble.get("kind") in {"unauthorized", "forbidden"}
        if row.account == account or (self._is_held(row) and not refused):
            return row
        now = time.time()
        changes: dict[str, Any] = {
            "account": account,
            "owner": "",
            "due_at": now,
            "tries": 0,
            "trouble": None,
        }
        if row.state == "submitting" and row.sending_at is not None:
            reason = "sent with another key, and the reply was lost"
            failure = {"kind": "unconfirmed", "reason": reason, "accepted": False, "at": row.sending_at}
            changes |= {"state": "unconfirmed", "failure": failure}
        # Its holder is named: whoever has taken it meanwhile keeps it.
        return self.ledger.write(row.id, changes, owner=row.owner, states=OPEN) or row

    def _is_held(self, row: Row) -> bool:
        from pplx_jupyter.watch.lease import free_owners

        owners = self.ledger.owners()
        return row.owner in {owner.id for owner in owners} and row.owner not in free_owners(owners)

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
            transport=self._transport,
        )

    def cancel(self, job_id: str) -> None:
        """Ask the service to cancel a job; an intent that has not left is dropped instead."""
        self.ledger.write(job_id, {"cancel": "asked", "due_at": time.time(), "tries": 0}, states=OPEN)
        self.watch()

    def ask_now(self, job_id: str) -> None:
        """Ask about a job at once instead of when it is due."""
        self.ledger.write(job_id, {"due_at": time.time()}, states=OPEN)
        self.watch()

    def settle(self, job_id: str, *, ask_again: bool = False, remote_id: str = "") -> Row:
        """Settle an unconfirmed job: send it once more, follow the run it turned out to be, or drop it.

        Raises
        ------
        RequestError
            The job is not unconfirmed.
        """
        changes: dict[str, Any]
        if remote_id:
            self._check_remote(job_id, remote_id)
        now = time.time()
        if remote_id:
            changes = {
                "state": "running",
                "remote_id": remote_id,
                "accepted_at": now,
                "failure": None,
                "due_at": now,
                "tries": 0,
                "cancel": "",
            }
        elif ask_again:
            changes = {"state": "submitting", "sending_at": None, "failure": None, "due_at": now, "tries": 0}
            changes["cancel"] = ""
        else:
            failure = {"kind": "cancelled", "reason": "dropped, unconfirmed", "accepted": True, "at": now}
            changes = {"state": "cancelled", "failure": failure, "settled_at": now, "accepted_at": now}
        if remote_id or ask_again:
            changes["account"] = self.account
        settled = self.ledger.write(job_id, changes, states=["unconfirmed"])
        if settled is None:
            raise RequestError(
                f"{job_id} is not unconfirmed, so there is nothing to settle; %pplx jobs lists the states."
            )
        if settled.is_open:
            self.watch()
        return settled

    def _check_remote(self, job_id: str, remote_id: str) -> None:
        """Ask the service whether it knows this id: a mistyped one would be followed for days."""
        from pplx_jupyter.api.choice import backend_module
        from pplx_jupyter.watch.thread import run_in_background

        row = self.ledger.get(job_id)
        if row is None or row.state != "unconfirmed":
            return

        async def ask() -> Reply:
            from pplx_jupyter.api.http import Client

            client = Client(self.base_url, self.key, transport=self._transport)
            try:
                async with asyncio.timeout(_ASK_SECONDS):
                    reply: Reply = await backend_module(row.backend).get(client, remote_id)
                    return reply
            finally:
                await client.close()

        try:
            reply = run_in_background(ask()).result()
        except TimeoutError:
            raise RequestError(
                f"the service did not answer within {_ASK_SECONDS:g} s; nothing is settled."
            ) from None
        if reply.status in {400, 404, 422}:
            raise RequestError(f"the service knows no job “{remote_id}” with this key; nothing is settled.")

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
        try:
            rows = self._leave()
        except LedgerError as error:
            print(f"pplx_jupyter: {error}", file=sys.stderr)
            return
        if rows:
            named = ", ".join(row.label for row in rows)
            print(
                f"pplx_jupyter: still under way: {named}. Nothing is lost: run this again, or pplx-jupyter jobs, to collect.",
                file=sys.stderr,
            )

    def _leave(self) -> list[Row]:
        until = time.monotonic() + _GRACE_SECONDS
        heard = self.bell.rings
        rows = self._open_rows()
        # One that has left and has no reply yet is waited for, too: the agent API could not be asked for it later.
        while (
            any(row.state == "submitting" and row.trouble is None for row in rows)
            and (left := until - time.monotonic()) > 0
        ):
            heard = self.bell.wait(heard, min(left, 0.1))
            rows = self._open_rows()
        return rows

    def _open_rows(self) -> list[Row]:
        rows = (self.ledger.get(job_id) for job_id in sorted(self._mine))
        return [row for row in rows if row is not None and row.is_open]


def _secret_kept(request: Request) -> dict[str, Any]:
    """Give what a row keeps of a webhook's secret: the name of its variable, or that it was a literal."""
    if not request.webhook_secret:
        return {}
    if request.webhook_secret.startswith("$"):
        return {"webhook_secret": request.webhook_secret}
    return {GIVEN_IN_CLEAR: True}


def _to_send(row: Row, *, retry_failed: bool) -> bool:
    """Whether running the question again sends it: refused and dropped submits do, spent jobs on purpose only."""
    if row.state in {"failed", "cancelled", "expired"} and row.accepted_at is None and row.sending_at is None:
        return True
    return retry_failed and _is_spent(row)


def _is_spent(row: Row | None) -> bool:
    return row is not None and row.state in {"failed", "cancelled", "expired"} and row.accepted_at is not None


def _default_base_url() -> str:
    return base_url()


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_current: Session | None = None
_current_lock = threading.Lock()


def current_session() -> Session:
    """Give the process's session; made from the settings when first asked for."""
    global _current  # noqa: PLW0603 - one a process, replaced by `use_session`
    with _current_lock:
        if _current is None:
            _current = Session()
        return _current


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
        session.bell = Bell()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
