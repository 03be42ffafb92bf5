"""The form, driven as a page drives it: what is typed and clicked comes as messages."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebook.test_settle_buttons import ASK, WIDGET, Page

if TYPE_CHECKING:
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel

pytestmark = pytest.mark.slow

QUESTION = "What do you want to know?"


class FormPage(Page):
    """A page with a form in it."""

    @property
    def html(self) -> str:
        """What stands there in HTML widgets."""
        return "\n".join(each["value"] for each in self._shown() if "HTML" in each.get("_model_name", ""))

    def model(self, **wanted: Any) -> str:
        """Give the id of the widget that stands there with these traits."""
        shown = list(self._shown())
        return next(
            comm
            for comm, state in self.models.items()
            if any(state is each for each in shown) and all(state.get(k) == v for k, v in wanted.items())
        )

    def set(self, comm: str, **state: Any) -> None:
        """Change a widget as its view does."""
        data = {"method": "update", "state": state, "buffer_paths": []}
        session = self.kernel.client.session
        self.kernel.client.shell_channel.send(session.msg("comm_msg", {"comm_id": comm, "data": data}))
        self.models[comm].update(state)

    def type(self, text: str) -> None:
        self.set(self.model(placeholder=QUESTION), value=text)

    def says(self, text: str) -> None:
        self.until(lambda: text in self.said, text)

    @property
    def said(self) -> str:
        """What stands there, without markup."""
        return unescape(re.sub("<[^>]+>", "", self.html)).replace("\xa0", " ")

    def ask(self) -> dict[str, Any]:
        """Give the button that spends."""
        return next(each for each in self._shown() if each.get("button_style") == "primary")

    def click_ask(self, times: int = 1) -> None:
        self.click(self.ask()["description"], times=times)

    @property
    def kept(self) -> str:
        """What a file keeps, as Markdown."""
        return "\n".join(
            each["data"].get("text/markdown", "")
            for each in self.outputs.values()
            if WIDGET not in each["data"]
        )


@pytest.fixture
def page(kernel: Kernel) -> FormPage:
    return FormPage(kernel)


def test_a_form_is_its_cell_and_buys_once(page: FormPage, sim: Simulator) -> None:
    page.run("%pplx form tea")
    assert page.ask()["disabled"]
    page.type("What is tea?")
    page.says("%%pplx_research tea\nWhat is tea?")
    page.says("Usually 0.40–1.30 USD, 2–6 min")
    page.set(page.model(description="Effort"), index=4)
    page.says("%%pplx_research tea --effort high\nWhat is tea?")
    page.until(lambda: not page.ask()["disabled"] and "USD" in page.ask()["description"])
    assert not sim.bill.jobs
    page.click_ask(times=3)
    page.until(lambda: "Receipt:" in page.kept, "the answer in what the file keeps")
    assert "```\n%%pplx_research tea --effort high\nWhat is tea?\n```" in page.kept
    assert len(sim.bill.jobs) == 1
    assert page.kernel.value("(tea.status, tea.request.reasoning_effort)") == "('completed', 'high')"
    page.until(lambda: page.ask()["description"] == "Show the answer (free)", "the button to know")
    page.click_ask()
    page.says("From your ledger")
    assert len(page.kernel.ledger_rows()) == len(sim.bill.jobs) == 1


SITES = {"placeholder": "add a site, then Tab"}
PLACE = {"description": "Asked from"}
WRONG: list[tuple[dict[str, Any], Any, str]] = [
    (SITES, ["https://nature.com/x"], "“https://nature.com/x” is an address, not a site; write nature.com."),
    (SITES, ["a.com, b.org", "not a site", "c d"], "✕ “not a site” and “c d” are not sites; write each as nature.com."),
    (PLACE, "a,b,c,d", "✕ A,b,c,d: write DE, or Berlin,DE"),
    (PLACE, "Deutschland", "✕ Country “Deutschland”: write the two letters, such as DE or US."),
    ({"description": "Search options"}, '{"a": 1}', "✕ “a” is not known; choose search_context_size, search_type, user_location"),
    ({"description": "Further fields"}, "{", "This is not JSON yet"),
    ({"description": "Further fields"}, '{"nonsense": 1}', "✕ “nonsense” is not a field of the service; the service’s"),
    ({"description": "Further fields"}, '{"search_mode": 1}', "✕ “search_mode” is an option of its own; set “In” instead."),
    ({"description": "Max steps"}, "abc", "✕ “abc”: write a whole number from 1 to 100."),
    ({"description": "Name"}, "x y", "✕ “x y” cannot be a variable's name: write letters, digits and _, or leave it out."),
    ({"description": "Signed with"}, "hush", "the secret itself would stand in the cell"),
    ({"placeholder": QUESTION}, "What is {{ teee }}?", "{{ teee }} is not defined; did you mean {{ tee }}?"),
    ({"placeholder": QUESTION}, "What is {{ tee", "✕ The prompt's template opens {{ and never closes it.\n"),
]  # fmt: skip


def test_what_is_wrong_is_said_below_its_field_in_the_words_of_the_form(
    page: FormPage, sim: Simulator
) -> None:
    page.run("tee = 'green tea'\n%pplx form")
    page.says("system, agent effort, instructions, max steps … at the service’s defaults")
    page.send_click(page.button("More options (")[0])
    page.until(lambda: "Further fields" in str([each.get("description") for each in page._shown()]))
    page.until(lambda: "Fewer options" in page.buttons(), "what folds it again")
    for where, typed, said in WRONG:
        page.type("What is tea?")
        page.says("%%pplx_research\nWhat is tea?")
        wrong = page.model(**where)
        page.set(wrong, value=typed)
        page.says(said)
        page.says("1 field to mend")
        assert page.ask()["disabled"]
        page.until(lambda: "%%pplx_research" not in page.said, "the cell to go")
        page.set(wrong, value=[] if isinstance(typed, list) else "")
    page.set(page.model(**PLACE), value="DE")
    page.type("What is {{ 1 / 0 }}?")
    page.says("The {{ }} of the question are worked out when you click.")
    assert "at the service’s defaults" in page.said
    page.set(page.model(description="Num results"), value="7")
    page.says("set: Num results")
    page.click_ask()
    page.says(
        "Not sent. The prompt's template failed: ZeroDivisionError: division by zero. Nothing was billed."
    )
    assert not page.kernel.ledger_rows()


def test_a_misspelt_option_is_no_control(kernel_once: Kernel) -> None:
    kernel_once.run("import ipywidgets\nfrom pplx_jupyter import ResearchForm\nw = ipywidgets.Text('tea')")
    for given, said in [
        ("'{{ topic }}', topic=w, serch_recency_filter='year'", "; did you mean search_recency_filter? Nothing"),
        ("'{{ topic }}', topic=w, effrt='high'", "; did you mean reasoning_effort? Nothing was sent."),
        ("'{{ topic }}', topc=w", "topc is neither an option nor a {{ topc }} of the prompt; did you mean topic?"),
        ("'What is tea?', color=3", "color is neither an option nor a {{ color }} of the prompt. Nothing was sent."),
        ("color=3", "color is neither an option nor a {{ color }} of the prompt."),
        ("'What is tea?', model=w", "model is a widget, and the prompt has no {{ model }}. Nothing was sent."),
    ]:  # fmt: skip
        ran = kernel_once.run(f"ResearchForm({given})")
        assert said in ran.error + ran.text, given
    assert kernel_once.value("ResearchForm(topic=w)") == "ResearchForm('')", "its prompt is typed later"


def test_a_budget_refuses_with_its_note(page: FormPage, sim: Simulator) -> None:
    page.run("%config PplxResearch.budget = 0.1\n%pplx form tea")
    page.type("What is tea?")
    page.until(lambda: "USD" in page.ask()["description"])
    page.click_ask()
    page.says("Not sent: it could pass the budget")
    page.until(lambda: "could pass the budget" in page.kept)
    assert not page.kernel.ledger_rows()


def test_asked_again_below_the_form_the_form_and_its_variable_hold_the_new_job(
    page: FormPage, sim: Simulator
) -> None:
    sim.add_fault("fail@post", times=1)
    page.run("from pplx_jupyter import ResearchForm\nform = ResearchForm('What is tea?', name='tea')\nform")
    page.click_ask()
    page.says("Failed after")
    page.says("The button that asks again makes a new job of it")
    page.until(lambda: any(text.startswith(ASK) for text in page.buttons()), "the button below the note")
    assert "run the cell" not in page.said.split("Failed after")[1]
    first = page.kernel.value("form.job.id")
    page.click(ASK, times=3)
    page.until(lambda: "Stop watching" in page.buttons(), "the panel in the note's place")
    page.until(lambda: "Receipt:" in page.kept, "the answer in what the file keeps")
    page.until(lambda: page.ask()["description"] == "Show the answer (free)", "the button to know")
    assert len(page.buttons()) == 3, "More options, Ask and Clear: below stands a page"
    assert len(sim.bill.jobs) == 2
    assert page.kernel.value("form.job.id != " + first) == "True"
    assert page.kernel.value("(tea.id == form.job.id, tea.status)") == "(True, 'completed')"


def test_a_button_below_the_form_goes_with_its_offer(page: FormPage, sim: Simulator) -> None:
    patched = "import pplx_jupyter.notebook.{0} as at\nat.OFFERED_SECONDS = 0.5"
    for module in ("view", "form.below"):
        page.kernel.run(patched.format(module), cell="aside")
    page.run("%pplx form tea")
    page.type("What is tea? outcome:failed")
    page.says("Not asked before.")
    page.click_ask()
    page.until(lambda: any(text.startswith(ASK) for text in page.buttons()), "the button below the note")
    page.until(lambda: not any(text.startswith(ASK) for text in page.buttons()), "the button to go")
    assert "Failed after" in page.said


def test_a_jobs_question_is_opened_for_editing_and_given_as_a_cell(page: FormPage, sim: Simulator) -> None:
    cell = (
        "%%pplx_research tea --domains a.com,b.org --after-date 01/02/2025 --images\nWhat is {{ kind }} tea?"
    )
    page.run(f"kind = 'green'\nget_ipython().run_cell({cell!r}); tea.wait()")
    page.run("%pplx form tea")
    page.says("Answered already: free")
    page.says(cell.replace("--domains a.com,b.org --after-date", "--domains a.com,b.org --after-date"))
    ran = page.kernel.run("%pplx form tea --cell")
    payload = ran.reply["payload"][0]
    assert (payload["source"], payload["text"], payload["replace"]) == ("set_next_input", cell, True)
    assert len(sim.bill.jobs) == 1


def test_a_bound_widget_fills_the_prompt(page: FormPage, sim: Simulator) -> None:
    page.run(
        "import ipywidgets as widgets\nfrom pplx_jupyter import ResearchForm\n"
        "form = ResearchForm('Profile {{ topic }}.', name='profile', reasoning_effort='low',\n"
        "    topic=widgets.Dropdown(options=['tea', 'coffee'], description='Topic'))\nform"
    )
    assert page.kernel.value("form.request.prompt") == "'Profile tea.'"
    page.set(page.model(description="Topic"), index=1)
    page.says("topic is 'coffee'")
    page.click_ask()
    page.until(lambda: "Receipt:" in page.kept)
    assert page.kernel.value(
        "(form.request.prompt, form.job.id == profile.id, form.request.reasoning_effort)"
    ) == ("('Profile coffee.', True, 'low')")
    assert page.kernel.value("form.cell") == repr(
        "%%pplx_research profile --effort low\nProfile {{ topic }}."
    )


def test_interact_asks_for_what_is_chosen_and_shows_what_is_known_at_once(
    page: FormPage, sim: Simulator
) -> None:
    cell = "%%pplx_research tea --interact drink,n\nWhat are {{ n }} facts about {{ drink }}?"
    page.run("drink = ['tea', 'coffee']\nn = 3")
    page.run(cell)
    assert {each.get("description") for each in page._shown()} >= {"drink", "n"}
    # A year missed by one pixel of a slider would be bought.
    assert page.models[page.model(description="n")]["_model_name"] == "IntTextModel"
    assert "The kernel behind this form has ended: run this cell again." in page.said, "hidden while it lives"
    assert not page.kernel.ledger_rows()
    page.set(page.model(description="drink"), index=1)
    page.says("Not asked before.")
    page.click_ask()
    page.until(lambda: "Receipt:" in page.kept)
    assert page.kernel.value("tea.request.prompt") == "'What are 3 facts about coffee?'"
    page.kernel.run("drink = ['coffee', 'tea']")
    page.run(cell)
    page.says("From your ledger")
    assert len(page.kernel.ledger_rows()) == len(sim.bill.jobs) == 1


def test_a_form_frees_the_controls_that_it_made_and_makes_them_anew(page: FormPage) -> None:
    page.run(
        "import ipywidgets as widgets\nfrom pplx_jupyter import ResearchForm\ndrink = ['tea', 'coffee']\n"
        "form = ResearchForm('Who grows {{ drink }}?', drink=drink)\nform"
    )
    page.set(page.model(description="drink"), index=1)
    page.says("drink is 'coffee'")
    page.kernel.run("widgets.Widget.close_all()", cell="aside")
    page.run("form", cell="again")
    page.says("drink is 'coffee'")
    page.set(page.model(description="drink", index=1), index=0)
    page.says("drink is 'tea'")
    alive = []
    for _ in range(3):
        page.run("%%pplx_research --interact drink\nWhat is {{ drink }}?", cell="interact")
        alive.append(page.kernel.value("len(widgets.widget._instances)"))
    assert len(set(alive)) == 1
    page.kernel.run("own = widgets.Text('tea')\nown.close()", cell="aside")
    said = page.kernel.run("ResearchForm('Who grows {{ own }}?', own=own)", cell="other")
    assert "own is a widget that was closed: make it anew." in said.error + said.text


def test_a_form_says_itself_that_no_notification_can_be_shown(page: FormPage) -> None:
    page.run(
        "import os\nfrom pplx_jupyter import ResearchForm\nos.environ.pop('DBUS_SESSION_BUS_ADDRESS', None)\n"
        "os.environ |= {'XDG_RUNTIME_DIR': '/nowhere', 'JUPYTERHUB_API_URL': 'http://127.0.0.1'}\n"
        "%config PplxResearch.notify = True\nResearchForm('What is oolong? seconds:600')"
    )
    page.says("Not asked before.")
    assert "No notification" not in page.said
    page.click_ask()
    page.says("No notification: this kernel does not run on your own machine.")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%pplx_research --interact other\nWhat is {{ drink }}?", "the prompt has no {{ other }}"),
        ("%%pplx_research --interact drink\nWhat is {{ drink }}?", "{{ drink }} is not defined"),
        (
            "%%pplx_research --interact sys\nWhat is {{ sys }}?",
            "sys is module, for which there is no control",
        ),
        ("%%pplx_research --interact 1\nWhat?", "write names of variables"),
    ],
)
def test_interact_refuses_in_one_line(kernel_once: Kernel, cell: str, said: str) -> None:
    kernel_once.run("import sys")
    ran = kernel_once.run(cell)
    assert said in ran.error + ran.text + "".join(
        m["content"].get("text", "") for m in ran.messages if m["msg_type"] == "stream"
    )
    assert not kernel_once.ledger_rows()


def test_a_run_that_nobody_watches_shows_the_cell_and_asks_with_the_present_values(
    environment: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    cells = [
        "%load_ext pplx_jupyter\nfrom pplx_jupyter import ResearchForm\ndrink = ['tea', 'coffee']",
        "ResearchForm('What is {{ drink }}?', drink=drink)",
        "%%pplx_research --interact drink\nWhat is {{ drink }}?",
        "import sys; assert 'ipywidgets' not in sys.modules",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)
    form, asked = notebook.cells[1].outputs, notebook.cells[2].outputs
    assert "%%pplx_research\nWhat is {{ drink }}?" in form[0]["data"]["text/markdown"]
    assert "Receipt:" in asked[-1]["data"]["text/markdown"]
    assert [job["prompt"] for job in sim.bill.jobs] == ["What is tea?"]
    assert "widgets" not in notebook.metadata


def test_a_new_field_of_the_request_has_its_place_in_the_form() -> None:
    from pplx_jupyter.notebook.form.fields import controls_of
    from pplx_jupyter.notebook.form.kit import Kit
    from pplx_jupyter.request import Request

    shown, folded = controls_of(Kit())
    names = [name for group in (*shown, folded) for control in group.controls for name in control.names]
    assert set(names) == {option.name for option in Request.options() if option.flag}


def test_it_is_made_in_a_moment(page: FormPage) -> None:
    page.run("%pplx form")
    took = []
    for _ in range(3):
        start = time.monotonic()
        page.run("%pplx form")
        took.append(time.monotonic() - start)
    assert min(took) < 0.3
