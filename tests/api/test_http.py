from __future__ import annotations

import asyncio
import functools
import gzip
import json
import logging
import socket
import ssl
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pplx_jupyter.api import agent, sonar
from pplx_jupyter.api.http import Client, reason_of
from pplx_jupyter.api.key import Secret
from pplx_jupyter.api.wire import Lost, Reply, Unsent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

KEY = "gateway-key-0123456789"


def ask(
    handler: Callable[[httpx.Request], httpx.Response] | None = None,
    *,
    url: str = "http://service.test",
    key: str = KEY,
    use: Callable[[Client], Any] | None = None,
) -> Any:
    """Make a client, send one request, close it."""

    async def main() -> Any:
        transport = None if handler is None else httpx.MockTransport(handler)
        client = Client(url, Secret(key, "the test"), transport=transport)
        try:
            return await (use(client) if use is not None else client.send("GET", "/x"))
        finally:
            await client.close()

    return asyncio.run(main())


def reply_of(body: bytes, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found: Reply = ask(lambda _request: httpx.Response(status, content=body, headers=named))
    return found


def test_the_key_goes_into_the_header_and_nowhere_else() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": "a"}, headers={"X-Request-ID": "r-1"})

    found = ask(handler, use=lambda client: client.send("POST", "/p", body={"q": 1}, params={"limit": 2}))
    assert (found.status, found.body, found.is_json, found.ok, found.request_id) == (
        200,
        {"id": "a"},
        True,
        True,
        "r-1",
    )
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert str(seen[0].url) == "http://service.test/p?limit=2"
    assert KEY not in repr(seen[0]) + repr(seen[0].headers) + seen[0].content.decode()


def test_what_repeats_the_key_is_kept_without_it() -> None:
    found = reply_of(f'{{"error": {{"message": "no such key {KEY}"}}}}'.encode(), 401, x_request_id=KEY)
    assert KEY not in str(found.headers)
    assert found.body["error"]["message"] == "no such key [withheld]"
    assert KEY not in found.text


@pytest.mark.parametrize(
    ("content", "decoded", "is_json"),
    [
        (b"[1]", [1], True),
        (b"null", None, True),
        (b"", None, False),
        (b"<html>", None, False),
        (b'{"id": "a", "resp', None, False),
        (b"\xff\xfe\x00", None, False),
        (b"[" * 100_000, None, False),
        (b"1" * 10_000, None, False),
    ],
)
def test_bodies_of_all_kinds(content: bytes, decoded: Any, is_json: bool) -> None:
    found = reply_of(content)
    assert (found.body, found.is_json) == (decoded, is_json)


def test_no_redirect_is_followed_with_the_key() -> None:
    hosts: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"Location": "http://elsewhere.test/"})

    found = ask(handler)
    assert (found.status, found.ok, hosts) == (302, False, ["service.test"])


