"""Markdown with ``[@key]``, read back by pandoc: it cites, and nothing of the answer acts."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pplx_jupyter.answer import Answer, Source
from pplx_jupyter.export.quarto import escape, to_qmd
from pplx_jupyter.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator

pypandoc = pytest.importorskip("pypandoc")

PAYLOADS = Path(__file__).parents[2].parent / "shared" / "xss" / "core.jsonl"

HOSTILE = r"""
# Head {onclick=alert(1) .cls}

`<b>`{=html} and `x`{=tex} and `{python} import os` and `r system("id")`

{{< include /etc/passwd >}} and {{< env HOME >}} and {{% x %}}

```{python}
import os
```

```text
{{< include /etc/passwd >}}
`{python} 1` `r 1`
```

@someone said user@example.org, @{x}, [@evil2024], -@evil, [-@evil]

[1](x y) [1]: https://evil.example then [1](foo bar) **[1]**(foo)

[1]\(javascript:alert) and [1]\[x] and [1]\: x

::: {.cell onclick=x}
:::

---
title: forged
---

(@) example

(1) fancy -- list...

i. roman

A) letter

% comment

: definition

| line block

\input{/etc/passwd} \begin{x} $\input{x}$ $\openin5$ $$\lstinputlisting{/etc/passwd}$$ $\begin{verbatim}x$ \(\directlua{x}\)

