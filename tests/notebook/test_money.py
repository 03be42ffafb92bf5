"""Money in the notebook: budgets, dry runs, costs and what is forgotten, in real kernels."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger import open_ledger
from pplx_jupyter.ledger.budgets import Budget, Sums
from pplx_jupyter.notebook.costs import budget_forms, cost_forms, sums_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel, Ran

pytestmark = pytest.mark.slow

FORMS = ("text/plain", "text/markdown", "text/html")


@pytest.fixture
def environment(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A notebook that has a name, and no setting for its budget."""
    del environment["PPLX_JUPYTER_BUDGET"]
    return {**environment, "PPLX_JUPYTER_NOTEBOOK": "market.ipynb"}  # type: ignore[return-value]


def shown(ran: Ran, form: str = "text/plain") -> str:
    """Give what a cell shows, on one line."""
    return " ".join(" ".join(each["data"].get(form, "") for each in ran.displays).split())


def says(ran: Ran, *words: str) -> None:
    """Say that a cell shows these words in each of the three forms."""
    assert ran.reply["status"] == "ok", ran.error or ran.text
    for form in FORMS:
        text = shown(ran, form).replace("\u00a0", " ")
        # What marks words up in a form is no part of them.
        bare = re.sub(r"<[^>]+>|[`*\\]", "", text) if form != "text/plain" else text
        for word in words:
            assert word in bare, f"{word!r} is not in {form}: {bare}"


def one_line_error(ran: Ran, words: str) -> None:
    said = ran.error.strip() or ran.text.strip()
    assert re.search(words, said), said
    assert "\n" not in said


def asks(kernel: Kernel, question: str, flags: str = "", **rest: Any) -> Ran:
    return kernel.run(f"%%pplx_research {flags}\n{question}", **rest)


# -- budgets


def test_a_budget_is_shown_set_and_taken_away(kernel: Kernel, sim: Simulator) -> None:
    says(
        kernel.run("%pplx budget"),
        "Budgets that hold here",
        "this notebook and day",
        "10.00",
        "until you set one",
    )
    says(kernel.run("%pplx budget 0.50 --per notebook"), "this notebook", "0.50", "%pplx budget")
    table = shown(kernel.run("%pplx budget 7 --per month"))
    assert "all notebooks a month 7.00 0.00 0.00 7.00 %pplx budget" in table
    assert "this notebook 0.50 0.00 0.00 0.50 %pplx budget" in table
    assert "notebook and day" not in table
    kernel.run("%pplx budget off --per month")
    assert "until you set one" in shown(kernel.run("%pplx budget off"))
    kernel.run("%config PplxResearch.budget = 3.5")
    assert "this notebook and day 3.50 0.00 0.00 3.50 setting" in shown(kernel.run("%pplx budget"))
    for line, words in {
        "budget lots": "budget lots: write an amount of US dollars such as 5.00, or off. Nothing has changed",
        "budget -1": "write an amount",
        "budget nan": "write an amount",
        "budget 5 --per week": "--per week: choose notebook, day, month or total",
        "budget 5 --per": "--per: choose",
        "budget 5 6": "takes no “6”",
        "budget 5 --day": "--day is not an option here",
        "cost --by colour": "--by colour: choose notebook, day, model or month",
        "cost everything": "takes no “everything”",
        "forget": "takes one job",
        "forget nobody": "no job “nobody” is in the ledger",
        "forget --older-than soon": "write a number and s, min, h, d or w, such as 30d",
        "forget --older-than 9d prices": "takes no “prices”",
    }.items():
        one_line_error(kernel.run(f"%pplx {line}"), words)
    assert sim.requests == []


def test_a_budget_per_notebook_needs_a_notebook(kernel: Kernel) -> None:
    kernel.run("import os; os.environ.pop('PPLX_JUPYTER_NOTEBOOK')")
    one_line_error(
        kernel.run("%pplx budget 5"), "name it in PPLX_JUPYTER_NOTEBOOK, or set a budget --per day"
    )
    says(kernel.run("%pplx budget 5 --per day"), "all notebooks a day", "5.00")


