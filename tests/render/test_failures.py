from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

import html5lib
import pytest

from pplx_jupyter.receipt import DROPPED, Failure, Receipt
from pplx_jupyter.render import failure_forms, failure_line, stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable

AT = datetime.datetime(2026, 11, 22, 14, 29, 52, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
LATER = AT.replace(minute=31, second=40)

CASES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "no_key"}, "✕ Not sent: no Perplexity key is set. Nothing was billed. Run %pplx key and paste"),
    (
        {"kind": "unauthorized", "status": 401, "said": "Invalid API key", "key_from": "the environment, PERPLEXITY_API_KEY"},
        ("✕ Not accepted: Perplexity refused the key (401). Nothing was billed. Perplexity said: “Invalid API key” "
        "An account without credits gets this reply, too: look at the balance in the API settings at Perplexity. "
        "If the key is wrong or deleted: %pplx key, then run this cell again. "
        "The key came from the environment, PERPLEXITY_API_KEY. prices · 7f3a9c · 22 Nov 2026, 14:29:52 · request r1 · sonar API"),
    ),
    ({"kind": "forbidden", "status": 403}, "✕ Not accepted: Perplexity does not let this key ask this (403). Nothing was billed."),
    (
        {"kind": "unsupported", "fields": ["search_mode “academic”", "return_images"]},
        ("✕ Not sent: the agent API has no search_mode “academic” and no return_images. Nothing was billed. "
        "The sonar API, which has both, is retired for this key (403). "
        "Ask without them: remove search_mode and return_images, then run the cell again."),
    ),
    (
        {"kind": "invalid", "status": 422, "fields": ["search_recency_filter “fortnight”"]},
        "✕ Not accepted: Perplexity does not take search_recency_filter “fortnight” (422). Nothing was billed.",
    ),
    (
        {"kind": "no_connection", "host": "api.perplexity.ai"},
        "✕ Not sent: no connection to api.perplexity.ai. Nothing was billed. Run the cell again; it is the same question.",
    ),
    ({"kind": "unreachable", "status": 502, "retry_at": LATER}, "failed (502). No job is known to exist"),
    (
        {"kind": "failed", "accepted": True, "said": "Internal error"},
        ("✕ Failed after 4 min 12 s: Perplexity could not finish the job. Cost unknown: the service sent none. "
        "Perplexity said: “Internal error” Ask again: run the cell with --refresh. That is a new job (usually 0.45–1.10 USD). "
        "Running the cell as it is shows this message and sends nothing. Everything that came back is kept: prices.raw"),
    ),
    ({"kind": "failed", "accepted": True, "cost": 0.31}, "could not finish the job. 0.31 USD, billed."),
    (
        {"kind": "cancelled", "accepted": True},
        ("■ Cancelled after 4 min 12 s, by you. Cost unknown: the service sends none for a cancelled job. "
        "Running this cell again shows this message and sends nothing. To ask again: --refresh"),
    ),
    ({"kind": "cancelled"}, "■ Cancelled before it was accepted, by you. Nothing was billed."),
    (
        {"kind": "expired", "accepted": True, "cost": 0.41, "status": 404},
        ("✕ Expired: Perplexity no longer has this answer (404). 0.41 USD, as far as known. "
        "It was asked on 22 Nov 2026 and kept for 7 days; no kernel of yours fetched it in time. Ask anew: --refresh"),
    ),
    ({"kind": "not_found", "status": 404}, "✕ Not found: Perplexity has no such job for this key (404). Cost unknown."),
    (
        {"kind": "unconfirmed"},
        ("? Unconfirmed: sent at 14:29:52, but the connection broke before Perplexity replied. "
        "It may be running, and may be billed: 0.00 or 0.45–1.10 USD. "
        "The sonar API cannot be asked whether it exists, so nothing is sent again on its own. "
        "Look at the usage page of your account: is there a request at 14:29? "
        "Not there: %pplx settle 7f3a9c --ask-again sends it once more (usually 0.45–1.10 USD). "
        "There: %pplx settle 7f3a9c --remote ID collects its answer, with the id that stands there. "
        "Not wanted: %pplx settle 7f3a9c --drop closes it; your budget keeps the 1.10 USD set aside."),
    ),
    (
        {"kind": "unconfirmed", "reason": "the connection broke"},
        "? Unconfirmed: sent at 14:29:52, but the connection broke before Perplexity replied. It may be running",
    ),
    (
        {"kind": "cancelled", "reason": DROPPED, "accepted": True},
        ("■ Closed by you, unconfirmed: nobody knows whether it ran. "
        "It may have run, and may be billed: 0.00 or 0.45–1.10 USD; your budget keeps the 1.10 USD set aside. Running"),
    ),
    (
        {"kind": "redirected", "status": 308, "reason": "elsewhere.example"},
        ("✕ Not accepted: the address leads elsewhere, to elsewhere.example (308). Nothing was billed. "
        "Neither the question nor the key was sent there. Set PERPLEXITY_BASE_URL"),
    ),
    ({"kind": "proxy", "status": 407}, "✕ Not sent on: a proxy on the way wants a login (407). Nothing was billed."),
    (
        {"kind": "forbidden", "status": 403, "accepted": True, "retry_at": LATER},
        ("! No answer yet: Perplexity does not let this key ask about this job (403). "
        "The job was accepted: it goes on, and is billed."),
    ),
    ({"kind": "a kind of the future", "accepted": True}, "Failed after 4 min 12 s"),
]  # fmt: skip


