"""The host of an address, read as browsers read it, or not at all.

What a browser cannot read is no harmless dead link: JupyterLab takes it for a path on its own server, and
adds the token of the session. What it reads differently shows one site and leads to another.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

__all__ = ["host", "is_here"]

_HOST = re.compile(r"[a-z0-9][a-z0-9._-]{0,252}")
# A browser takes a host that ends like this for an address in numbers.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_WORD = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?|")
_ALSO = "-0123456789"
# Characters that are dropped from a name before it is looked up, and signs that are part of none.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2ff0-\u2fff\u3164\u31ef\ufe00-\ufe0f\uffa0\ufffc\ufffd\U000e0100-\U000e01ef]"
)
# Old browsers read these letters as others, new ones as themselves.
_KEPT = {ord("ß"): "", ord("ς"): ""}


def host(url: str) -> str:
    """Give the host of an address as the network sees it (``xn--…``), or ``""`` where it has none to trust."""
    try:
        parts = urlsplit(url)
        # One by one: at the end of a word Python makes another letter of Σ than browsers do.
        name, port = "".join(map(str.lower, parts.netloc)), parts.port
        if "@" in name:
            return ""
        if port is not None or name.endswith(":"):
            name = name.rpartition(":")[0]
        if name.startswith("["):
            return f"[{ipaddress.IPv6Address(name[1:-1])}]"
        if not name.isascii() or "xn--" in name:
            name = _ascii(name)
        if _NUMBER.fullmatch(_last(name)):
            return str(ipaddress.IPv4Address(name))
    except ValueError:
        return ""
    return name if _HOST.fullmatch(name) else ""


def is_here(name: str) -> bool:
    """Tell whether a host, as `host` gives it, is this machine: there, a notebook server listens."""
    if name[0] != "[" and not _NUMBER.fullmatch(_last(name)):
        return _last(name) == "localhost"
    address = ipaddress.ip_address(name.strip("[]"))
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def _last(name: str) -> str:
    return name.removesuffix(".").rpartition(".")[2]


def _ascii(name: str) -> str:
    """Give a host with other letters in ASCII; ValueError where browsers refuse it, or disagree."""
    labels = name.split(".")
    texts = [label[4:].encode().decode("punycode") if _is_coded(label) else label for label in labels]
    if any(map(_leftward, texts)) and not all(_leftward(text) or _WORD.fullmatch(text) for text in texts):
        raise ValueError(name)
    made = [
        text if text == label and text.isascii() else _label(text)
        for label, text in zip(labels, texts, strict=True)
    ]
    if any(_is_coded(label) and label != coded for label, coded in zip(labels, made, strict=True)):
        raise ValueError(name)
    return ".".join(made)


def _is_coded(label: str) -> bool:
    return label.isascii() and label.startswith("xn--")


def _leftward(text: str) -> bool:
    """Tell whether any of it runs from right to left."""
    return any(unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in text)


def _label(text: str) -> str:
    """Give one part of a host in ASCII, where it is made of plain letters, marks, digits and pictures."""
    kept = text.translate(_KEPT)
    kinds = [unicodedata.category(character) for character in text]
    if (
        text.isascii()
        or text.startswith("xn--")
        or kept != unicodedata.normalize("NFKC", kept).casefold()
        or kinds[0][0] == "M"
        or _UNSEEN.search(text)
        or (_leftward(text) and not {unicodedata.bidirectional(c) for c in text} <= {"R", "AL", "NSM"})
        or not all(k[0] in "LM" or k == "So" or c in _ALSO for k, c in zip(kinds, text, strict=True))
    ):
        raise ValueError(text)
    return "xn--" + text.encode("punycode").decode("ascii")
