"""The magics in a real kernel, against the simulator over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel

WIDGET = "application/vnd.jupyter.widget-view+json"
SLOW = "seconds:1200"


def finals(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [m["content"] for m in messages if m["msg_type"] == "update_display_data"]


def is_answer(message: dict[str, Any]) -> bool:
    return message["msg_type"] == "update_display_data" and "Sources" in str(message["content"]["data"])


def test_a_cell_returns_at_once_and_its_outputs_become_the_answer(kernel: Kernel, sim: Simulator) -> None:
    ran = kernel.run("%%pplx_research tea --effort high\nWhat is tea?")
    assert ran.reply["status"] == "ok", ran.error
    panel, hint = ran.displays
    assert WIDGET in panel["data"]
    assert "run this cell again" in hint["data"]["text/plain"].replace("\n", " ")
    messages = kernel.until(is_answer)
    upper, lower = finals(messages)[-2:]
    assert upper["transient"]["display_id"] == panel["transient"]["display_id"]
    assert lower["transient"]["display_id"] == hint["transient"]["display_id"]
    for form in ("text/html", "text/markdown", "text/plain"):
        assert "Finished" in upper["data"][form]
        assert "Sources" in lower["data"][form]
    assert WIDGET not in upper["data"]
    assert lower["metadata"]["pplx_jupyter"]["state"] == "completed"
    assert {m["parent_header"]["msg_id"] for m in messages} == {ran.msg_id}
    assert len(sim.bill.jobs) == 1
    assert kernel.value("tea.answer.cost.total > 0, tea.status") == "(True, 'completed')"


def test_running_a_settled_cell_again_sends_nothing_and_says_so(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%%pplx_research tea\nWhat is tea?")
    kernel.until(is_answer)
    asked = len(sim.requests)
    again = kernel.run("%%pplx_research tea\nWhat is tea?")
    upper, lower = again.displays
    assert "From your ledger" in upper["data"]["text/plain"]
    assert "nothing sent" in upper["data"]["text/plain"].replace("\n", " ")
    assert "Sources" in lower["data"]["text/html"]
    assert len(sim.requests) == asked
    assert len(sim.bill.jobs) == 1


def test_running_a_cell_whose_job_is_under_way_follows_it(kernel: Kernel, sim: Simulator) -> None:
    kernel.run(f"%%pplx_research tea\nWhat is tea? {SLOW}")
    again = kernel.run(f"%%pplx_research tea\nWhat is tea? {SLOW}")
    assert WIDGET in again.displays[0]["data"]
    kernel.until(lambda _: bool(sim.bill.jobs))
    assert (len(sim.bill.jobs), len(kernel.ledger_rows())) == (1, 1), (
        "a cell that has ended has written its intent"
    )


def test_a_mended_typo_offers_to_cancel_the_cells_earlier_job(kernel: Kernel, sim: Simulator) -> None:
    kernel.run(f"%%pplx_research tea\nWaht is tea? {SLOW}")
    kernel.until(lambda _: bool(sim.bill.jobs))
    ran = kernel.run(f"%%pplx_research tea\nWhat is tea? {SLOW}")
    opened = str([m["content"] for m in ran.messages if m["msg_type"] == "comm_open"])
    assert "This cell asked another question before" in opened
    assert "Cancel the earlier job" in opened


def test_another_cell_with_another_question_is_no_mended_typo(kernel: Kernel) -> None:
    kernel.run(f"%%pplx_research tea\nWhat is tea? {SLOW}", cell="one")
    ran = kernel.run(f"%%pplx_research rum\nWhat is rum? {SLOW}", cell="two")
    assert "asked another question before" not in str([m["content"] for m in ran.messages])


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        (
            "%%pplx_research --recensy week\nx",
            "--recensy is not an option; did you mean --recency? Nothing was sent.",
        ),
        ("%%pplx_research --search-mode web\nx", "did you mean --mode? Nothing was sent."),
        (
            "%%pplx_research --recency fortnight\nx",
            "--recency fortnight: choose hour, day, week, month or year. Nothing was sent.",
        ),
        (
            "%%pplx_research --recency\nx",
            "--recency lacks its value: choose hour, day, week, month or year. Nothing was sent.",
        ),
        ("%%pplx_research a b\nx", "one word too many"),
        ("%%pplx_research 2much\nx", "cannot be a variable's name"),
        (
            "%%pplx_research --max-tokens many\nx",
            "--max-tokens many: write a whole number. Nothing was sent.",
        ),
        ("%%pplx_research --max-tokens 0\nx", "--max-tokens"),
        ('%%pplx_research "a\nx', "a quotation mark on this line is not closed"),
        (
            "%%pplx_research --recency week --after-date 01/02/2026\nx",
            "--recency and --after-date exclude each other",
        ),
        ("%%pplx_research\nx {{ nothere }}", "{{ nothere }} is not defined"),
        ("%%pplx_research\nx {{ 1 + }}", "the prompt's template cannot be read"),
        ("%%pplx_research\nx {{ open", "never closes it"),
        ("%%pplx_research --effort high\n  \n", "the cell has no prompt"),
        ("%pplx_research What is tea", "takes no prompt on its line"),
        ("%%pplx_research --wait --no-wait\nx", "--wait and --no-wait exclude each other"),
        ("%%pplx_research --timeout soon\nx", "--timeout soon: write a number of seconds"),
        ("%pplx shwo", "did you mean %pplx show?"),
        ("%pplx show", "takes one job"),
        ("%pplx show nosuch", "no job “nosuch” is in the ledger"),
        ("%pplx key pplx-secret", "takes no key on its line"),
        ("%pplx jobs --everything", "is not an option here"),
    ],
)
def test_a_users_mistake_is_one_line_and_sends_nothing(
    kernel_once: Kernel, sim_once: Simulator, cell: str, line: str
) -> None:
    ran = kernel_once.run(cell)
    assert ran.reply["status"] == "error"
    said = ran.error or ran.warned.strip().splitlines()[-1]
    assert line in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
    assert not sim_once.requests
    assert not kernel_once.ledger_rows()


def test_the_magic_explains_itself(kernel_once: Kernel) -> None:
    for cell in ("%pplx_research", "%%pplx_research\n\n  \n"):
        text = kernel_once.run(cell).text
        assert "%%pplx_research prices --effort high" in text
        assert "--domains" in text
        assert "--take" in text
    assert "Example" in str(kernel_once.run("%pplx_research?").reply["payload"])
    assert "%pplx settle ID" in kernel_once.run("%pplx").text


def test_without_a_key_one_line_says_how_to_get_one(environment: dict[str, str], sim: Simulator) -> None:
    from tests.notebook.conftest import Kernel

    kernel = Kernel({k: v for k, v in environment.items() if k != "PERPLEXITY_API_KEY"})
    try:
        kernel.run("%load_ext pplx_jupyter")
        ran = kernel.run("%%pplx_research\nWhat is tea?")
        assert ran.error.startswith("KeyMissing: no Perplexity key is set.")
        for word in ("%pplx key", "PERPLEXITY_API_KEY", "%pplx demo", "Nothing was sent"):
            assert word in ran.error
        kernel.run("%pplx key", answer="pplx-typed-0123456789abcdef")
        assert kernel.run("%%pplx_research\nWhat is tea?").reply["status"] == "ok"
        kernel.until(is_answer)
        kept = kernel.run("print(In)").text + kernel.run("%pplx doctor").displays[0]["data"]["text/plain"]
        assert "pplx-typed" not in kept
        assert "…cdef" in kept
    finally:
        kernel.close()
    assert len(sim.bill.jobs) == 1


def test_failure_shows_a_note_with_what_to_do_and_is_not_bought_again(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%%pplx_research bad\nWhat is tea? outcome:failed")
    messages = kernel.until(
        lambda m: m["msg_type"] == "update_display_data" and "Failed after" in str(m["content"])
    )
    note = finals(messages)[-1]["data"]
    assert "--refresh" in note["text/plain"]
    again = kernel.run("%%pplx_research bad\nWhat is tea? outcome:failed")
    assert "Failed after" in again.displays[0]["data"]["text/plain"]
    assert len(sim.bill.jobs) == 1
    assert kernel.run("bad.wait()").error.startswith("JobFailed: bad (")
    retried = kernel.run("%pplx retry bad")
    assert WIDGET in retried.displays[0]["data"]
    kernel.until(lambda m: m["msg_type"] == "update_display_data" and "Failed after" in str(m["content"]))
    assert len(sim.bill.jobs) == 2


def test_an_unconfirmed_job_is_settled_by_the_user_alone(kernel: Kernel, sim: Simulator) -> None:
    sim.add_fault("reset-after@post+agent", times=1)
    kernel.run("%%pplx_research tea --backend agent\nWhat is tea?")
    kernel.until(lambda m: m["msg_type"] == "update_display_data" and "Unconfirmed" in str(m["content"]))
    again = kernel.run("%%pplx_research tea --backend agent\nWhat is tea?")
    assert "Unconfirmed" in again.displays[0]["data"]["text/plain"]
    assert len(sim.bill.jobs) == 1
    assert kernel.run("tea.wait()").error.startswith("JobUnconfirmed")
    assert "needs one of" in kernel.run("%pplx settle tea").text
    kernel.run("%pplx settle tea --ask-again")
    kernel.until(is_answer)
    assert len(sim.bill.jobs) == 2
    assert kernel.value("tea.status") == "'completed'"


def test_dropping_an_unconfirmed_job_closes_it(kernel: Kernel, sim: Simulator) -> None:
    sim.add_fault("reset-after@post+agent", times=1)
    kernel.run("%%pplx_research tea --backend agent\nWhat is tea?")
    kernel.until(lambda m: m["msg_type"] == "update_display_data" and "Unconfirmed" in str(m["content"]))
    assert "is closed" in kernel.run("%pplx settle tea --drop").text
    kernel.run("%%pplx_research tea --backend agent\nWhat is tea?")
    assert kernel.value("tea.status") == "'cancelled'"
    assert len(sim.bill.jobs) == 1


def test_cancel_asks_the_service(kernel: Kernel, sim: Simulator) -> None:
    kernel.run(f"%%pplx_research tea\nWhat is tea? {SLOW}")
    kernel.until(lambda _: bool(sim.bill.jobs))
    assert "asked to stop" in kernel.run("%pplx cancel tea").text
    kernel.until(lambda m: m["msg_type"] == "update_display_data" and "Cancelled after" in str(m["content"]))
    assert kernel.run("tea.wait()").error.startswith("JobCancelled")
    assert "nothing to cancel" in kernel.run("%pplx cancel tea").text


def test_show_attach_and_jobs_find_a_job_of_another_kernel(
    kernel: Kernel, environment: dict[str, str], sim: Simulator
) -> None:
    from tests.notebook.conftest import Kernel

    kernel.run("%%pplx_research tea\nWhat is tea?")
    kernel.until(is_answer)
    job_id = kernel.value("tea.id").strip("'")
    other = Kernel(environment)
    try:
        other.run("%load_ext pplx_jupyter")
        assert job_id in other.run("%pplx jobs").displays[0]["data"]["text/plain"]
        assert "Sources" in other.run(f"%pplx show {job_id[:4]}").displays[-1]["data"]["text/plain"]
        other.run("%pplx attach tea")
        assert other.value("tea.id") == repr(job_id)
        assert other.run("tea").displays[-1]["data"]["text/html"]
    finally:
        other.close()
    assert len(sim.bill.jobs) == 1


def test_awaiting_and_waiting_give_the_answer_and_its_permanent_forms(kernel: Kernel) -> None:
    kernel.run("%%pplx_research tea\nWhat is tea?")
    ran = kernel.run("answer = await tea\nanswer")
    forms = ran.displays[-1]["data"]
    assert "Finished" in forms["text/plain"]
    assert "Sources" in forms["text/html"]
    assert kernel.value("tea.wait().text == answer.text") == "True"
    timed_out = kernel.run(f"from pplx_jupyter import research\nresearch('slow {SLOW}').wait(timeout=0.3)")
    assert timed_out.error.startswith("WaitTimeout")
    assert "it goes on" in timed_out.error


def test_the_kernels_own_tasks_go_on_in_a_nested_wait(kernel: Kernel) -> None:
    kernel.run("%%pplx_research tea\nWhat is tea?")
    code = (
        "import asyncio\nticks = []\n"
        "async def tick():\n    while True:\n        ticks.append(1)\n        await asyncio.sleep(0.05)\n"
        "task = asyncio.get_running_loop().create_task(tick())\n"
        "_ = tea.wait(nested=True)\ncount = len(ticks)\ntask.cancel()\n"
    )
    ran = kernel.run(code)
    assert ran.reply["status"] == "ok", ran.error
    assert int(kernel.value("count")) > 5


def test_config_and_environment_set_what_cells_do(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%config PplxResearch.backend = 'agent'")
    kernel.run("%%pplx_research tea\nWhat is tea?")
    kernel.until(is_answer)
    assert sim.bill.jobs[0]["backend"] == "agent"
    assert "timeout" in kernel.run("%config PplxResearch").text


def test_an_account_without_sonar_moves_to_agent_and_says_so(kernel: Kernel, sim: Simulator) -> None:
    sim.sonar_retired = True
    kernel.run("%%pplx_research tea\nWhat is tea?")
    messages = kernel.until(is_answer)
    shown = str([m["content"] for m in messages])
    assert "Moved to the agent API" in shown
    assert "Answered by the agent API" in str(finals(messages)[-1]["data"])
    assert [job["backend"] for job in sim.bill.jobs] == ["agent"]
    assert (
        "retired for this key: questions go" in kernel.run("%pplx doctor").displays[0]["data"]["text/plain"]
    )
    sim.sonar_retired = False
    kernel.run("%%pplx_research rum\nWhat is rum?")
    assert "asks the sonar API first" in kernel.run("%pplx doctor --forget-retired").text
    kernel.run("%%pplx_research gin\nWhat is gin?")
    assert kernel.value("rum.row.backend, gin.row.backend") == "('agent', 'sonar')"


def test_unloading_takes_everything_away_and_loading_twice_is_one(kernel: Kernel) -> None:
    kernel.run("%load_ext pplx_jupyter\n%reload_ext pplx_jupyter")
    assert kernel.value("sum(type(c).__name__ == 'PplxResearch' for c in get_ipython().configurables)") == "1"
    kernel.run("%unload_ext pplx_jupyter")
    assert "not found" in kernel.run("%pplx").text
    kernel.run("%load_ext pplx_jupyter")
    assert "%pplx show" in kernel.run("%pplx").text


def test_a_job_displays_itself_as_its_cell_does_while_the_extension_is_loaded(kernel: Kernel) -> None:
    def displayed() -> list[str]:
        ran = kernel.run("tea")
        return [m["msg_type"] for m in ran.messages if m["msg_type"] in {"display_data", "execute_result"}]

    kernel.run("%%pplx_research tea --wait\nWhat is tea?")
    kernel.run("%unload_ext pplx_jupyter")
    assert displayed() == ["execute_result"]
    kernel.run("%load_ext pplx_jupyter")
    assert set(displayed()) == {"display_data"}
    kernel.run("%unload_ext pplx_jupyter")
    assert displayed() == ["execute_result"], "IPython files a printer elsewhere once it was used"


KEYRING = """
import keyring, keyring.backend
before, kept = keyring.get_keyring(), {}
class Keyring(keyring.backend.KeyringBackend):
    priority = 1
    def get_password(self, service, name):
        return kept.get((service, name))
    def set_password(self, service, name, password):
        kept[service, name] = password
