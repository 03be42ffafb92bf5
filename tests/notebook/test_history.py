"""``%pplx jobs`` and ``%pplx cost`` in a real kernel: what stays in the file, what is typed, what a run gives that nobody watches."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.errors import RequestError
from pplx_jupyter.ledger import Found, Spent, Wanted, open_ledger
from pplx_jupyter.notebook.history import jobs_forms, wanted_of
from pplx_jupyter.notebook.history.acts import possible
from pplx_jupyter.notebook.history.typed import filters_in_words
from pplx_jupyter.notebook.simulated import is_simulated
from pplx_jupyter.notebook.spending import page_forms, period_of, picture_forms
from pplx_jupyter.notebook.spending import sums as spending
from pplx_jupyter.notebook.spending.period import PERIODS
from tests.asking import intend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplx_jupyter.ledger import Row
    from tests.notebook.conftest import Kernel

pytestmark = pytest.mark.slow

WIDGET = "application/vnd.jupyter.widget-view+json"
TODAY = datetime.date(2026, 11, 22)


@pytest.fixture
def rows(kernel: Kernel) -> dict[str, Row]:
    """Two answered questions in one notebook, and one under way."""
    for name, prompt in {
        "sky": "Why is the sky blue? seconds:30 shape:table",
        "tea": "What is oolong tea? seconds:30 shape:table",
    }.items():
        assert kernel.run(f"%%pplx_research {name} --wait\n{prompt}", cell=name).reply["status"] == "ok"
    return {row.name: row for row in kernel.ledger_rows()}


def table(ran: Any) -> str:
    return str(ran.displays[0]["data"]["text/plain"])


def test_a_cell_keeps_the_table_and_shows_the_widgets_beside_it(kernel: Kernel, rows: dict[str, Row]) -> None:
    ran = kernel.run("%pplx jobs")
    kept, live = (shown["data"] for shown in ran.displays)
    assert WIDGET not in kept
    forms = [kept[f"text/{form}"] for form in ("html", "markdown", "plain")]
    assert all(rows["sky"].id in form for form in forms)
    assert all("amounts marked simulated were not billed" in form for form in forms)
    assert forms[2].count(f"{rows['sky'].cost:.2f}, simulated  ") == 1
    assert "simulated</span></td>" in kernel.value(
        "__import__('pplx_jupyter.notebook.outputs.beside').notebook.outputs.beside._shown[-1].live._html['table'].value"
    )
    assert live[WIDGET]["model_id"]
    assert not live["text/html"] + live["text/plain"], "what cannot show widgets shows one table"
    assert ran.seconds < 2
    quiet = kernel.run("%pplx jobs", headless=True).displays
    assert [WIDGET in shown["data"] for shown in quiet] == [False]


def test_filters_are_typed(
    kernel: Kernel, rows: dict[str, Row], environment: dict[str, str], draft: Callable[..., Any]
) -> None:
    for typed, names in {
        "": "tea sky",
        "sky": "sky",
        "what OOL": "tea",
        '--search "blue"': "sky",
        "--state finished": "tea sky",
        "--state failed,unconfirmed": "",
        "--notebook nowhere.ipynb": "",
        "--since 1h": "tea sky",
        "--until 1h": "",
        "--cost 999": "",
        "--cost 0.01 sky": "sky",
        "--all tea": "tea",
    }.items():
        text = table(kernel.run(f"%pplx jobs {typed}"))
        assert [name for name in ("tea", "sky") if rows[name].id in text] == names.split(), typed
        assert names or "No job fits: " in text
    for typed, said in {
        "--state odd": "choose running, finished, failed",
        "--since soon": "write an age such as 7d, or a date",
        "--cost much": "write US dollars such as 0.50",
        "--stat failed": "did you mean --state",
        "--notebook this": "write its name",
        "--search": "write its value behind it",
    }.items():
        assert said in kernel.run(f"%pplx jobs {typed}").text + kernel.run(f"%pplx jobs {typed}").error, typed
    ledger = open_ledger(environment["PPLX_JUPYTER_LEDGER"])
    newer = [intend(ledger, draft("Why?", fingerprint=f"v1:{n}"))[0].id for n in range(20)]
    for typed, count in {"": 20, "--all": 22}.items():
        text = table(kernel.run(f"%pplx jobs {typed}", headless=True))
        assert sum(job in text for job in [*newer, rows["sky"].id, rows["tea"].id]) == count


def test_a_click_returns_at_once_and_a_search_is_read_beside_it(kernel: Kernel, rows: dict[str, Row]) -> None:
    kernel.run(
        "import time\nfrom pplx_jupyter.notebook.outputs import beside\n%pplx jobs\nlive = beside._shown[-1].live\ncontrols = live._controls"
    )
    kernel.run(
        "begun = time.perf_counter()\nfor text in ('s', 'sk', 'sky'):\n    controls.search.value = text\ntook = time.perf_counter() - begun"
    )
    assert float(kernel.value("took")) < 0.1
    _until(kernel, "[row.name for row in live._found.rows]", "['sky']")
    _until(kernel, "live._chosen", repr(rows["sky"].id))
    kernel.run("controls.search.value = ''")
    _until(kernel, "len(live._found.rows)", "2")
    kernel.run("controls.row.value = 77")
    _until(kernel, "'Choose a row from 1 to 2' in live._html['note'].value", "True")
    kernel.run("before = time.perf_counter()\nlive._click('Show')\ntook = time.perf_counter() - before")
    assert kernel.value("live._detail.children") == "()"


def test_asking_anew_spends_once_and_only_after_its_price_was_shown(
    kernel: Kernel, rows: dict[str, Row]
) -> None:
    kernel.run(
        "from pplx_jupyter.notebook.outputs import beside\n%pplx jobs sky\nlive = beside._shown[-1].live"
    )
    _until(kernel, "live._controls.buttons['Ask anew'].description", repr("Ask anew (0.40–1.30 USD)"))
    _until(kernel, f"'1 job, newest first · {rows['sky'].cost:.2f} USD' in live._html['total'].value", "True")
    kernel.run(
        "anew = live._controls.buttons['Ask anew']\nlive._offered = (live._offered[0], live._offered[1] + 60)\nanew.click()"
    )
    # What is clicked later is done later.
    kernel.run("live._click('Compare')")
    _until(kernel, "'no earlier answer' in live._html['note'].value", "True")
    assert len(kernel.ledger_rows()) == 2, "the price had not been on the button"
    kernel.run(
        "live._offered = (live._offered[0], live._offered[1] - 120)\nfor _ in range(3):\n    anew.click()"
    )
    _until(kernel, "len(live._found.rows)", "2")
    assert [row.name for row in kernel.ledger_rows()].count("sky") == 2
    new = kernel.ledger_rows()[0]
    assert new.fingerprint == rows["sky"].fingerprint
    assert kernel.value("live._chosen") == repr(new.id)
    assert kernel.value("sky.id") == repr(new.id), "NAME holds the new one"
    kernel.run("sky.wait()")
    both = (rows["sky"].cost or 0) + (kernel.ledger_rows()[0].cost or 0)
    _until(kernel, f"'2 jobs, newest first · {both:.2f} USD' in live._html['total'].value", "True")


def test_the_table_takes_in_what_it_has_asked_once_that_fits(kernel: Kernel, rows: dict[str, Row]) -> None:
    kernel.run(
        "from pplx_jupyter.notebook.outputs import beside\n%pplx jobs sky --state finished\nlive = beside._shown[-1].live"
    )
    _until(kernel, "live._controls.buttons['Ask anew'].description", repr("Ask anew (0.40–1.30 USD)"))
    kernel.run(
        "live._offered = (live._offered[0], live._offered[1] - 120)\nlive._controls.buttons['Ask anew'].click()"
    )
    _until(kernel, f"sky.id != {rows['sky'].id!r}", "True")
    kernel.run("sky.wait()")
    _until(kernel, "[row.id for row in live._found.rows][0] == sky.id", "True")


def test_what_was_prepared_for_one_job_never_falls_on_another(
    kernel: Kernel, rows: dict[str, Row], tmp_path: Path
) -> None:
    kernel.run(
        "from pplx_jupyter.notebook.outputs import beside\n%pplx jobs sky\nlive = beside._shown[-1].live\ncontrols = live._controls"
    )
    _until(kernel, "live._offered[0]", repr(rows["sky"].id))
    file = tmp_path / "sky.html"
    name = f"controls.file.value = {str(file)!r}"
    kernel.run(f"anew = controls.buttons['Ask anew']\nlive._click('Export')\n{name}")
    assert kernel.value("len(live._detail.children)") == "1"
    kernel.run("controls.search.value = 'tea'")
    _until(kernel, "live._offered[0]", repr(rows["tea"].id))
    assert kernel.value("live._detail.children") == "()", "the line that names a file is closed"
    # Clicked while the kernel was busy: what stood there then was the other job's.
    kernel.run("live._click('Write the file')\nlive._offered = (live._offered[0], 0.0)\nanew.click()")
    # What is clicked later is done later.
    kernel.run("live._click('Compare')")
    _until(kernel, "'no earlier answer' in live._html['note'].value", "True")
    assert not file.exists()
    assert len(kernel.ledger_rows()) == 2
    kernel.run(
        f"live._click('Export')\n{name}\nlive._chosen = {rows['sky'].id!r}\nlive._click('Write the file')"
    )
    _until(kernel, f"__import__('os').path.exists({str(file)!r})", "True")
    assert "What is oolong tea?" in file.read_text(encoding="utf-8"), "the job that the line was opened for"


def test_a_name_that_python_gave_is_used_only_where_it_fits(kernel: Kernel) -> None:
    kernel.run(
        "from pplx_jupyter import research\nbad = research('Why? outcome:failed', name='../my tea')\nbad.wait()"
    )
    job = kernel.value("bad.id").strip("'")
    assert "Failed" in table(kernel.run(f"%pplx attach {job}"))
    assert "“2x” cannot be a variable's name" in kernel.run(f"%pplx attach {job} 2x").text
    kernel.run("from pplx_jupyter.notebook.outputs import beside\n%pplx jobs\nlive = beside._shown[-1].live")
    _until(kernel, "live._chosen", repr(job))
    kernel.run("live._click('Export')")
    assert kernel.value("live._controls.file.value") == repr(f"{job}.html")
    kernel.run(f"%pplx retry {job}")
    assert len(kernel.ledger_rows()) == 2
    assert kernel.value("'../my tea' in globals()") == "False"


def test_what_nobody_uses_is_put_away(kernel: Kernel, rows: dict[str, Row]) -> None:
    kernel.run(
        "from pplx_jupyter.notebook.outputs import beside\nbeside.IDLE_SECONDS = 0.5\nbeside._LOOK_SECONDS = 0.1",
        cell="setting",
    )
    ran = kernel.run("%pplx jobs", cell="jobs")
    taken = kernel.until(lambda m: m["msg_type"] == "update_display_data")[-1]
    assert taken["parent_header"]["msg_id"] == ran.msg_id
    assert not any(taken["content"]["data"].values())
    assert kernel.value("beside._shown") == "[]"
    # Nothing is left of it but a line, and nothing of that when its cell runs again.
    widgets = "len(__import__('ipywidgets').widgets.widget._instances)"
    _until(kernel, "beside._away[-1].live.box.children[0].comm is None", "False")
    left = int(kernel.value(widgets))
    for shown in ("%pplx jobs", "from pplx_jupyter import CostDashboard\nCostDashboard()") * 2:
        kernel.run(shown, cell="jobs")
        _until(kernel, f"beside._shown == [] and {widgets} <= {left}", "True")


def test_a_job_that_is_watched_below_the_table_keeps_it(kernel: Kernel) -> None:
    kernel.run(
        "import time\nfrom pplx_jupyter.notebook.outputs import beside\n"
        "beside.IDLE_SECONDS = 0.4\nbeside._LOOK_SECONDS = 0.05"
    )
    kernel.run("%%pplx_research slow\nHow long is it? seconds:7200", cell="slow")
    kernel.run("%pplx jobs\nlive = beside._shown[-1].live\nlive._click('Watch')", cell="jobs")
    kernel.run("time.sleep(1)")
    assert kernel.value("[each.live is live for each in beside._shown]") == "[True]"
    kernel.run("slow.cancel()")
    _until(kernel, "(slow.status, beside._shown)", "('cancelled', [])")


def _until(kernel: Kernel, expression: str, value: str) -> None:
    end = time.monotonic() + 15
    while (found := kernel.value(expression)) != value:
        assert time.monotonic() < end, f"{expression} is {found}, not {value}"
        time.sleep(0.05)


# -- costs


def test_costs_as_charts(kernel: Kernel, rows: dict[str, Row]) -> None:
    total = f"{sum(row.cost or 0 for row in rows.values()):.2f}"
    page = kernel.run("%pplx cost --month").displays
    assert len(page) == 1
    assert f"{total} USD in 2 jobs.\nSimulated: nothing was billed." in page[0]["data"]["text/plain"]
    assert "#### By notebook, USD (simulated)" in page[0]["data"]["text/markdown"]
    text, picture = kernel.run("%pplx cost --plot --since 7d").displays
    assert "<details>" in text["data"]["text/html"]
    assert picture["data"]["image/png"].startswith("iVBOR")
    assert "By day, USD (simulated)" in picture["data"]["text/plain"]
    assert picture["metadata"]["image/png"]["width"] > 300
    kernel.run("import sys, importlib.util\nimportlib.util.find_spec = lambda *_, **__: None", cell="hide")
    (plain,) = kernel.run("%pplx cost --plot").displays
    assert "pip install 'pplx-jupyter[charts]'" in plain["data"]["text/plain"]
    assert "By time taken" in plain["data"]["text/html"]
    assert "--since and --month exclude each other" in kernel.run("%pplx cost --month --since 7d").text
    assert "write an age such as 30d" in kernel.run("%pplx cost --since soon").text


def test_the_dashboard_keeps_what_it_shows(kernel: Kernel, rows: dict[str, Row]) -> None:
    kernel.run("from pplx_jupyter import CostDashboard\nfrom pplx_jupyter.notebook.outputs import beside")
    kept, live = (shown["data"] for shown in kernel.run("CostDashboard()").displays)
    assert "By day, USD (simulated)" in kept["text/html"]
    assert WIDGET in live
    kernel.run("beside._shown[-1].live._by.value = 'notebook'")
    _until(kernel, "'By notebook, USD' in beside._shown[-1].live._page.value", "True")
    assert [WIDGET in shown["data"] for shown in kernel.run("CostDashboard()", headless=True).displays] == [
        False
    ]
    assert "choose day, month, notebook" in kernel.run("CostDashboard('colour')").error


def spent(**changes: Any) -> Spent:
    values: dict[str, Any] = {
        "day": "2026-11-20",
        "notebook": "a.ipynb",
        "model": "m",
        "effort": "high",
        "jobs": 1,
    }
    sums = {"reported": 0.0, "estimated": 0.0, "running": 0, "unknown": 0}
    return Spent(**{**values, **sums, **changes})


class _Session:
    """What costs are read from."""

    base_url = "u"

    def __init__(self, found: list[Spent]) -> None:
        self.ledger = self
        self._spent = found

    def spent(self, _base_url: str, _since: float | None, _until: float | None) -> list[Spent]:
        return self._spent

    def jobs(self, **_: object) -> list[Row]:
        return []

    def found(self, _wanted: object, *, limit: int) -> Found:
        return Found([], limit, 0.0, 0.0, 0)


def test_bars_tell_reported_from_estimated_and_what_is_in_none() -> None:
    found = [
        spent(reported=3.0, jobs=4),
        spent(day="2026-11-21", reported=1.0, estimated=0.5, unknown=1, jobs=3, notebook="<b>$1|x"),
        spent(day="2026-11-14", running=1, notebook=""),
    ]
    costs = spending.costs_of(_Session(found), PERIODS["last 30 days"](TODAY))  # type: ignore[arg-type]
    at = datetime.datetime(2026, 11, 22, 14, 40, tzinfo=datetime.UTC)
    forms = page_forms(costs, ["day", "notebook"], [("of this month", 10.0, 5.5)], at=at)
    for form in (each.replace("\u00a0", " ") for each in forms.values()):
        assert "What the research cost, 24 Oct to 22 Nov 2026" in form, "a file outlives “the last 30 days”"
        assert "From the ledger, 22 Nov 2026, 14:40." in form
    lead = "4.50 USD in 8 jobs: 4.00 reported by Perplexity + 0.50 estimated. 1 of them has an unknown cost. 1 of them is under way."
    assert lead in forms["text/markdown"]
    assert "imulated" not in "".join(forms.values())
    assert lead.replace(". ", ".\n") in forms["text/plain"]
    assert "width:100.0%;background-color" in forms["text/html"]
    assert re.search(r"width:16\.7%;box-sizing:border-box;border:1px", forms["text/html"]), "outlined"
    assert "<b>$1" not in forms["text/html"]
    assert "Sun 15 Nov to Thu 19 Nov" in forms["text/plain"], "five days without a question are one line"
    assert "(no notebook)" in forms["text/plain"]
    assert '<meter value="4.5000" max="10.0000"' in forms["text/html"]
    assert "Budget of this month: 10.00 USD, 5.50 left" in forms["text/plain"]
    shown, about = picture_forms(costs, ["day", "notebook"])
    assert shown["image/png"]
    assert about["image/png"]["height"] > 100
    assert "matplotlib.pyplot" not in sys.modules, "the user's figures and backend are left alone"
    many = [spent(notebook=f"n{n}", reported=float(n)) for n in range(30)]
    bars = spending.costs_of(_Session(many), PERIODS["all time"](TODAY)).charts["notebook"].bars  # type: ignore[arg-type]
    assert [bar.name for bar in bars[:2]] + [bars[-1].name] == ["n29", "n28", "18 others"]
    assert sum(bar.reported for bar in bars) == sum(range(30))


def test_periods() -> None:
    month = period_of("month", TODAY)
    assert (month.name, month.first, month.last) == (
        "November 2026",
        datetime.date(2026, 11, 1),
        datetime.date(2026, 11, 30),
    )
    week, year, one = (period_of(text, TODAY) for text in ("7d", "365d", "1d"))
    assert (week.name, week.first) == ("16 Nov to 22 Nov 2026 (7 days)", datetime.date(2026, 11, 16))
    assert [year.name, one.name] == ["23 Nov 2025 to 22 Nov 2026 (365 days)", "22 Nov 2026 (1 day)"]
    assert period_of("2026-11-03", TODAY).name == "since 3 Nov 2026"
    assert period_of("all", TODAY).since is None
    assert month.until - (month.since or 0) >= 29 * 86_400
    with pytest.raises(RequestError, match="such as 30d"):
        period_of("whenever", TODAY)


# -- forms


@pytest.fixture
def many(tmp_path: Path, draft: Callable[..., Any]) -> Found:
    ledger = open_ledger(str(tmp_path / "forms.sqlite"))
    row, _ = intend(
        ledger,
        draft(
            "| *Question* <b>one</b>",
            name="prices",
            notebook="thesis/ch2.ipynb",
            expected={"low": 0.4, "high": 1.3},
        ),
    )
    states: dict[str, dict[str, Any]] = {
        "completed": {"cost": 0.41, "accepted_at": 1.0, "settled_at": row.created_at + 192},
        "incomplete": {"cost": 0.39, "cost_estimated": True},
        "failed": {"accepted_at": 1.0},
        "cancelled": {},
        "unconfirmed": {"sending_at": 1.0},
        "running": {"accepted_at": 1.0},
        "expired": {"forgotten_at": 1.0, "cost": 0.2},
    }
    found = [
        dataclasses.replace(row, id=f"{n:06}", state=state, **how)
        for n, (state, how) in enumerate(states.items())
    ]
    return Found(found, 214, 118.42, 2.37, 3)


@pytest.fixture
def draft() -> Callable[..., Any]:
    from pplx_jupyter.ledger import Draft

    def make(question: str, **changes: Any) -> Draft:
        values: dict[str, Any] = {
            "fingerprint": "v1:q",
            "request": {"prompt": question},
            "base_url": "u",
            "account": "me",
        }
        return Draft(**{**values, "backend": "sonar", "question": question, **changes})

    return make


def test_the_newest_answer_tells_whether_an_address_is_the_simulators(
    tmp_path: Path, draft: Callable[..., Any]
) -> None:
    ledger = open_ledger(str(tmp_path / "addresses.sqlite"))
    here = "http://127.0.0.1:8000"
    assert not is_simulated(ledger, here)
    # A proxy may have taken the simulator's place.
    for number, (body, state, told) in enumerate(
        [
            ('{"response": {"simulated": true}}', "completed", True),
            ('{"response": {}}', "failed", True),
            ('{"response": {}}', "incomplete", False),
        ]
    ):
        row, _ = intend(ledger, draft("why", fingerprint=f"v1:{number}", base_url=here))
        ledger.write(row.id, {"state": state}, body=body)
        assert is_simulated(ledger, here) is told
    assert not is_simulated(ledger, "https://elsewhere.test")


def test_the_table_in_three_forms(many: Found) -> None:
    forms = jobs_forms(many, first=11, utc=True)
    above = "214 jobs, 11–17 shown · 118.42 USD reported + 2.37 USD estimated + 3 of unknown cost"
    for form in forms.values():
        assert above in form.replace("&#x27;", "'").replace("\\", "")
    lines = forms["text/plain"].splitlines()
    assert re.search(
        r"11 .*UTC +finished +000000 +3:12 +0\.41 +prices: \| \*Question\* <b>one</b> \(thesis/ch2\.ipynb\)",
        lines[2],
    )
    assert [line.split("  ")[0] or line for line in lines if "FAILED" in line], "loud in letters"
    assert re.search(r"UNCONFIRMED +000004 .* 0\.00–1\.30", forms["text/plain"])
    assert re.search(r"running +000005 .* 0\.40–1\.30", forms["text/plain"])
    assert "≈ 0.39" in forms["text/plain"]
    assert "(forgotten)" in lines[8]
    assert "<b>one" not in forms["text/html"]
    assert "simulated" not in "".join(forms.values())
    half = dataclasses.replace(
        many, rows=[dataclasses.replace(many.rows[0], base_url="other"), *many.rows[1:]]
    )
    marked = jobs_forms(dataclasses.replace(half, simulated={"u"}))["text/plain"]
    assert marked.count(", simulated") == len(many.rows) - 1
    assert "amounts marked simulated were not billed" in marked
    assert "**prices**: \\| " in forms["text/markdown"]
    unread = jobs_forms(dataclasses.replace(many, unread=7), filters="“x”")["text/plain"]
    assert "Words of 7 older jobs are not read in yet" in unread


def test_what_can_be_done_with_a_job(many: Found) -> None:
    can = {row.state: possible(row)[0] for row in many.rows}
    assert can["completed"] == can["incomplete"] == {"Show", "Ask anew", "Compare", "Export"}
    assert can["failed"] == can["cancelled"] == {"Show", "Ask anew"}
    assert can["running"] == {"Show", "Watch", "Cancel"}
    assert can["unconfirmed"] == can["expired"] == {"Show"}, "settled, or forgotten"


def test_filters_read_back_as_they_were_written() -> None:
    wanted = wanted_of(
        search="heat pump",
        state="failed",
        notebook="this",
        since="2026-11-01",
        cost="unknown",
        here="a.ipynb",
    )
    assert filters_in_words(wanted).startswith(
        "“heat pump”, state failed, notebook a.ipynb, since 1 Nov 2026, 0:00"
    )
    assert filters_in_words(wanted_of()) == ""
    assert wanted_of() == Wanted()
    assert json.loads(json.dumps(wanted_of(state="running").states)) == ["submitting", "queued", "running"]
