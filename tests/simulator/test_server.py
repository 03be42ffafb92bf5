from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pplx_jupyter.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = {"Authorization": "Bearer k"}


def test_it_listens_at_once_and_closes_quickly_with_open_connections() -> None:
    sim = Simulator(faults=["hold"]).start()
    port = int(sim.url.rpartition(":")[2])
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    busy = socket.create_connection(("127.0.0.1", port))
    busy.sendall(b"GET /v1/async/sonar HTTP/1.1\r\nHost: x\r\n\r\n")
    deadline = time.monotonic() + 5
    while sim.held == 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    before = time.monotonic()
    sim.close()
    sim.close()
    assert time.monotonic() - before < 1
    for connection in (*idle, busy):
        connection.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_its_thread_is_a_daemon_and_ends() -> None:
    with Simulator() as sim:
        thread = next(t for t in threading.enumerate() if t.name == "simulator")
        assert thread.daemon
        assert sim.url in repr(sim)
    assert not thread.is_alive()


def test_a_port_that_is_taken_is_an_error() -> None:
    with Simulator() as sim, pytest.raises(OSError, match="in use"):
        Simulator(port=int(sim.url.rpartition(":")[2])).start()


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_speed_must_be_above_zero(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        Simulator(speed)


def test_jobs_take_two_to_six_minutes_at_their_speed() -> None:
    body = {"request": {"model": "sonar", "messages": [{"role": "user", "content": "x"}]}}
    with Simulator(speed=0.0001) as sim, httpx.Client(base_url=sim.url, headers=KEY) as http:
        run_id = http.post("/v1/async/sonar", json=body).json()["id"]
        sim.advance(119)
        assert http.get(f"/v1/async/sonar/{run_id}").json()["status"] == "IN_PROGRESS"
        sim.advance(242)
        assert http.get(f"/v1/async/sonar/{run_id}").json()["status"] == "COMPLETED"
    with Simulator(speed=60, durations=(6, 6)) as sim, httpx.Client(base_url=sim.url, headers=KEY) as http:
        run_id = http.post("/v1/async/sonar", json=body).json()["id"]
        assert http.get(f"/v1/async/sonar/{run_id}").json()["status"] != "COMPLETED"
        time.sleep(0.11)
        assert http.get(f"/v1/async/sonar/{run_id}").json()["status"] == "COMPLETED"


SCRIPT = """
import sys
from pplx_jupyter.simulator import serve
serve(speed=60, faults=["status=502#1"], announce=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_until_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/v1/async/sonar", headers=KEY).status_code == 502
        assert httpx.get(f"{url}/v1/async/sonar", headers=KEY).json() == {"requests": [], "next_token": None}
        assert httpx.get(f"{url}/simulator/bill").json() == {"total": 0, "jobs": []}
        process.send_signal(number)
        assert process.stdout.read().strip() == "ended"
        assert process.wait(5) == 0


class Receiver(HTTPServer):
    """Keeps what is posted to it; refuses the first post."""

    def __init__(self) -> None:
        self.posts: list[tuple[bytes, str]] = []
        self.enough = threading.Event()
        super().__init__(("127.0.0.1", 0), _Receive)


class _Receive(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((raw, self.headers["X-Perplexity-Signature"]))
        self.send_response(500 if len(self.server.posts) == 1 else 204)
        self.end_headers()
        if len(self.server.posts) == 2:
            self.server.enough.set()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    with contextlib.closing(server.socket):
        yield server
        server.shutdown()


def test_a_webhook_is_signed_and_tried_again(receiver: Receiver) -> None:
    body = {
        "request": {"model": "sonar", "messages": [{"role": "user", "content": "x"}]},
        "webhook": {"url": f"http://127.0.0.1:{receiver.server_port}/done", "secret": "shared"},
    }
    with Simulator(math.inf) as sim:
        reply = httpx.post(f"{sim.url}/v1/async/sonar", json=body, headers=KEY)
        assert receiver.enough.wait(5)
        done = httpx.get(f"{sim.url}/v1/async/sonar/{reply.json()['id']}", headers=KEY).json()
    (first, signature), (second, _) = receiver.posts
    assert first == second
    assert signature == hmac.new(b"shared", first, hashlib.sha256).hexdigest()
    assert json.loads(first) == {"job_id": done["id"], "status": "COMPLETED", "response": done["response"]}


def test_a_webhook_must_be_http(receiver: Receiver) -> None:
    body = {
        "request": {"model": "sonar", "messages": [{"role": "user", "content": "x"}]},
        "webhook": {"url": "file:///etc/passwd", "secret": 3},
    }
    with Simulator(math.inf) as sim:
        reply = httpx.post(f"{sim.url}/v1/async/sonar", json=body, headers=KEY)
    assert reply.status_code == 422
    assert [fault["loc"] for fault in reply.json()["detail"]] == [
        ["body", "webhook", "url"],
        ["body", "webhook", "secret"],
    ]
