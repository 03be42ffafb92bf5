"""The one place that makes hostile text safe: nothing that came from outside reaches HTML around it.

Frontends run scripts in the outputs of a cell that was just run, so what leaves here must be
safe in itself. `sanitise` is for the HTML that Markdown became, `text` and `attribute` for strings
put into our own templates, `safe_url` for addresses.
"""

from __future__ import annotations

import base64
import functools
import html
import re
from typing import TYPE_CHECKING

from pplx_jupyter.pixels import MAX_IMAGE, image_type
from pplx_jupyter.render.hosts import host, is_here
from pplx_jupyter.render.words import plain

if TYPE_CHECKING:
    import nh3

__all__ = [
    "LANGUAGE",
    "attribute",
    "host",
    "image",
    "safe_url",
    "sanitise",
    "text",
]

MAX_URL = 2000
LANGUAGE = re.compile(r"[a-z0-9][a-z0-9+#-]{0,19}")

_TAGS = frozenset(
    [
        "a",
        "b",
        "blockquote",
        "br",
        "code",
        "del",
        "div",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "li",
        "mark",
        "ol",
        "p",
        "pre",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_EMPTIED = frozenset(
    [
        "script",
        "style",
        "iframe",
        "object",
        "embed",
        "template",
        "noscript",
        "svg",
        "math",
        "textarea",
        "title",
        "xmp",
        "plaintext",
        "noembed",
        "noframes",
        "form",
        "select",
    ]
)
_CLASSES = {"sup": {"pplx-c"}, "mark": {"pplx-u"}, "span": {"pplx-t"}, "div": {"pplx-t"}}
_ALIGN = {"align": {"left", "right", "center"}}

_WEB = re.compile(r"(?i)https?://[^/?#\\\s]")
_CONTROL = re.compile("[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufeff\ud800-\udfff]")
_ENCODE = re.compile(r'["<>\\^`{|}]')

# A frontend's TeX typesetter looks for $, \( \[ \begin and \ref in any text outside code. It looks at
# one element's text at a time, so a character alone in an element is nothing to it.
_TEX = re.compile(r"[$\\]")
_ACTIVE = re.compile(r"[&<>$\\]")


def safe_url(url: str) -> str | None:
    r"""Give `url` in a form fit for a link, or None where it must not become one.

    Only ``http`` and ``https`` with a host right after the two slashes (``http:x`` would resolve
    to the Jupyter server itself), no user information (``https://bank.example@evil.example``),
    no control or invisible characters, at most 2000 characters, not to this machine.
    """
    url = url.strip(" \n\t")
    if len(url) > MAX_URL or not _WEB.match(url) or _CONTROL.search(url.replace(" ", "")):
        return None
    url = _ENCODE.sub(lambda m: f"%{ord(m[0]):02X}", url.replace(" ", "%20"))
    name = host(url)
    return url if name and not is_here(name) else None


def image(data: bytes) -> str | None:
    """Give an image as a ``data:`` address for a double-quoted attribute; None where it is not to be shown."""
    media = image_type(data)
    if not media or len(data) > MAX_IMAGE:
        return None
    return f"data:{media};base64,{base64.b64encode(data).decode('ascii')}"


def text(value: str) -> str:
    """Escape a string for the text of an element, its ``$`` and backslashes kept from TeX typesetters."""
    value = plain(value)
    if not _ACTIVE.search(value):
        return value
    escaped = html.escape(value, quote=False)
    return _TEX.sub(lambda m: f"<span>&#{ord(m[0])};</span>", escaped)


def code(value: str) -> str:
    """Escape a string for ``code`` and ``pre``, which typesetters leave alone."""
    return html.escape(plain(value), quote=False)


def attribute(value: str) -> str:
    """Escape a string for a double-quoted attribute."""
    return html.escape(plain(value), quote=True)


def sanitise(markup: str) -> str:
    """Reduce HTML that was made from hostile text to the few tags and attributes that we use."""
    return _cleaner().clean(plain(markup))


@functools.cache
def _cleaner() -> nh3.Cleaner:
    import nh3

    return nh3.Cleaner(
        tags=set(_TAGS),
        clean_content_tags=set(_EMPTIED),
        attributes={"a": {"href"}, "ol": {"start"}},
        attribute_filter=_attribute,
        allowed_classes={**_CLASSES, "code": _languages()},
        tag_attribute_values={"td": _ALIGN, "th": _ALIGN},
        url_schemes={"http", "https"},
        url_relative="deny",
        link_rel=None,
        strip_comments=True,
    )


def _attribute(_tag: str, name: str, value: str) -> str | None:
    if name == "href":
        return safe_url(value)
    if name == "start":
        return value if re.fullmatch(r"\d{1,9}", value) else None
    return value


def _languages() -> set[str]:
    # nh3 takes a list of classes, not a rule; other languages are shown without a class.
    names = (
        "bash bibtex c clojure console cpp csharp css csv dart diff dockerfile elixir erlang fortran go graphql "
        "haskell hcl html http ini java javascript js json jsonl jsx julia kotlin latex lua makefile markdown "
        "mathematica matlab md nginx objectivec ocaml perl php plaintext powershell prolog proto py python "
        "r rb ruby rust rs sas scala sh shell sql stata swift tex text toml ts tsx typescript vb xml yaml yml zsh"
    )
    return {f"language-{name}" for name in names.split()}
