"""The widgets of a job's steps: made when there is a step, in the cell's name, and freed with the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel

CELL = "%%pplx_research tea --backend agent\nWhat is tea? shape:plain seconds:6000"
COUNT = "len(__import__('ipywidgets').Widget._instances if hasattr(__import__('ipywidgets').Widget, '_instances') else __import__('ipywidgets.widgets.widget', fromlist=['x'])._instances)"


def test_they_come_with_the_first_step_as_the_cells_own_and_go_with_the_panel(
    kernel: Kernel, sim: Simulator
) -> None:
    ran = kernel.run(CELL)
    made = [m for m in ran.messages if m["msg_type"] == "comm_open"]
    assert not [m for m in made if m["content"]["data"]["state"]["_model_name"] == "RadioButtonsModel"]
    before = int(kernel.value(COUNT))
    # Whatever runs now is not whose the widgets are.
    kernel.run("1", cell="other")
    sim.advance(1500)
    heard = kernel.until(lambda m: "sources</b> so far" in str(m["content"]))
    opened = {
        m["content"]["data"]["state"]["_model_name"]: m["parent_header"]["msg_id"]
        for m in heard
        if m["msg_type"] == "comm_open"
    }
    assert {"RadioButtonsModel", "StackModel", "LinkModel"} <= set(opened)
    assert set(opened.values()) == {ran.msg_id}
    assert int(kernel.value(COUNT)) > before
    # Run again, the cell has a panel of its own; the first one and its steps are gone.
    kernel.run(CELL)
    kernel.until(lambda m: "sources</b> so far" in str(m["content"]))
    both = int(kernel.value(COUNT))
    kernel.run(CELL)
    kernel.until(lambda m: "sources</b> so far" in str(m["content"]))
    assert int(kernel.value(COUNT)) <= both
    kernel.run("%pplx cancel tea", cell="other")
