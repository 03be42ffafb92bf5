"""Webhooks of the sonar API: a signed POST when a job ends, tried again for about a day."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from pplx_jupyter.simulator import sonar

if TYPE_CHECKING:
    from pplx_jupyter.simulator.runs import Run
    from pplx_jupyter.simulator.world import World

__all__ = ["deliver_later"]

_LOOK_AGAIN = 0.05
_FIRST_RETRY, _GIVE_UP = 60.0, 86_400.0
_TIMEOUT = 10.0


def deliver_later(world: World, run: Run, closing: threading.Event) -> None:
    """Start a daemon thread that delivers the webhook of a run, if it asked for one."""
    if run.order.webhook:
        threading.Thread(
            target=_deliver, args=(world, run, closing), name="simulated-webhook", daemon=True
        ).start()


def _deliver(world: World, run: Run, closing: threading.Event) -> None:
    while (state := world.state(run)).word not in {"completed", "incomplete", "failed"}:
        if state.word == "cancelled" or closing.wait(_LOOK_AGAIN):
            return
    body = sonar.body(run, state)
    payload = {"job_id": run.id, "status": body["status"], "response": body["response"]}
    raw = json.dumps(payload).encode()
    waited, wait = 0.0, _FIRST_RETRY
    while not _posted(run, raw) and waited < _GIVE_UP:
        # Real waits shrink with the clock's speed, but never to a busy loop.
        if closing.wait(max(_LOOK_AGAIN, wait / world.clock.speed)):
            return
        waited, wait = waited + wait, wait * 2


def _posted(run: Run, raw: bytes) -> bool:
    webhook = run.order.webhook or {}
    signature = hmac.new(webhook.get("secret", "").encode(), raw, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Perplexity-Signature": signature}
    # The scheme was checked at the submission: http or https.
    request = urllib.request.Request(webhook["url"], data=raw, headers=headers, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as reply:  # noqa: S310
            return 200 <= int(reply.status) < 300
    except (OSError, http.client.HTTPException):
        return False
