"""An ordinary answer, one whose sources are hostile, and what a browser would make of a page."""

from __future__ import annotations

import datetime

import pytest

from pplx_jupyter.answer import Answer, Cost, Search, Source, Usage
from pplx_jupyter.receipt import Receipt

CET = datetime.timezone(datetime.timedelta(hours=1))

TEXT = r"""Prices fell for a third year.[1][2] Gas rose [3], said e.g. Mr. Smith [13]. It costs $9 to $12.

## Means by year

Annual mean [1].

| Market [1] | 2021 | Share | Since |
|:--|--:|--|--|
| Spain | 1,112 [2] | 12.5 % | 2 Feb 2026 |
| Italy | 99 | 3 % | n/a |

Energy is $E = mc^2$, and

$$ \int_0^1 x^2 dx = \frac{1}{3} $$

### Details

- first [2]
  - inner
- second

```python
### no heading
print("[1]")
```
"""

HOSTILE_TITLES = [
    "plain",
    "EU {mid} } \\write18{rm} 100 % & #1 _x_ $y$ ~z ^w",
    "A\nTY  - JOUR\r\nTI  - forged\nER  - ",
    "</script><img src=x onerror=alert(1)>",
    "@comment{x} @string{y = {z}} }}\n@online{forged, title={x}}",
    "\u202egnp.exe\u202c \x00\x07\x1b[31m \ud800 \ufffe \u2028 line",
    "{{< include /etc/passwd >}} `{python} 1` [x](javascript:1) ![i](https://evil.example/i.png)",
    "",
    "---",
    "# 1. a) title",
    "日本の電力 — 価格",
    "\"quoted\", 'single', <b>bold</b>, a, b = {c}",
]


@pytest.fixture
def answer() -> Answer:
    return Answer(
        text=TEXT,
        thinking="Let me see.",
        sources=(
            Source(1, "https://www.iea.org/reports/electricity-2024", "IEA Electricity 2024", "2024-02-12"),
            Source(2, "https://news.bbc.co.uk/x?a=1&b=_2_", "The price of power", "2025"),
            Source(3, "javascript:alert(1)", "Evil"),
            Source(4, "https://example.org/"),
        ),
        searches=(Search("searched", "eu prices"),),
        usage=Usage(input_tokens=3),
        cost=Cost(0.8153, {"input_tokens": 0.82}),
        model="sonar-deep-research",
        raw={"choices": []},
        receipt=Receipt(
            "7f3a9c",
            name="prices",
            question="How have EU prices developed? More.",
            prompt="How have EU prices developed? More.",
            fingerprint="v1:5e1d92c40b7a",
            backend="sonar",
            asked_at=datetime.datetime(2026, 11, 22, 23, 29, 51, tzinfo=CET),
            settled_at=datetime.datetime(2026, 11, 22, 23, 34, 3, tzinfo=CET),
            version="0.1.0",
        ),
    )


@pytest.fixture
def hostile() -> Answer:
    sources = [
        Source(n, f"https://s{n}.example/p", title, "2026-13-45") for n, title in enumerate(HOSTILE_TITLES, 1)
    ]
    return Answer(text="Said [1] and [2].", sources=sources)