def test_a_refused_cell_says_why_and_what_to_do(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%pplx budget 1.5 --per notebook")
    first = asks(kernel, "Why is the sky blue?", "sky --wait")
    assert first.reply["status"] == "ok", first.error
    spent = kernel.value("f'{sky.cost.total:.2f}'").strip("'")
    left = f"{1.5 - float(kernel.value('sky.cost.total')):.2f}"
    ran = asks(kernel, "Why is grass green?", "sky", cell="cell-2")
    says(
        ran,
        "Not sent: it could pass the budget of this notebook, 1.50 USD. Nothing was billed.",
        f"Spent {spent} USD (simulated), left {left} USD. This question usually costs 0.40–1.30 USD.",
        "Ask it this once: add --yes",
        "Raise the budget: %pplx budget ",
        " --per notebook",
        "sky · ",
    )
    assert "did not fit" not in shown(ran), "it is the only one"
    assert len(sim.bill.jobs) == 1
    assert kernel.value("'sky' in globals()") == "False", (
        "the cell below must not take the earlier answer for this one's"
    )
    assert "From your ledger" in shown(asks(kernel, "Why is the sky blue?", "sky")), "free is free"
    allowed = asks(kernel, "Why is grass green?", "grass --yes --wait", cell="cell-2")
    assert allowed.reply["status"] == "ok", allowed.error
    assert len(sim.bill.jobs) == 2
    says(
        asks(kernel, "Why is rock grey?", cell="cell-3"),
        "Not sent: it could pass the budget of this notebook, 1.50 USD.",
    )


def test_the_cells_that_do_not_fit_have_one_sum(kernel: Kernel, sim: Simulator) -> None:
    sim.add_fault("hold@post")
    try:
        kernel.run("%pplx budget 3 --per day")
        for n in (1, 2):
            asks(kernel, f"Question {n}?", f"q{n}", cell=f"cell-{n}")
        third = asks(kernel, "Question 3?", "q3", cell="cell-3")
        says(
            third,
            "Spent 0.00 USD, set aside for 2 running jobs 2.60 USD, left 0.40 USD.",
            "of this day, 3.00 USD",
        )
        for n in (4, 3):
            ran = asks(kernel, f"Question {n}?", f"q{n}", cell=f"cell-{n}")
            says(ran, "With this one, 2 questions of this notebook did not fit, up to 2.60 USD together.")
        says(asks(kernel, "Question 5?", cell="cell-5"), "With this one, 3 questions of this notebook")
        assert len(kernel.ledger_rows()) == 2
        # Raised as the note says, they all fit; the sum begins anew.
        remedy = re.search(r"%pplx budget \d+\.\d\d --per day", shown(ran))
        assert remedy is not None
        kernel.run(remedy[0])
        asks(kernel, "Question 3?", "q3", cell="cell-3")
        assert len(kernel.ledger_rows()) == 3
        again = asks(kernel, "Question 4?", "q4", cell="cell-4")
        assert "did not fit" not in shown(again)
    finally:
        sim.release()


def test_a_setting_is_raised_in_the_notebook_whatever_set_it(kernel: Kernel) -> None:
    kernel.run("import os; os.environ['PPLX_JUPYTER_BUDGET'] = '0.20'")
    ran = asks(kernel, "Why?")
    says(ran, "of this notebook and day, 0.20 USD", "Raise the budget: %config PplxResearch.budget = 2")
    kernel.run("%config PplxResearch.budget = 2")
    assert asks(kernel, "Why?", "--wait").reply["status"] == "ok"
    assert len(kernel.ledger_rows()) == 1


def test_a_lower_effort_that_is_known_to_cost_less_is_named(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%pplx budget 30 --per day")
    code = "from pplx_jupyter import research\nfor n in range(5): research(f'Q{n}', reasoning_effort='low').wait()"
    assert kernel.run(code).reply["status"] == "ok"
    kernel.run("%pplx budget 0.1 --per day")
    says(asks(kernel, "Why?", "--effort high"), "Cheaper: --effort low (usually 0.")
    assert "Cheaper" not in shown(asks(kernel, "Why?", "--effort low"))


def test_an_unattended_run_fails_on_it(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%pplx budget 0.5 --per notebook")
    ran = asks(kernel, "Why?", "sky", headless=True)
    assert (ran.reply["status"], ran.reply["ename"]) == ("error", "BudgetExceeded")
    one_line_error(
        ran, r"BudgetExceeded: it could pass the budget of this notebook, 0\.50 USD: .* Nothing was sent\.$"
    )
    assert (sim.requests, kernel.ledger_rows()) == ([], [])
    assert asks(kernel, "Why?", "sky --yes", headless=True).reply["status"] == "ok"


def test_a_move_that_does_not_fit_says_so_in_the_cell(kernel: Kernel, sim: Simulator) -> None:
    sim.sonar_retired = True
    kernel.run("%pplx budget 1.4 --per notebook")
    # Cheap on sonar so far, and nothing is known of the agent API.
    code = (
        "from pplx_jupyter.session import current_session; from pplx_jupyter.ledger import Draft\n"
        "from pplx_jupyter.reuse import decide\ns = current_session()\n"
        "for n in range(5):\n"
        "    d = Draft(fingerprint=f'p{n}', request={'prompt': 'p'}, base_url=s.base_url, account='a', backend='sonar',"
        " model='sonar-deep-research', notebook='market.ipynb')\n"
        "    row, _ = s.ledger.intend(d, decide, allowed=True)\n"
        "    s.ledger.write(row.id, {'state': 'completed', 'cost': 0.04, 'accepted_at': 1.0, 'settled_at': 2.0})"
    )
    ran = kernel.run(code)
    assert ran.reply["status"] == "ok", ran.error
    failed = asks(kernel, "Why?", "sky --wait")
    assert failed.reply["ename"] == "BudgetExceeded"
    says(
        kernel.run("%pplx show sky"),
        "Not sent: moved to the agent API, it could pass the budget of this notebook, 1.40 USD. Nothing was billed.",
        "Ask it this once: add --yes",
        "Raise the budget: %pplx budget 2.00 --per notebook",
    )
    assert sim.bill.jobs == []


# -- trying out


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(
    environment: dict[str, str], sim: Simulator
) -> None:
    from tests.notebook.conftest import Kernel

    del environment["PERPLEXITY_API_KEY"]
    kernel = Kernel(
        {
            **environment,
            "HOOK": "whsec_SECRETVALUE",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
    )
    try:
        kernel.run("%load_ext pplx_jupyter")
        kernel.run("region = '<b>Norway</b> $x$ |'")
        ran = asks(
            kernel, "How is {{ region }}?",
            "sky --dry-run --effort high --webhook-url https://a.example/hook --webhook-secret $HOOK",
        )  # fmt: skip
        says(
            ran,
            "Dry run: a question that would be sent to the sonar API. Nothing was sent or billed.",
            "Such a question usually takes and costs 2–6 min and 0.40–1.30 USD (published).",
            f"POST {sim.url}/async/chat/completions",
            '"reasoning_effort": "high"',
            "(not shown)",
        )
        for form in FORMS:
            assert "SECRETVALUE" not in shown(ran, form)
            assert "{{ region }}" in shown(ran, form)
        assert "<b>Norway</b> $x$" not in shown(ran, "text/html").replace("<code>", "")
        literal = asks(
            kernel, "Why?", "--dry-run --webhook-url https://a.example/hook --webhook-secret plainSECRETVALUE"
        )
        assert "SECRETVALUE" not in "".join(shown(literal, form) for form in FORMS)
        assert "(not shown)" in shown(literal)
        agent = shown(asks(kernel, "Why?", "--dry-run --agent-effort low"))
        assert "would be sent to the agent API" in agent
        assert "What such a question costs is not known yet; 1.30 USD would be set aside for it." in agent
        assert f"POST {sim.url}/v1/" in agent
        kernel.run("%pplx budget 0.5")
        refused = asks(kernel, "Why?", "--dry-run")
        says(
            refused,
            "Dry run: refused, since it could pass the budget of this notebook, 0.50 USD. Nothing was sent or billed.",
            "Of that budget 0.00 USD is spent, 0.00 USD set aside, 0.50 USD left.",
        )
        assert "would be sent to the sonar API" in shown(asks(kernel, "Why?", "--dry-run --yes"))
        assert kernel.value("'sky' in globals()") == "False"
        assert (kernel.ledger_rows(), sim.requests) == ([], [])
        assert asks(kernel, "Why?", "--dry-run", headless=True).reply["status"] == "ok"
    finally:
        kernel.close()


def test_a_dry_run_of_what_is_there_already(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%pplx budget 1.5")
    assert asks(kernel, "Why?", "sky --wait").reply["status"] == "ok"
    job = kernel.ledger_rows()[0]
    dry = asks(kernel, "Why?", "sky --dry-run")
    says(
        dry,
        f"Dry run: answered in your ledger already (sky ({job.id}),",
        "Running it costs nothing.",
        "Only --refresh would send: POST",
    )
    assert "budget" not in shown(dry)
    assert "would be sent" in shown(asks(kernel, "Why?", "sky --dry-run --max-age 0s --yes"))
    assert "refused, since" in shown(asks(kernel, "Why?", "sky --dry-run --refresh"))
    sim.add_fault("fail@post#1")
    asks(kernel, "How?", "how --wait --yes")
    says(asks(kernel, "How?", "--dry-run"), "is failed.", "Running it shows that record and sends nothing.")
    assert "refused, since" in shown(asks(kernel, "How?", "--dry-run --retry-failed"))
    sim.add_fault("stuck@post#1")
    asks(kernel, "When?", "then --yes")
    says(
        asks(kernel, "When?", "--dry-run"),
        "Dry run: under way already",
        "Running it follows that job and buys nothing.",
    )
    assert len(kernel.ledger_rows()) == 3


# -- an age


def test_max_age_asks_anew_what_is_older(kernel: Kernel, sim: Simulator) -> None:
    assert asks(kernel, "Why?", "sky --wait").reply["status"] == "ok"
    asks(kernel, "Why?", "sky --max-age 1h")
    assert len(sim.bill.jobs) == 1
    assert asks(kernel, "Why?", "sky --wait --max-age 0s").reply["status"] == "ok"
    assert len(sim.bill.jobs) == 2
    assert len([row for row in kernel.ledger_rows() if row.state == "completed"]) == 2
    one_line_error(
        asks(kernel, "Why?", "--max-age soon"), "write a number and s, min, h, d or w.*Nothing was sent"
    )


# -- what it cost, and forgetting


def test_costs_and_forgetting(kernel: Kernel, sim: Simulator, environment: dict[str, str]) -> None:
    says(kernel.run("%pplx cost"), "Nothing has been asked at this address yet")
    assert asks(kernel, "Why is PROMPTWORD so?", "sky --wait").reply["status"] == "ok"
    sim.add_fault("no-cost@post#1")
    assert asks(kernel, "How?", "how --wait").reply["status"] == "ok"
    sim.add_fault("stuck@post#1")
    asks(kernel, "When?", "then")
    rows = {row.name: row for row in kernel.ledger_rows()}
    reported, estimated = f"{rows['sky'].cost:.2f}", f"{rows['how'].cost:.2f}"
    head = f"USD · {reported} USD reported + ≈ {estimated} USD estimated + 1 under way (0.40–1.30 USD)"
    for by, key in {
        "notebook": "market.ipynb",
        "day": rows["sky"].day,
        "month": rows["sky"].day[:7],
        "model": "sonar-deep-research",
    }.items():
        ran = kernel.run(f"%pplx cost --by {by}")
        says(ran, f"3 jobs by {by}, {head}", key, f"≈ {estimated}")
        assert "1: 0.40–1.30" in shown(ran)
        assert "1 under way: 0.40–1.30" in re.sub(r"<[^>]+>", "", shown(ran, "text/html"))
        says(ran, "· simulated: nothing was billed")
    assert shown(kernel.run("%pplx cost")) == shown(kernel.run("%pplx cost --by notebook"))
    one_line_error(
        kernel.run("%pplx forget then"),
        "is (submitting|queued|running): only what has ended can be forgotten",
    )
    told = kernel.run("%pplx forget --older-than 0s").text
    cost = f"{(rows['sky'].cost or 0) + (rows['how'].cost or 0):.2f}"
    assert (
        f"of 2 jobs for good; they cost {cost} USD. Nothing was deleted. To do it: %pplx forget --older-than 0s --yes"
        in told
    )
    assert "nothing was deleted" in kernel.run("%pplx forget --older-than 30d --yes").text
    aside = [f"ledger.sqlite.broken-20260101-000000{end}" for end in ("", "-wal")]
    folder = Path(environment["PPLX_JUPYTER_LEDGER"]).parent
    for name in aside:
        (folder / name).write_text("PROMPTWORD")
    gone = kernel.run("%pplx forget sky").text
    still = f"{', '.join(aside)} in {folder} are left of a broken ledger, and may still hold it: delete those files"
    assert still in gone
    assert gone.startswith(
        f"Prompts and answers of sky ({rows['sky'].id}) are deleted; what they cost is kept."
    )
    again = kernel.run(f"%pplx forget {rows['sky'].id}").text
    assert "was forgotten before" in again
    assert still in again
    for name in aside:
        assert (folder / name).read_text() == "PROMPTWORD", "deleting files is a person's own decision"
        (folder / name).unlink()
    says(kernel.run("%pplx cost"), f"3 jobs by notebook, {head}")
    says(
        kernel.run(f"%pplx show {rows['sky'].id}"),
        "Forgotten: its prompt and answer were deleted",
        f"{reported} USD, billed.",
    )
    assert kernel.value("sky.answer") == "None"
    assert "PROMPTWORD" not in shown(kernel.run("%pplx jobs --all"))
    ledger = open_ledger(environment["PPLX_JUPYTER_LEDGER"])
    assert ledger.get(rows["sky"].id).request == {}  # type: ignore[union-attr]
    assert "broken" not in kernel.run("%pplx forget --older-than 0s --yes").text
    assert len([row for row in ledger.jobs() if row.forgotten_at]) == 2
    assert asks(kernel, "Why is PROMPTWORD so?", "sky --wait").reply["status"] == "ok"
    assert len(sim.bill.jobs) == 4, "what is forgotten is bought anew"
    assert asks(kernel, "Why is PROMPTWORD so?", "sky --wait --refresh").reply["status"] == "ok"
    one_line_error(
        kernel.run("%pplx forget sky"),
        r"“sky” names 2 jobs \(\w+, \w+\): write the id of the one to forget. Nothing was deleted",
    )
    assert len([row for row in ledger.jobs() if row.forgotten_at]) == 2


# -- tables of hostile names


def test_a_hostile_notebooks_name_is_text_in_a_table() -> None:
    name = "a|b\n<script>alert(1)</script> $x$ `c` *d* [e](http://f) ~~g~~.ipynb"
    found = {name: Sums(jobs=1, reported=10**9), "": Sums(jobs=2, unknown=2, unknown_high=2_600_000_000)}
    forms = cost_forms("notebook", found)
    assert "<script>" not in forms["text/html"] + forms["text/markdown"]
    lines = forms["text/markdown"].splitlines()
    (row,) = [line for line in lines if "script" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5, "a cell more would shift what stands beside it"
    assert "$x$" not in row
    assert len(forms["text/plain"].splitlines()) == 5
    assert "(no notebook)" in forms["text/plain"]
    assert lines[-1].startswith("| **Total** | **3** | **1.00** |")


def test_sums_are_told_apart() -> None:
    sums = Sums(4, 10**9, 5 * 10**8, 1, 10**8, 10**9, 2, 26 * 10**8)
    assert sums_in_words(sums) == (
        "1.00 USD reported + ≈ 0.50 USD estimated + 1 under way (0.10–1.00 USD) + 2 of unknown cost (up to 2.60 USD)"
    )
    assert sums_in_words(Sums()) == "0.00 USD reported"


def test_the_days_come_newest_first_and_the_dearest_before_the_cheap() -> None:
    days = {"2026-11-21": Sums(1, 9 * 10**9), "2026-11-22": Sums(1, 10**9), "2026-11-20": Sums()}
    assert [line.split()[0] for line in cost_forms("day", days)["text/plain"].splitlines()[2:]] == ["2026-11-22", "2026-11-21", "Total"]  # fmt: skip
    models = {"cheap": Sums(1, 10**8), "dear": Sums(1, 10**9), "waiting": Sums(1, 0, 0, 1, 0, 5 * 10**9)}
    assert [line.split()[0] for line in cost_forms("model", models)["text/plain"].splitlines()[2:]] == ["dear", "cheap", "waiting", "Total"]  # fmt: skip


def test_a_narrow_page_loses_no_amount_and_a_kept_one_its_date() -> None:
    at = datetime.datetime(2026, 11, 22, 14, 40, tzinfo=datetime.UTC)
    sums = Sums(4, 10**9, 5 * 10**8, 1, 10**8, 10**9, 2, 26 * 10**8)
    cost = cost_forms("notebook", {"a.ipynb": sums}, at=at)
    budget = budget_forms({"total": ""}, [Budget("total", "", 9.0)], None, {"total": sums}, at=at)
    for forms, read in (
        (cost, "all jobs until 22 Nov 2026, 14:40."),
        (budget, "From the ledger, 22 Nov 2026, 14:40."),
    ):
        assert forms["text/html"].count("<th ") <= 4
        assert all(read in form.replace("\u00a0", " ") for form in forms.values())
    bare = re.sub(r"<[^>]+>", "", cost["text/html"]).replace("\u00a0", " ")
    for words in ("≈ 0.50 estimated", "1 under way: 0.10–1.00", "2 of unknown cost: up to 2.60"):
        assert words in bare
    assert ">3.60 set aside<" in budget["text/html"]
    assert "| Budget of | USD | Spent | Set aside | Left | From |" in budget["text/markdown"]


def test_what_is_left_is_never_below_nothing() -> None:
    keys = {"notebook": "a", "day": "d", "month": "m", "total": "", "notebook day": "d a", "run": "r"}
    forms = budget_forms(keys, [Budget("total", "", 1.0)], 0.0, {"total": Sums(1, 3 * 10**9)})
    plain = " ".join(forms["text/plain"].split())
    assert "this ledger 1.00 3.00 0.00 0.00 %pplx budget" in plain
    assert "this run 0.00 0.00 0.00 0.00 setting" in plain
