from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.render import clean

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = {
    "https://a.example": "https://a.example",
    " HTTP://a.example/x?y=1#z\n": "HTTP://a.example/x?y=1#z",
    "https://a.example/a b": "https://a.example/a%20b",
    'https://a.example/"<x>': "https://a.example/%22%3Cx%3E",
    "https://a.example:8080/x": "https://a.example:8080/x",
    "https://a.example/@user": "https://a.example/@user",
    "https://[2001:db8::1]/x": "https://[2001:db8::1]/x",
    "https://192.0.2.1/x": "https://192.0.2.1/x",
    "https://web1/x": "https://web1/x",
    "https://straße.example/": "https://straße.example/",
    "https://xn--mnchen-3ya.example/": "https://xn--mnchen-3ya.example/",
    "https://数据.example/": "https://数据.example/",
    "https://bücher.example/ü": "https://bücher.example/ü",
}
BAD = [
    "",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "http:foo",
    "https:///x",
    "https://\\evil.example",
    "https://user@evil.example/",
    "https://bank.example:443@evil.example",
    "//evil.example/x",
    "/api/contents",
    "#x",
    "?x",
    "https://a.example/\u202egpj.exe",
    *(f"https://a.example/{sign}x" for sign in "\u200b\u200e\u2028\u2060\u2066\u2069\ufeff\x85\x7f"),
    "https://a.example/\x00",
    "https://a.example/a\nb",
    "https://a\\b.example/",
    "https://a.example:99999/",
    "https://[x]/",
    "https://a%2eexample/",
    # A browser cannot read these, so JupyterLab takes them for paths on its own server.
    "https://a.example…/x",
    "https://1.2.3.4.5/x",
    "https://256.1.1.1/",
    "https://a.1/",
    "https://a.0x1/",
    "https://[1:2]/",
    "https://xn--a/",
    "https://\u0301a.example/",
    "https://\u0663a.example/",
    # It reads these as other hosts than they look.
    "https://1/",
    "https://0x7f/",
    "https://ａ.example/",
    # This machine, where a notebook server listens.
    "http://localhost:8888/lab",
    "http://x.LOCALHOST./",
    "http://127.0.0.1:8888/lab",
    "http://[::1]:8888/lab",
    "http://[::ffff:127.0.0.1]/",
    "http://0.0.0.0:8888/",
    "ftp://a.example",
    "file:///etc/passwd",
    "mailto:a@b.example",
    "https://a.example/" + "x" * 2000,
]


@pytest.mark.parametrize(("url", "safe"), GOOD.items())
def test_web_addresses_pass(url: str, safe: str) -> None:
    assert clean.safe_url(url) == safe


@pytest.mark.parametrize("url", BAD)
def test_other_addresses_do_not(url: str) -> None:
    assert clean.safe_url(url) is None


def test_the_host_is_shown_as_the_network_sees_it() -> None:
    assert clean.host("https://WWW.A.example:80/x") == "www.a.example"
    assert clean.host("https://раypal.example/") == "xn--ypal-43d9g.example"


@given(st.text())
def test_no_address_makes_it_raise(url: str) -> None:
    for given_url in (url, f"https://{url}", f"https://a.example/{url}"):
        safe = clean.safe_url(given_url)
        assert safe is None or re.match(r"(?i)https?://[^/?#\\\s@]", safe)


def test_text_is_nothing_to_html_or_tex() -> None:
    assert clean.text("<b>&amp;") == "&lt;b&gt;&amp;amp;"
    assert clean.text("$5 \\(x\\)") == "<span>&#36;</span>5 <span>&#92;</span>(x<span>&#92;</span>)"
    assert clean.attribute('"><') == "&quot;&gt;&lt;"


def test_the_sanitiser_keeps_only_our_own_vocabulary(audit_html: Callable[[str], None]) -> None:
    kept = clean.sanitise(
        '<p class="jp-Dialog" style="position:fixed" onclick=x id=y>a<script>b</script><img src=x onerror=y>'
        '<a href="javascript:x">c</a><a href="http:foo">d</a><a href="/api">e</a><sup class="pplx-c z">1</sup>'
        '<svg><a href="https://x.example">f</a></svg><!-- g --></p><form action=x>h</form>'
    )
    assert kept == '<p>a<a>c</a><a>d</a><a>e</a><sup class="pplx-c">1</sup></p>'
    audit_html(kept)