^[note] [^1] *[HTML]: x ~sub~ ^sup^ <div onclick=x> <!-- --> [x]{.cls onclick=y} ![i](https://e.example/i.png){onload=z}

[1]: https://evil.example
"""


def tree(markdown: str, *more: str) -> Any:
    return json.loads(
        pypandoc.convert_text(markdown, "json", format="markdown", extra_args=list(more), sandbox=True)
    )


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "t" in value:
            yield value
        for each in value.values():
            yield from nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from nodes(each)


def audit(found: Any, keys: set[str]) -> None:
    """Find nothing in pandoc's tree but text, its shape, known citations and ordinary links."""
    for node in nodes(found):
        kind: str = node["t"]
        content: Any = node.get("c")
        assert kind not in {"RawInline", "RawBlock", "Image", "Note", "LineBlock", "DefinitionList"}, node
        if kind in {"Div", "Span", "Header", "CodeBlock", "Code", "Link", "Table"}:
            name, classes, pairs = content[1] if kind == "Header" else content[0]
            assert pairs == [], node
            ours = {"refs"} if kind == "Div" else set()
            assert kind == "Header" or name in {"", *ours}, node
            assert kind == "CodeBlock" or set(classes) <= {"unnumbered"}, node
        if kind == "Link":
            assert re.match(r"https?://[^/]", content[2][0]), node
        if kind == "Cite":
            assert {cited["citationId"] for cited in content[0]} <= keys, node
        if kind == "Math":
            assert not re.search(r"input|open|lua|verbatim|listing", content[1]), node
    assert set(found["meta"]) <= {"title", "date", "engine", "link-citations", "references"}


def words(found: Any) -> str:
    return " ".join(node["c"] for node in nodes(found["blocks"]) if node["t"] == "Str")


def test_the_head_is_yaml_with_the_sources_in_it(answer: Answer) -> None:
    text = to_qmd(answer)
    head = yaml.safe_load(text.split("---\n")[1])
    assert (head["title"], str(head["date"]), head["engine"]) == (
        "How have EU prices developed?",
        "2026-11-22",
        "markdown",
    )
    assert [item["id"] for item in head["references"]] == [
        "iea2024electricity",
        "bbc2025price",
        "evil",
        "example",
    ]
    assert "[@iea2024electricity; @bbc2025price] Gas rose [@evil], said e.g. Mr. Smith **\\[13\\]**." in text
    assert "## Means by year" in text
    assert "Job: prices · 7f3a9c;" in text


def test_pandoc_resolves_every_citation(answer: Answer) -> None:
    page = pypandoc.convert_text(
        to_qmd(answer), "html", format="markdown", extra_args=["--citeproc", "--mathjax"], sandbox=True
    )
    assert 'href="https://www.iea.org/reports/electricity-2024"' in page
    assert 'href="https://news.bbc.co.uk/x?a=1&amp;b=_2_"' in page
    assert set(re.findall(r'href="#ref-(\w+)"', page)) == {"iea2024electricity", "bbc2025price", "evil"}
    assert "???" not in page
    assert r"\(E = mc^2\)" in page
    audit(tree(to_qmd(answer)), {"iea2024electricity", "bbc2025price", "evil", "example"})


def test_nothing_of_an_answer_acts() -> None:
    answer = Answer(text=HOSTILE, sources=[Source(1, "https://a.example/x", "Power", "2024")])
    for text in (answer.to_markdown(citations="pandoc"), to_qmd(answer)):
        found = tree(text)
        audit(found, {"a2024power"})
        # What follows a citation makes no link, style or definition of it.
        assert sum(node["t"] == "Cite" for node in nodes(found["blocks"])) == text.count("[@a2024power]") >= 3
        # Quarto and knitr look at the text before pandoc does, at code as well.
        assert not re.search(
            r"\{\{[<%]|`\{(?!\u2060)|`r[ #]|^```+\s*\{|^:::+ *\{(?!#refs)", text, re.MULTILINE
        )
    assert not re.search(r"^---$", answer.to_markdown(citations="pandoc"), re.MULTILINE)
    assert "forged" in words(tree(answer.to_markdown(citations="pandoc")))


def test_titles_and_questions_are_text(hostile: Answer) -> None:
    question = (
        "# {{< include x >}} <script>alert(1)</script> [x](javascript:1) $x$ `a`{=html} \\input: \u202e\x00"
    )
    asked = dataclasses.replace(hostile, receipt=Receipt("x", question=question, prompt=question))
    found = tree(to_qmd(asked))
    audit(found, {item["id"] for item in json.loads(asked.to_csl_json())})
    for item, source in zip(found["meta"]["references"]["c"], json.loads(asked.to_csl_json()), strict=True):
        [title] = [pypandoc_text(item["c"]["title"])]
        assert re.sub(r"\W", "", title) == re.sub(r"\W", "", source["title"])
        assert pypandoc_text(item["c"]["URL"]) == source["URL"]


def pypandoc_text(meta: Any) -> str:
    parts = {"Space": " ", "SoftBreak": " "}
    return "".join(
        parts.get(node["t"], node["c"] if isinstance(node.get("c"), str) else "") for node in nodes(meta)
    )


@pytest.mark.parametrize(
    "url", ["_a_/*b*~c", "a--b...c'd", "x?a=1&copy=2&amp;3#[f]", "(y)$z$@k/^2^", "%7Bx%7D/a_b_c"]
)
def test_addresses_reach_the_bibliography_as_they_are(url: str) -> None:
    answer = Answer(text="Said [1].", sources=[Source(1, f"https://a.example/{url}", "Power")])
    [item] = json.loads(answer.to_csl_json())
    found = tree(to_qmd(answer))["meta"]["references"]["c"][0]["c"]["URL"]
    assert pypandoc_text(found) == item["URL"]


def test_escaping_is_undone_by_readers_of_markdown() -> None:
    text = "a_b _c_ *d* [e] {f} <g> $h$ ^i^ ~j~ |k| @l \\m -- n `o` !p & &amp; #q"
    [paragraph] = tree(escape(text))["blocks"]
    assert "".join({"Space": " "}.get(n["t"], n.get("c", "")) for n in paragraph["c"]) == text


@pytest.mark.skipif(not PAYLOADS.exists(), reason="the collection of payloads is not beside this repository")
def test_no_payload_acts() -> None:
    payloads = [
        json.loads(line)["payload"] for line in PAYLOADS.read_text(encoding="utf-8").split("\n") if line
    ]
    tried = [text for text in payloads if isinstance(text, str) and len(text) < 3000][::3]
    parts = [Answer(text=text, sources=[Source(1, "https://a.example/x", "P")]) for text in tried]
    written = "\n\n".join(part.to_markdown(citations="pandoc") for part in parts)
    audit(tree(written), {"ap"})
    assert len(tried) > 300
    with pytest.raises(AssertionError):
        audit(tree("\n\n".join(tried)), {"ap"})
