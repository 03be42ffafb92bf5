"""Answers of many shapes, whose forms are kept in `golden/` and were read by a person."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json

from pplx_jupyter.answer import Answer, Cost, Image, Search, Source, Usage
from pplx_jupyter.receipt import Receipt

__all__ = ["ANSWERS", "Case"]

CET = datetime.timezone(datetime.timedelta(hours=1))
_AT = datetime.datetime(2026, 11, 22, 14, 29, 51, tzinfo=CET)
# One red pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)

RECEIPT = Receipt(
    job_id="7f3a9c",
    name="prices",
    question="How have wholesale prices developed since 2021?",
    prompt="How have EU wholesale prices developed since 2021? Give a table.",
    fingerprint="v1:5e1d92c40b7a5e1d92c40b7a",
    backend="sonar",
    model="sonar-deep-research",
    effort="high",
    request_id="5b0e6c1e-9d1f",
    asked_at=_AT,
    settled_at=_AT + datetime.timedelta(seconds=252),
    now=_AT + datetime.timedelta(days=3),
    filled={"region": "EU"},
    version="0.1.0",
)
SOURCES = [
    Source(1, "https://www.power.example/eer", "European Electricity Review", "2026-02-12", None, "Prices fell for a third year."),
    Source(2, "https://economics.example/marginal", "Gas and the marginal hour", "2025-09-03"),
    Source(3, "https://data.example/day-ahead", "Day-ahead prices by zone", None, None, "Hourly, since 2015."),
    Source(4, "https://grid.example/convergence", "Interconnectors and convergence", "2025-11-04"),
]  # fmt: skip
USAGE = Usage(58, 11_395, 214_000, 52_200, 143_204, 38)
COST = Cost(0.8153, {"input_tokens": 0.0001, "output_tokens": 0.0912, "citation_tokens": 0.1044, "reasoning_tokens": 0.4296, "search_queries": 0.19})  # fmt: skip

REPORT = r"""Prices peaked in August 2022 and have since fallen by two thirds[1][4].
Three things explain it:
1. **Gas** sets the price in many hours[2].
   - In Italy more than half[2, 3].
   - In Sweden almost never.
2. **Interconnection** differs[4].

## Prices in four markets
Annual mean, EUR/MWh.
| Market | 2021 | 2025 | Source |
|:--|--:|--:|---|
| Spain | 112 | 62 | [3] |
| Italy | 125 | 109 | [2][3] |

### How it is made
Gas costs $9 to $12 per MMBtu, so with efficiency \(\eta\)

$$
p_t = \max_{i \in D_t} \left( \frac{f_i}{\eta_i} \right)
$$

is the bid of the dearest plant[1-3]. Volatility doubled [13].

```python
daily = prices.resample("D").mean()  # per market
cv = daily.std() / daily.mean()
```

