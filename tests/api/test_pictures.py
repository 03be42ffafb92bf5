"""Images of strangers: only pictures, only small ones, only from the public network, over a real TLS connection."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.api import pictures
from pplx_jupyter.api.pictures import Place, fetch_pictures, is_public, place_of
from pplx_jupyter.pixels import MAX_IMAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100
JPEG = b"\xff\xd8\xff\xe0" + b"j" * 100
GIF = b"GIF89a" + b"g" * 100
WEBP = b"RIFF\x10\x00\x00\x00WEBP" + b"w" * 100
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
PUBLIC = "93.184.216.34"


def run(
    urls: Iterable[str], answers: Any, *, hosts: dict[str, list[str]] | None = None, seconds: float = 10.0
) -> Any:
    """Fetch with a stand-in for the network; give what came, and the requests that were made."""
    made: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        made.append(request)
        name = f"https://{request.headers['host']}{request.url.raw_path.decode()}"
        found = answers(name) if callable(answers) else answers[name]
        return found if isinstance(found, httpx.Response) else httpx.Response(200, content=found)

    async def resolve(host: str) -> list[str]:
        return (hosts or {}).get(host, [PUBLIC])

    found = asyncio.run(
        fetch_pictures(list(urls), seconds=seconds, transport=httpx.MockTransport(answer), resolve=resolve)
    )
    return found, made


def sent_on(to: str, status: int = 302) -> httpx.Response:
    return httpx.Response(status, headers={"location": to})


def test_pictures_come_and_nothing_of_ours_goes() -> None:
    urls = [f"https://a.example/{n}?q=ä" for n in range(4)]
    datas = dict(
        zip((f"https://a.example/{n}?q=%C3%A4" for n in range(4)), (PNG, JPEG, GIF, WEBP), strict=True)
    )
    found, made = run([*urls, urls[0]], datas)
    assert found == dict(zip(urls, (PNG, JPEG, GIF, WEBP), strict=True))
    assert len(made) == 4
    for request in made:
        names = {name.lower() for name in request.headers}
        assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert (request.url.host, request.headers["host"]) == (PUBLIC, "a.example")
        assert request.extensions["sni_hostname"] == "a.example"


@pytest.mark.parametrize(
    "answer",
    [
        SVG,
        b"<!DOCTYPE html><title>Not found</title>",
        b"",
        PNG[:4],
        PNG + b"x" * MAX_IMAGE,
        httpx.Response(403, content=PNG),
        httpx.Response(206, content=PNG),
        httpx.Response(200, content=SVG, headers={"content-type": "image/png"}),
        sent_on("http://a.example/plain.png"),
        sent_on("https://"),
        httpx.Response(302),
    ],
    ids=[
        "svg",
        "html",
        "empty",
        "cut",
        "large",
        "403",
        "206",
        "svg as png",
        "to http",
        "to nowhere",
        "to nothing",
    ],
)
def test_what_is_no_small_picture_is_left_out(answer: Any) -> None:
    found, _ = run(
        ["https://a.example/bad", "https://a.example/good"],
        {"https://a.example/bad": answer, "https://a.example/good": PNG},
    )
    assert found == {"https://a.example/good": PNG}


def test_no_more_is_read_than_may_be_shown() -> None:
    read = 0

    class Endless(httpx.AsyncByteStream):
        def __init__(self, head: bytes) -> None:
            self.head = head

        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            yield self.head
            while True:
                read += 10_000
                yield b"x" * 10_000

    found, _ = run(["https://a.example/"], lambda _: httpx.Response(200, stream=Endless(PNG)))
    assert found == {}
    assert read <= MAX_IMAGE + 20_000
    read = 0
    run(["https://a.example/"], lambda _: httpx.Response(200, stream=Endless(SVG)))
    assert read == 0


def test_one_answer_carries_two_megabytes() -> None:
    urls = [f"https://a.example/{n}" for n in range(40)]
    found, made = run(urls, lambda _: (PNG + b"x" * MAX_IMAGE)[:MAX_IMAGE])
    assert list(found) == urls[:10]
    assert len(made) == pictures.MOST


def test_redirects_are_few_and_each_is_checked() -> None:
    chain = {
        "https://a.example/0": sent_on("/1"),
        "https://a.example/1": sent_on("https://b.example/2", 308),
        "https://b.example/2": sent_on("//c.example/3", 301),
        "https://c.example/3": PNG,
        "https://a.example/before": sent_on("/0"),
        "https://a.example/inside": sent_on("https://router.example/reboot"),
        "https://a.example/port": sent_on("https://b.example:8443/"),
    }
    starts = [
        "https://a.example/0",
        "https://a.example/before",
        "https://a.example/inside",
        "https://a.example/port",
    ]
    found, made = run(starts, chain, hosts={"router.example": ["192.168.1.1"]})
    assert found == {"https://a.example/0": PNG}
    assert {request.headers["host"] for request in made} == {"a.example", "b.example", "c.example"}


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:93.184.216.34"],
        [PUBLIC, "10.0.0.7"],
        [],
    ],
    ids=str,
)
def test_a_name_that_leads_inside_is_not_asked(addresses: list[str]) -> None:
    assert run(["https://a.example/"], {}, hosts={"a.example": addresses}) == ({}, [])


def test_a_name_is_looked_up_once_for_check_and_connection() -> None:
    """A second look-up, by the client, could give another address than the one that was checked."""
    looked = iter([[PUBLIC]])
    found, made = {}, []

    async def resolve(_host: str) -> list[str]:
        return next(looked)

    async def go() -> dict[str, bytes]:
        def answer(request: httpx.Request) -> httpx.Response:
            made.append(request.url.host)
            return httpx.Response(200, content=PNG)

        transport = httpx.MockTransport(answer)
        return await fetch_pictures(["https://a.example/"], seconds=5, transport=transport, resolve=resolve)

    found = asyncio.run(go())
    assert (found, made) == ({"https://a.example/": PNG}, [PUBLIC])


def test_numbers_that_mean_this_machine_are_looked_up_and_refused() -> None:
    urls = [
        f"https://{host}/" for host in ("127.1", "2130706433", "0x7f.1", "0", "localhost", "[::1]", "10.1")
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    assert asyncio.run(fetch_pictures(urls, seconds=10, transport=httpx.MockTransport(answer))) == {}


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/i.png",
        "ftp://a.example/i.png",
        "file:///etc/passwd",
        "data:image/png;base64,AA==",
        "//a.example/i.png",
        "https:i.png",
        "https://",
        "https:///i.png",
        "https://user@a.example/i.png",
        "https://a.example\\@b.example/i.png",
        "https://a.example:8443/i.png",
        "https://a.example:99999/",
        "https://a.example/\r\nHost: b.example",
        "https://a b.example/",
        "https://[::1/",
        "https://[v1.x]/",
        "https://-a.example/",
        "https://" + "a" * 3000,
        "",
    ],
)
def test_addresses_that_are_not_asked(url: str) -> None:
    assert place_of(url) is None


def test_addresses_that_are_asked() -> None:
    assert place_of("https://A.example/i.png?x=1#part") == Place("a.example", "/i.png?x=1")
    assert place_of("https://bücher.example:443") == Place("xn--bcher-kva.example", "/")
    assert place_of("https://[2606:2800:220:1::]/a") == Place("2606:2800:220:1::", "/a")


def test_hanging_servers_take_ten_seconds_of_nobody() -> None:
    async def go() -> dict[str, bytes]:
        async def answer(request: httpx.Request) -> httpx.Response:
            if request.headers["host"] == "slow.example":
                await asyncio.sleep(60)
            return httpx.Response(200, content=PNG)

        async def resolve(_host: str) -> list[str]:
            return [PUBLIC]

        urls = ["https://slow.example/", "https://quick.example/"]
        return await fetch_pictures(urls, seconds=0.3, transport=httpx.MockTransport(answer), resolve=resolve)

    assert asyncio.run(go()) == {"https://quick.example/": PNG}


# -- which addresses are public

# https://www.iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry
SPECIAL = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    "::/128", "::1/128", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
    "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip


@given(st.sampled_from(SPECIAL).flatmap(lambda network: st.ip_addresses(network=network)))
def test_special_addresses_are_not_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert not is_public(str(ip))


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_never_public(ip: ipaddress.IPv4Address) -> None:
    """Whatever an IPv6 address carries, it is not asked: what is reached through it was not checked."""
    number = int(ip)
    for carried in (0xFFFF << 32 | number, number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        assert not is_public(str(ipaddress.IPv6Address(carried)))


@given(st.one_of(st.ip_addresses(), st.text(max_size=30).map(str)))
def test_public_is_never_more_than_python_calls_global(ip: Any) -> None:
    if is_public(str(ip)):
        address = ipaddress.ip_address(str(ip))
        assert address.is_global
        assert not any(address in ipaddress.ip_network(each) for each in SPECIAL)


def test_ordinary_addresses_are_public() -> None:
    for address in (
        PUBLIC,
        "1.1.1.1",
        "172.15.0.1",
        "223.255.255.1",
        "2606:4700::1111",
        "2a00:1450:4001:80b::200e",
    ):
        assert is_public(address), address
    for text in ("fe80::1%eth0", "2606:4700::1111%eth0", "", "a.example", "1.1.1", "1.1.1.1/32", " 1.1.1.1"):
        assert not is_public(text), text


# -- over the wire


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class Rewired(httpcore.AsyncNetworkBackend):
    """A network in which every address is a port of this machine."""

    def __init__(self, port: int) -> None:
        from httpcore._backends.auto import AutoBackend

        self.port, self.asked = port, list[tuple[str, int]]()
        self._real = AutoBackend()

    async def connect_tcp(self, host: str, port: int, *rest: Any, **more: Any) -> httpcore.AsyncNetworkStream:
        self.asked.append((host, port))
        return await self._real.connect_tcp("127.0.0.1", self.port, *rest, **more)


@asynccontextmanager
async def server(
    authority: trustme.CA, answer: Callable[[str], bytes]
) -> AsyncIterator[tuple[Rewired, httpx.AsyncBaseTransport, list[str]]]:
    """Serve over TLS; give the network that leads there, a transport that uses it, and the names and heads that were asked."""
    asked: list[str] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("pictures.example").configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: asked.append(f"sni {name}")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head)
        writer.write(answer(head.split()[1]))
        await writer.drain()
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    network = Rewired(running.sockets[0].getsockname()[1])
    transport = httpx.AsyncHTTPTransport()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    transport._pool = httpcore.AsyncConnectionPool(ssl_context=trusting, network_backend=network)
    async with running:
        yield network, transport, asked
        await transport.aclose()


def reply(data: bytes, status: str = "200 OK", *more: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", *more])
    return f"{head}\r\n\r\n".encode() + data


def test_over_tls_the_certificate_is_the_names_and_the_connection_the_addresses(
    authority: trustme.CA,
) -> None:
    async def go() -> None:
        paths = {
            "/1.png": reply(
                PNG, "200 OK", "Set-Cookie: a=b; Domain=pictures.example", "Content-Type: text/html"
            ),
            "/2.png": reply(b"", "302 Found", "Location: /1.png", "Set-Cookie: c=d"),
            "/cut.png": reply(PNG)[:-10],
        }

        async def resolve(_host: str) -> list[str]:
            return [PUBLIC]

        async with server(authority, paths.__getitem__) as (network, transport, asked):
            urls = [f"https://pictures.example{path}" for path in paths]
            found = await fetch_pictures(urls, seconds=10, transport=transport, resolve=resolve)
            assert found == {urls[0]: PNG, urls[1]: PNG}
            assert set(network.asked) == {(PUBLIC, 443)}
            heads = [each for each in asked if not each.startswith("sni")]
            assert {each for each in asked if each.startswith("sni")} == {"sni pictures.example"}
            assert all("host: pictures.example\r\n" in head.lower() for head in heads)
            assert not any(
                word in head.lower() for head in heads for word in ("cookie", "authorization", "referer")
            )
            # Another name at the same address: the certificate is not its own.
            assert (
                await fetch_pictures(
                    ["https://other.example/1.png"], seconds=5, transport=transport, resolve=resolve
                )
                == {}
            )

    asyncio.run(go())


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would look names up anew, and be asked for what was not checked."""
    proxied: list[bytes] = []

    async def go() -> dict[str, bytes]:
        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            proxied.append(await reader.readline())
            writer.close()

        running = await asyncio.start_server(proxy, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, address)
        monkeypatch.delenv("NO_PROXY", raising=False)

        async def resolve(_host: str) -> list[str]:
            return [PUBLIC]

        async with running:
            return await fetch_pictures(["https://a.example/"], seconds=0.5, resolve=resolve)

    assert asyncio.run(go()) == {}
    assert proxied == []