keyring.set_keyring(Keyring())
from pplx_jupyter.api.key import find_key
from pplx_jupyter.session import current_session
"""


def test_a_key_is_kept_for_later_kernels_only_where_one_says_so(kernel_once: Kernel) -> None:
    pytest.importorskip("keyring")
    typed, saved = "pplx-typed-0123456789abcdef", "pplx-saved-0123456789abcdef"
    kernel_once.run(KEYRING)
    try:
        assert "--save keeps it" in kernel_once.run("%pplx key", answer=typed).text
        assert kernel_once.value("kept") == "{}"
        assert "in this machine's keyring" in kernel_once.run("%pplx key --save", answer=saved).text
        assert kernel_once.value("list(kept.values())") == f"['{saved}']"
        assert kernel_once.value("find_key({}).origin, find_key({}).masked()") == "('the keyring', '…cdef')"
    finally:
        kernel_once.run("keyring.set_keyring(before)\ncurrent_session().typed_key = None")


def test_the_help_has_every_verb_and_no_words_run_together(kernel: Kernel) -> None:
    from pplx_jupyter.notebook.flags.verbs import USAGES
    from pplx_jupyter.notebook.verbs import VERBS

    assert list(USAGES) == list(VERBS)
    shown = kernel.run("%pplx").text
    for usage, text in USAGES.values():
        between = shown.partition(f"%pplx {usage}")[2].partition(text)[0]
        assert between.isspace(), usage
    assert len(shown.splitlines()) > len(USAGES)
    assert shown in kernel.run("print(get_ipython().object_inspect_text('%pplx'))").text
    assert all(kernel.run(f"%pplx {typed}").text == shown for typed in ("--help", "help"))
    for verb, (usage, text) in USAGES.items():
        told = kernel.run(f"%pplx {verb} --help").text
        assert told.startswith(f"%pplx {usage}\n  {text}\n")
    from pplx_jupyter.notebook.history import FILTERS

    told = kernel.run("%pplx help jobs").text
    assert told == kernel.run("%pplx jobs tea -h").text
    assert all(flag in told for flag in FILTERS)
    assert "did you mean %pplx jobs?" in kernel.run("%pplx job --help").text
    assert (
        "No job fits: “help”"
        in kernel.run("%pplx jobs help", headless=True).displays[0]["data"]["text/plain"]
    )


def test_the_demo_needs_no_key(environment: dict[str, str], sim: Simulator) -> None:
    from tests.notebook.conftest import Kernel

    kernel = Kernel({k: v for k, v in environment.items() if k != "PERPLEXITY_API_KEY"})
    try:
        kernel.run("%load_ext pplx_jupyter")
        assert "asks the simulator" in kernel.run("%pplx demo").text
        assert kernel.run("%%pplx_research tea\nWhat is tea? seconds:60").reply["status"] == "ok"
        kernel.until(is_answer)
        assert "has ended" in kernel.run("%pplx demo --stop").text
        assert kernel.run("%%pplx_research tea\nWhat is tea? seconds:60").error.startswith("KeyMissing")
    finally:
        kernel.close()
    assert not sim.requests


def live_models(kernel: Kernel) -> int:
    return int(kernel.value("len(__import__('ipywidgets').Widget.widgets)"))


def test_running_a_cell_again_closes_its_earlier_panel_and_two_panels_of_one_run_live_together(
    kernel: Kernel,
) -> None:
    two = (
        "from pplx_jupyter import research\n"
        "for topic in ('tea', 'rum'):\n    display(research(f'What is {topic}? seconds:6000'))"
    )
    first = kernel.run(two, cell="two")
    assert sum(WIDGET in shown["data"] for shown in first.displays) == 2
    models = live_models(kernel)
    for _ in range(3):
        assert kernel.run(two, cell="two").reply["status"] == "ok"
    assert live_models(kernel) == models
    kernel.run(two, cell="another")
    assert live_models(kernel) > models


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        (
            "%%pplx_research x --refresh=no\nx",
            "--refresh takes no value: write it alone, or leave it out. Nothing was sent.",
        ),
        ("%%pplx_research x --no-search=false\nx", "--no-search takes no value"),
        ("%%pplx_research --domains ,\nx", "--domains is empty"),
        ("%%pplx_research --effrt high\nx", "did you mean --effort? Nothing was sent."),
        ("%%pplx_research —effort high\nx", "did you mean --effort?"),
        ("%%pplx_research effort=high\nx", "did you mean --effort?"),
        ("%%pplx_research print\nx", "“print” is a name that Python or IPython needs"),
        ("%%pplx_research In\nx", "choose another"),
        ("import math\n%pplx_nothing", "not found"),
        ("%%pplx_research topic\nWhat is {{ topic }}?", "“topic” is used in the prompt"),
        ("%%pplx_research\nUse {{ thing }}", "is another text in each kernel"),
        ('%%pplx_research --format {"type":"text"}\nx', "put it between single quotes: --format '"),
        ("%pplx demo off", "%pplx demo takes no “off”"),
    ],
)
def test_what_would_buy_something_else_is_refused(
    kernel_once: Kernel, sim_once: Simulator, cell: str, line: str
) -> None:
    kernel_once.run("topic = 'tea'\nthing = object()")
    ran = kernel_once.run(cell)
    assert ran.reply["status"] == "error"
    assert line in (ran.error or ran.text)
    assert not sim_once.requests
    assert not kernel_once.ledger_rows()


def test_an_answer_in_a_prompt_is_its_text_and_a_cell_with_refresh_run_twice_buys_once(
    kernel: Kernel, sim: Simulator
) -> None:
    kernel.run("%%pplx_research tea\nWhat is tea?")
    kernel.run("answer = tea.wait()")
    assert (
        kernel.run(f"%%pplx_research word\nSay it in a word: {{{{ answer }}}} {SLOW}").reply["status"] == "ok"
    )
    assert kernel.value("answer.text in word.request.prompt") == "True"
    assert kernel.value("str(answer) == answer.text") == "True"
    kernel.until(lambda _: len(sim.bill.jobs) == 2)
    bought = 2
    for _ in range(2):
        kernel.run(f"%%pplx_research tea --refresh\nWhat is tea? {SLOW}")
    kernel.until(lambda _: len(sim.bill.jobs) > bought)
    assert len(sim.bill.jobs) == len(kernel.ledger_rows()) == bought + 1
    assert "still" in kernel.run("tea.retry()").error
    assert (
        "has its answer" in kernel.run("%pplx retry " + kernel.value("answer.receipt.job_id").strip("'")).text
    )


def test_a_name_finds_the_job_that_it_holds(kernel: Kernel) -> None:
    kernel.run(f"first = __import__('pplx_jupyter').research('What is tea? {SLOW}')")
    kernel.run(f"%%pplx_research second\nWhat is tea? {SLOW}")
    assert kernel.value("first.id == second.id") == "True"
    assert "second (" in kernel.run("%pplx cancel second").text
    assert kernel.value("first.name") == "'second'"


def test_another_ledger_keeps_the_typed_key(
    environment: dict[str, str], sim: Simulator, tmp_path: Any
) -> None:
    from tests.notebook.conftest import Kernel

    kernel = Kernel({k: v for k, v in environment.items() if k != "PERPLEXITY_API_KEY"})
    try:
        kernel.run("%load_ext pplx_jupyter")
        assert "cannot be a key" in kernel.run("%pplx key", answer="hello world").text
        kernel.run("%pplx key", answer="pplx-typed-0123456789abcdef")
        kernel.run(f"%config PplxResearch.ledger = {str(tmp_path / 'other.sqlite')!r}")
        assert kernel.run("%%pplx_research\nWhat is tea?").reply["status"] == "ok"
        kernel.until(is_answer)
    finally:
        kernel.close()


def test_interrupting_a_wait_is_one_line_that_says_the_job_goes_on(kernel: Kernel) -> None:
    import threading

    kernel.run(f"%%pplx_research tea\nWhat is tea? {SLOW}")
    timer = threading.Timer(1.0, kernel._manager.interrupt_kernel)
    timer.start()
    ran = kernel.run("tea.wait()")
    assert ran.error.startswith("KeyboardInterrupt: stopped waiting for tea (")
    assert "it goes on" in ran.error
    assert len(ran.error.splitlines()) == 1
    assert kernel.value("tea.done") == "False"


def test_a_settings_mistake_is_named_as_one(kernel: Kernel) -> None:
    kernel.run("%config PplxResearch.effort = 'hgih'")
    assert (
        "the setting effort is 'hgih': choose minimal, low, medium, high."
        in kernel.run("%%pplx_research\nx").text
    )