def test_logs_at_the_finest_level_do_not_hold_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with (
        closing(_serving(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")) as listener,
        caplog.at_level(logging.DEBUG),
    ):
        ask(url=_url(listener))
    assert caplog.text, "httpx and httpcore log"
    assert KEY not in caplog.text


def _serving(reply: bytes | None) -> socket.socket:
    """Listen once: read a request, send these bytes (None: reset)."""
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            if reply is None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            else:
                connection.sendall(reply)

    threading.Thread(target=work, daemon=True).start()
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"no http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
)
def test_a_request_that_left_and_got_no_whole_reply_is_lost(reply: bytes | None) -> None:
    with closing(_serving(reply)) as listener, pytest.raises(Lost) as caught:
        ask(url=_url(listener))
    assert str(caught.value)


def test_what_came_of_a_reply_is_in_what_was_lost() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX-Request-ID: r-7\r\n\r\n"
    with closing(_serving(head + b'{"id":"a1","st')) as listener, pytest.raises(Lost) as caught:
        ask(url=_url(listener))
    part = caught.value.part
    assert part is not None
    assert (part.status, part.text, part.request_id, part.is_json) == (200, '{"id":"a1","st', "r-7", False)


def test_a_reply_that_never_ends_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pplx_jupyter.api.http._WHOLE_SECONDS", 0.2)

    async def drip() -> AsyncIterator[bytes]:
        yield b"{"
        while True:
            await asyncio.sleep(0.01)
            yield b" "

    with pytest.raises(Lost, match=r"^no reply in time$"):
        ask(lambda _request: httpx.Response(200, content=drip()))


def test_a_reply_that_is_too_long_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pplx_jupyter.api.http._MOST_BYTES", 2**20)
    packed = gzip.compress(b" " * 2**21)
    with pytest.raises(Lost, match="longer than 1 MB"):
        reply_of(packed, content_encoding="gzip")


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-7", "hex", "no such", ""])
def test_json_is_utf_8_whatever_the_header_says(charset: str) -> None:
    found = reply_of('\ufeff{"a": "Prix: 3 €"}'.encode(), content_type=f"application/json; charset={charset}")
    assert found.body == {"a": "Prix: 3 €"}


def test_any_bytes_in_a_header_of_a_proxy_are_taken() -> None:
    for served in ("Büro".encode(), "Büro".encode("latin-1"), b"\xff\xfe"):
        answer = httpx.Response(
            200, json={"id": "a"}, headers=[(b"X-Served-By", served), (b"X-Request-ID", b"r-1")]
        )
        found = ask(functools.partial(_always, answer))
        assert (found.body, found.request_id) == ({"id": "a"}, "r-1")


def _always(answer: httpx.Response, _request: httpx.Request) -> httpx.Response:
    return answer


def test_a_key_in_escapes_is_withheld() -> None:
    escaped = "".join(f"\\u{ord(char):04x}" for char in KEY)
    found = reply_of(f'{{"a": ["{escaped}", "\\ud800", "é"]}}'.encode())
    assert found.body == {"a": ["[withheld]", "\ud800", "é"]}
    assert json.loads(found.text) == found.body


def test_a_refused_connection_is_unsent() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = _url(listener)
    with pytest.raises(Unsent, match=r"^connection refused$"):
        ask(url=url)


def test_a_name_that_does_not_resolve_is_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_args: Any, **_rest: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    with pytest.raises(Unsent, match=r"^the name cannot be resolved$"):
        ask(url="http://service.test")


def test_a_plain_server_behind_https_is_named() -> None:
    with (
        closing(_serving(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as listener,
        pytest.raises(Unsent, match="TLS"),
    ):
        ask(url=_url(listener).replace("http:", "https:"))


@pytest.mark.parametrize("url", ["service.test", "ftp://service.test"])
def test_an_address_without_http_is_unsent(url: str) -> None:
    with pytest.raises(Unsent):
        ask(url=url)


@pytest.mark.parametrize("key", ["a-key-with\na-line-break", "a-key-with\r\nX: y", "a-key-with\0zero"])
def test_a_key_that_no_header_may_hold_is_unsent_and_not_shown(key: str) -> None:
    with closing(_serving(b"")) as listener, pytest.raises(Unsent) as caught:
        ask(url=_url(listener), key=key)
    assert "a-key-with" not in str(caught.value)


def test_a_body_that_cannot_be_written_is_unsent() -> None:
    with pytest.raises(Unsent, match="UnicodeEncodeError"):
        ask(
            lambda _request: httpx.Response(200),
            use=lambda client: client.send("POST", "/", body={"q": "\ud800"}),
        )


def _beneath(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError("All connection attempts failed")
    middle = OSError("All connection attempts failed")
    middle.__cause__ = ExceptionGroup("several", [cause]) if isinstance(cause, Exception) else cause
    error.__cause__ = middle
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_beneath(ConnectionRefusedError(111, "Connection refused")), "connection refused"),
        (_beneath(OSError(101, "Network is unreachable")), "the network is unreachable"),
        (_beneath(OSError(113, "No route to host")), "the network is unreachable"),
        (_beneath(socket.gaierror(-3, "Temporary failure")), "the name cannot be resolved"),
        (_beneath(ssl.SSLCertVerificationError("self-signed")), "its certificate is not accepted"),
        (_beneath(OSError("odd")), "no connection could be made"),
        (httpx.ConnectError("[Errno 111] Connection refused"), "connection refused"),
        (httpx.ConnectTimeout(""), "no connection in time"),
        (httpx.ReadTimeout(""), "no reply in time"),
        (httpx.ReadError(""), "the connection broke"),
        (httpx.RemoteProtocolError("Server disconnected"), "the connection broke"),
        (httpx.ProxyError("407 Proxy Authentication Required"), "407 Proxy Authentication Required"),
        (httpx.TransportError(""), "TransportError"),
    ],
)
def test_reasons(error: httpx.TransportError, words: str) -> None:
    assert reason_of(error) == words


def routes(known: str, calls: list[tuple[str, str]]) -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        calls.append((request.method, request.url.path))
        if request.url.path.startswith(known):
            return httpx.Response(200, json={"id": "a", "sent": request.content.decode()})
        return httpx.Response(404 if request.method == "GET" else 405)

    return handler


@pytest.mark.parametrize(("known", "requests"), [(sonar.PATHS[0], 1), (sonar.PATHS[1], 2), ("/nowhere", 2)])
def test_sonars_route_has_two_names(known: str, requests: int) -> None:
    calls: list[tuple[str, str]] = []
    handler = routes(known, calls)
    for use, method in (
        (lambda c: sonar.submit(c, {"request": {}}, "k"), "POST"),
        (lambda c: sonar.get(c, "a/b c"), "GET"),
        (lambda c: sonar.cancel(c, "a"), "DELETE"),
        (lambda c: sonar.jobs(c, limit=3, next_token="t"), "GET"),
    ):
        calls.clear()
        found = ask(handler, use=use)
        assert [name for name, _ in calls] == [method] * requests
        assert found.ok == (known != "/nowhere")
    assert all(path.startswith(sonar.PATHS) for _, path in calls)


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    paths: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(200, json={})

    ask(handler, use=lambda client: sonar.get(client, "../../x?y#z"))
    ask(handler, use=lambda client: agent.cancel(client, "a/../b"))
    assert paths == [b"/async/chat/completions/..%2F..%2Fx%3Fy%23z", b"/v1/responses/a%2F..%2Fb/cancel"]


def test_the_idempotency_key_is_sonars_alone() -> None:
    bodies: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(200, json={"id": "a"})

    ask(handler, use=lambda client: sonar.submit(client, {"request": {}}, "key-1"))
    ask(handler, use=lambda client: agent.submit(client, {"input": "q"}, "key-1"))
    assert b'"idempotency_key":"key-1"' in bodies[0].replace(b": ", b":")
    assert b"key-1" not in bodies[1]