> A quote with **bold** and [a link](https://quoted.example/page).

See https://more.example/x, and ![a chart](https://chart.example/c.png).
"""

CJK = """## 概要
**重点。**价格自2022年以来下降了三分之二[1]。
- **天然气：**在意大利决定价格[2]
  - 在瑞典几乎从不
- *互联*不同[3]

| 市场 | 2025 |
|:--|--:|
| 西班牙 | 62 |
| 意大利 | 109 |
"""

RIGHT_TO_LEFT = """# الأسعار
انخفضت الأسعار بمقدار الثلثين منذ عام 2022[1].
- إسبانيا: 62
- إيطاليا: 109 (`EUR/MWh`)

> اقتباس[2]
"""

HOSTILE = """# <script>alert(1)</script>
[x](javascript:alert(1)) <img src=x onerror=alert(1)> ![pixel](https://evil.example/?q=1)
[bank.example](https://evil.example/login) $\\unicode[x;background:url(//evil.example)]{65}$ &lt;b&gt;

[1]: https://phish.example
"""

LISTED = """Prices fell[1] and gas set them[2].

## References
[1] European Electricity Review, https://www.power.example/eer
[2] Gas and the marginal hour, https://economics.example/marginal
[3] Something never cited, https://never.example
"""

LONG = "\n\n".join(f"## Part {n}\n\n" + f"A sentence about part {n} with several words in it[{n % 4 + 1}]. " * 45 for n in range(1, 5))  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    """An answer with its receipt, and whether it is shown briefly."""

    answer: Answer
    receipt: Receipt | None = RECEIPT
    brief: bool = False
    usual: str = ""


_FULL = Answer(
    text=REPORT,
    thinking="First the prices.\nThen <why>.",
    sources=[*SOURCES, Source(5, "https://unused.example", "Never cited", "2026-05-21")],
    related_questions=["And in Poland?", "What about 2027?"],
    searches=[
        Search("searched", "eu power prices 2025", 10),
        Search("read", "https://data.example/day-ahead"),
    ],
    usage=USAGE,
    cost=COST,
    model="sonar-deep-research",
)
_RECORDS = {
    "region": "EU",
    "markets": [
        {"name": "Spain", "price": 62, "why": "Sun [3]"},
        {"name": "Italy", "price": 109.5, "why": None},
    ],
    "reasons": ["Gas [2]", {"name": "Grid", "pages": ["https://grid.example/convergence"]}],
    "final": True,
}

ANSWERS: dict[str, Case] = {
    "report": Case(_FULL),
    "from the ledger": Case(
        dataclasses.replace(_FULL, text="Prices fell[1]."),
        dataclasses.replace(RECEIPT, reuse="ledger", recency="day"),
        usual="0.45–1.10 USD, 2–6 min",
    ),
    "from the lockfile": Case(dataclasses.replace(_FULL, text="Prices fell[1]."), dataclasses.replace(RECEIPT, reuse="lockfile", now=None)),
    "agent, moved": Case(
        Answer(
            text="Prices fell[web:12] and gas set them[page:11][web:31].",
            sources=[dataclasses.replace(source, number=source.number + 10) for source in SOURCES],
            usage=Usage(input_tokens=5_210, output_tokens=310, total_tokens=5_520),
            cost=Cost(0.0052, {"input": 0.0013, "output": 0.0031, "tool_calls": 0.0008}),
            model="openai/gpt-5",
        ),
        dataclasses.replace(RECEIPT, backend="agent", model="", moved=True),
    ),
    "records": Case(Answer(text=json.dumps(_RECORDS["markets"]), sources=SOURCES, cost=Cost(0.39, estimated=True))),
    "tree of values": Case(Answer(text=f"```json\n{json.dumps(_RECORDS)}\n```", sources=SOURCES, usage=USAGE)),
    "incomplete": Case(Answer(text="Prices fell[1] and\n\n## Then", sources=SOURCES[:1], cost=Cost(0.31), incomplete="max_output_tokens")),
    "nothing known": Case(Answer(text="Four."), None),
    "no text": Case(Answer(incomplete="content_filter", thinking="I should not.")),
    "simulated": Case(Answer(text="Invented[1].", sources=SOURCES[:1], cost=Cost(0.82), simulated=True), dataclasses.replace(RECEIPT, simulated=True)),
    "Chinese": Case(Answer(text=CJK, sources=[Source(n, f"https://数据.example/{n}", f"来源 {n}") for n in (1, 2, 3)], cost=COST)),
    "right to left": Case(Answer(text=RIGHT_TO_LEFT, sources=[Source(1, "https://a.example", "تقرير الأسعار"), Source(2, "https://b.example", "مقال")])),
    "images": Case(
        Answer(
            text="See below.",
            images=[
                Image("https://img.example/a.png", "https://img.example", "A chart", 1, 1, PIXEL),
                Image("https://img.example/b.mp4", title="A film"),
                Image("javascript:x", title="Withheld"),
            ],
        )
    ),
    "hostile": Case(
        Answer(
            text=HOSTILE,
            thinking="</details><script>x</script>",
            sources=[Source(1, "javascript:alert(1)", "<b>x</b>", "<i>", None, "</blockquote>$x_1$"), Source(2, "https://a.example@evil.example/", "\u202eevil")],
            related_questions=["</pre><script>alert(1)</script>"],
            model="<script>",
        ),
        dataclasses.replace(RECEIPT, name="<b>", question="<script>alert(1)</script> $x_1$"),
    ),
    "the model's own list": Case(Answer(text=LISTED, sources=SOURCES[:3])),
    "long": Case(Answer(text=LONG, sources=SOURCES, cost=COST)),
    "long, in brief": Case(Answer(text=LONG, sources=SOURCES, cost=COST), brief=True),
    "not understood": Case(Answer(understood=False, raw={"odd": [1, {"a": "<b>"}]}, cost=Cost(0.82))),
}  # fmt: skip