def _text(markup: str) -> str:
    tree = html5lib.parseFragment(markup.replace(stylesheet(), ""), namespaceHTMLElements=False)
    parts = [" ".join("".join(e.itertext()).split()) for e in tree.iter() if e.tag in {"p", "li"}]
    return " ".join(parts)


@pytest.mark.parametrize(("values", "wanted"), CASES)
def test_what_is_said(
    values: dict[str, Any],
    wanted: str,
    receipt: Receipt,
    audit_html: Callable[[str], None],
    audit_markdown: Callable[[str], None],
) -> None:
    failure = Failure(**{"request_id": "r1", "at": AT, **values})
    forms = failure_forms(failure, receipt, usual="0.45–1.10 USD")
    audit_html(forms["text/html"])
    audit_markdown(forms["text/markdown"])
    assert wanted in _text(forms["text/html"])
    plain = " ".join(forms["text/plain"].replace("  * ", "  ").split())
    assert wanted in plain
    assert max(map(len, forms["text/plain"].splitlines())) <= 96


@pytest.mark.parametrize("kind", ["failed", "cancelled", "expired", "not_found"])
def test_where_no_cell_can_be_run_no_flag_is_named(kind: str, receipt: Receipt) -> None:
    apart = dataclasses.replace(receipt, has_cell=False)
    said = failure_forms(Failure(kind, accepted=True), apart, usual="0.45–1.10 USD")["text/plain"]
    assert "--refresh" not in said
    assert "this cell" not in said
    assert "the cell" not in said
    by_button = "The button that asks again makes a new job of it (usually 0.45–1.10 USD)."
    assert (by_button in " ".join(said.split())) == (kind in {"failed", "expired"})


def test_markdown_and_plain_in_full(receipt: Receipt) -> None:
    asked = dataclasses.replace(receipt, backend="agent", request_id="")
    forms = failure_forms(Failure("unconfirmed", at=AT), asked, usual="0.45–1.10 USD")
    assert (
        forms["text/markdown"]
        == """\
**Unconfirmed: sent at 14:29:52, but the connection broke before Perplexity replied.** It may be running, and may be \
billed: 0.00 or 0.45–1.10 USD.

- The agent API cannot be asked whether it exists, so nothing is sent again on its own.
- Look at the usage page of your account: is there a request at 14:29?
- **Not there:** `%pplx settle 7f3a9c --ask-again` sends it once more (usually 0.45–1.10 USD).
- **There:** `%pplx settle 7f3a9c --remote ID` collects its answer, with the id that stands there. **Not wanted:** \
`%pplx settle 7f3a9c --drop` closes it; your budget keeps the 1.10 USD set aside.

prices · 7f3a9c · 22 Nov 2026, 14:29:52 · agent API"""
    )
    assert forms["text/plain"].startswith(
        "? Unconfirmed: sent at 14:29:52, but the connection broke before Perplexity replied.\n"
        "  It may be running, and may be billed: 0.00 or 0.45–1.10 USD.\n  * The agent API"
    )


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"kind": "failed", "said": "Internal error", "accepted": True},
            "prices (7f3a9c) failed: Internal error; request r1; cost unknown.",
        ),
        (
            {"kind": "unauthorized", "status": 401, "said": "Bad\nkey."},
            "prices (7f3a9c) was not accepted: Bad key (401); request r1; nothing was billed.",
        ),
        ({"kind": "cancelled", "accepted": True, "cost": 0.2}, "prices (7f3a9c) was cancelled; request r1; 0.20 USD, billed."),
        (
            {"kind": "unconfirmed"},
            ("prices (7f3a9c) is unconfirmed: sent, but the reply was lost; request r1; perhaps billed. "
            "Settle it: %pplx settle 7f3a9c --ask-again | --remote ID | --drop"),
        ),
    ],
)  # fmt: skip
def test_one_line(values: dict[str, Any], line: str, receipt: Receipt) -> None:
    assert failure_line(Failure(**{"request_id": "r1", **values}), receipt) == line


def test_every_kind_speaks_of_money_and_never_of_zero(receipt: Receipt) -> None:
    for kind in {values["kind"] for values, _ in CASES}:
        for accepted in (False, True):
            failure = Failure(kind, accepted=accepted)
            text = failure_forms(failure, receipt)["text/plain"].lower()
            assert "billed" in text or "cost unknown" in text
            if accepted and kind not in {"no_key", "unconfirmed", "unreachable"}:
                assert "nothing was billed" not in text
            assert "\n" not in failure_line(failure, receipt)
