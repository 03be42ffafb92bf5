from __future__ import annotations

import datetime
import html as stdlib_html
import re
from typing import TYPE_CHECKING, Any

import html5lib
import pytest

from pplx_jupyter.answer import Answer, Cost, Search, Source, Usage
from pplx_jupyter.receipt import Receipt
from pplx_jupyter.render import as_html, body, sources, stylesheet, tex

if TYPE_CHECKING:
    from collections.abc import Callable

CET = datetime.timezone(datetime.timedelta(hours=1))

TAGS = {
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "del",
    "details",
    "div",
    "em",
    "footer",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}
ATTRIBUTES = {
    "a": {"href", "target", "rel", "title", "id"},
    "span": {"id"},
    "img": {"src", "alt"},
    "div": {"tabindex", "role", "aria-label"},
    "p": {"role"},
    "pre": {"tabindex"},
    "li": {"value", "dir"},
    "ol": {"start", "class"},
    "td": {"style"},
    "th": {"style", "scope"},
    "code": {"class"},
    "sup": {"class"},
    "mark": {"class", "title"},
    "h3": {"dir"},
    "h4": {"id"},
    "footer": {"dir", "style"},
    "blockquote": {"dir", "style"},
}
COMMON = {"class", "style", "dir"}
CLASSES = re.compile(r"(pplx(-[a-z]+)?|run|ok|warn|bad|info|off|language-[a-z0-9+#-]+)")
STYLES = re.compile(
    r"(max-width:50em|max-width:100%|font-size:12px|margin:0|text-align:(left|right|center)|overflow-x:auto|white-space:(nowrap|pre-wrap)"
    r"|margin-left:14px|margin-top:(8|20)px|font-weight:400|padding-top:12px|border-top:1px solid rgba\(128,128,128,.4\)"
    r"|border-left:4px solid #[0-9a-f]{6}|padding:10px 16px 4px|background-color:rgba\(128,128,128,.08\)"
    r"|max-width:none|margin:4px 0 0|margin:0 0 8px|margin:5px 0 7px|height:8px"
    r"|margin:(6px )?0 (0 )?12px|background-color:rgba\((56,142,60,.2|211,47,47,.16)\))"
)
LINK = re.compile(r"(?i)https?://[^/?#\\\s]")


@pytest.fixture
def receipt() -> Receipt:
    return Receipt(
        job_id="7f3a9c",
        name="prices",
        question="How have EU prices developed since 2021? Give a table.",
        fingerprint="v1:5e1d92c40b7a5e1d92c40b7a",
        backend="sonar",
        model="sonar-deep-research",
        effort="high",
        request_id="5b0e6c1e-9d1f",
        asked_at=datetime.datetime(2026, 11, 22, 14, 29, 51, tzinfo=CET),
        settled_at=datetime.datetime(2026, 11, 22, 14, 34, 3, tzinfo=CET),
        now=datetime.datetime(2026, 11, 25, 15, 0, tzinfo=CET),
        filled={"region": "EU"},
        version="0.1.0",
    )


@pytest.fixture
def answer() -> Answer:
    return Answer(
        text=(
            "Prices fell[1][2], said one[13].\n\n## Table\nAnnual mean.\n| Market | 2021 |\n|:--|--:|\n"
            "| Spain | 112 [2] |\n\nGas costs $9 to $12.\n- a\n- b\n"
        ),
        thinking="Let me see.",
        sources=[
            Source(
                1,
                "https://www.power.example/eer",
                "Power Review",
                "2026-02-12",
                None,
                "Fell for a third year.",
            ),
            Source(2, "https://data.example/day-ahead", "Day-ahead prices"),
            Source(3, "https://other.example/x", "Not used"),
        ],
        related_questions=["And Italy?"],
        searches=[Search("searched", "eu prices"), Search("read", "https://data.example/day-ahead")],
        usage=Usage(input_tokens=58, output_tokens=11395, reasoning_tokens=143204, search_queries=38),
        cost=Cost(0.8153, {"input_tokens": 0.0001, "reasoning_tokens": 0.6252, "search_queries": 0.19}),
        model="sonar-deep-research",
    )


