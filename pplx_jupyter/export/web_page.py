"""The answer as one web page: nothing is loaded, nothing runs, whatever is in it."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import TYPE_CHECKING

from pplx_jupyter.export.documents import WRITTEN_BY, title_of, untitled
from pplx_jupyter.export.formulas import typeset

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer

__all__ = ["to_html"]

_CSS = """\
:root{color-scheme:light dark}
body{margin:0;padding:24px 20px 48px;background:Canvas;color:CanvasText;font:14px/1.6 system-ui,sans-serif}
main{max-width:50em;margin:0 auto;overflow-wrap:break-word}
h1{font-size:1.6em;line-height:1.3;font-weight:600;margin:0 0 .6em}
.pplx>.pplx-s{padding-bottom:12px}
.pplx div.pplx-t{overflow-y:hidden}
@media print{:root{color-scheme:light}body{padding:0}main{max-width:none}h1,h2,h3,h4{break-after:avoid}\
.pplx ol.pplx-src>li{break-inside:avoid}.pplx ol.pplx-src>li>a::after{content:" <" attr(href) ">";font-size:11px;overflow-wrap:anywhere}}
@page{margin:18mm}
"""
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
# In our HTML every "<" of a text or an attribute is escaped: what looks like a tag is one.
_TAG = re.compile(r"(?<=<h)[3-6](?=[ >])|(?<=</h)[3-6](?=>)")
_SELECTOR = re.compile(r"(?<=[ (,]h)[3-6](?=[,){ >])")


def to_html(answer: Answer) -> str:
    """Give a whole page, without script, that loads nothing; see `pplx_jupyter.answer.Answer.save`."""
    title = html.escape(title_of(answer), quote=False)
    body = typeset(_raise(untitled(answer)["text/html"]))
    hashes = " ".join(f"'sha256-{_digest(css)}'" for css in [_CSS, *_STYLE.findall(body)])
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        # Browsers that do not know the first two go by the third.
        f"style-src-elem {hashes}; style-src-attr 'unsafe-inline'; style-src 'unsafe-inline'"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="{WRITTEN_BY}">
<title>{title}</title>
<style>{_CSS}</style>
</head>
<body>
<main>
<h1 dir="auto">{title}</h1>
{body}
</main>
</body>
</html>
"""


def _raise(markup: str) -> str:
    """Let headings begin at the second level: in a notebook they begin at the fourth."""
    raised = _TAG.sub(_two_up, markup)
    return _STYLE.sub(lambda m: f"<style>{_SELECTOR.sub(_two_up, m[1])}</style>", raised)


def _two_up(match: re.Match[str]) -> str:
    return str(int(match[0]) - 2)


def _digest(css: str) -> str:
    return base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