@pytest.fixture
def html_of() -> Callable[..., str]:
    """Markdown to the HTML of a body, without the fallback: a parser's error fails the test."""

    def render(text: str, known: int = 0) -> str:
        given = Answer(sources=[Source(n, f"https://s{n}.example/p", f"T{n}") for n in range(1, known + 1)])
        root = body._shape(body._parse(text, set(range(1, known + 1))))
        return as_html.write(root, sources.references(given, {}), "pplx-x-")

    return render


@pytest.fixture
def audit_html() -> Callable[[str], None]:
    return _audit_html


@pytest.fixture
def audit_markdown() -> Callable[[str], None]:
    return _audit_markdown


def _audit_html(markup: str, *, typeset: bool = True) -> None:
    """Parse as a browser would, twice, and find nothing but what we write ourselves.

    Formulas run only where a frontend typesets: in outputs, not in widgets.
    """
    assert markup.count(stylesheet()) == markup.count("<style>") <= 1
    markup = markup.replace(stylesheet(), "")
    for _ in range(2):
        tree = html5lib.parseFragment(markup, namespaceHTMLElements=False)
        _walk(tree, quiet=not typeset)
        markup = html5lib.serialize(tree, quote_attr_values="always")


def _walk(element: Any, *, quiet: bool) -> None:
    quiet = quiet or element.tag in {"code", "pre"} or element.get("class") == "pplx-t"
    if element.get("class") == "pplx-t":
        assert tex.is_safe("".join(element.itertext())), "".join(element.itertext())
    _still(element.text, quiet=quiet)
    for child in element:
        assert isinstance(child.tag, str), "a comment"
        assert child.tag in TAGS, child.tag
        for name, value in child.attrib.items():
            assert name in ATTRIBUTES.get(child.tag, set()) | COMMON, (child.tag, name)
            _attribute(child.tag, name, value)
        _walk(child, quiet=quiet)
        _still(child.tail, quiet=quiet)


def _still(text: str | None, *, quiet: bool) -> None:
    """No text outside code may hold what starts a formula: a typesetter would run it."""
    assert quiet or not text or text in {"$", "\\"} or not re.search(r"[$\\]", text), text


def _attribute(tag: str, name: str, value: str) -> None:
    if name == "href":
        assert LINK.match(value) or re.fullmatch(r"#pplx-[\w-]+", value), value
        assert "@" not in re.split(r"[/?#]", value.partition("://")[2])[0], value
    elif name == "src":
        assert re.fullmatch(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*", value), value[:60]
    elif name == "class":
        assert all(CLASSES.fullmatch(part) for part in value.split()), value
    elif name == "style":
        assert all(STYLES.fullmatch(part.strip()) for part in value.split(";") if part.strip()), value
    elif name == "id":
        assert re.fullmatch(r"pplx-[\w-]+", value), value
    elif name == "target":
        assert value == "_blank"
    elif name == "rel":
        assert value == "noopener noreferrer nofollow"
    assert not name.startswith("on"), (tag, name)


def _audit_markdown(text: str) -> None:
    """Whatever reads our Markdown, HTML and all, finds nothing active in it."""
    import markdown
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    reader.validateLink = bool  # type: ignore[method-assign,assignment]
    classic = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists"])
    for rendered in (reader.render(text), reader.render(_as_marked_reads(text)), classic):
        tree = html5lib.parseFragment(rendered, namespaceHTMLElements=False)
        for element in tree.iter():
            assert isinstance(element.tag, str), "a comment"
            assert element.tag in TAGS | {"DOCUMENT_FRAGMENT", "s", "h1", "h2"}, (element.tag, rendered)
            for name, value in element.attrib.items():
                assert name in {"href", "class", "start", "style", "align", "title"}, (element.tag, name)
                if name == "href":
                    assert LINK.match(stdlib_html.unescape(value)), value
                if name == "style":
                    assert re.fullmatch(r"text-align: ?(left|right|center);?", value), value
                if name == "class":
                    assert value.startswith("language-"), value


def _as_marked_reads(text: str) -> str:
    """Undo the escapes of brackets in the texts of links, as JupyterLab's reader of Markdown does."""
    code = r"\\.|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"
    label = re.compile(rf"{code}|\[(?P<label>(?:\\.|[^\[\]\\])*)\](?=\()", re.DOTALL)
    return label.sub(
        lambda m: m[0] if m["label"] is None else "[" + re.sub(r"\\([\[\]])", r"\1", m["label"]) + "]", text
    )
