"""From the Request's own description of its fields to the form's controls: a new field appears by itself."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplx_jupyter.fields.options import GROUPS
from pplx_jupyter.notebook.form.composed import AnswerForm, Part, Rest, Secret, Since, Sites
from pplx_jupyter.notebook.form.controls import Choice, Control, Day, Items, Json, Number, Switch, Words
from pplx_jupyter.notebook.form.kit import LABEL_WIDTH, WIDE_LABEL
from pplx_jupyter.request import DEFAULT_MODEL, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplx_jupyter.fields.options import Option
    from pplx_jupyter.notebook.form.kit import Kit

__all__ = ["Group", "controls_of"]

_FOLDED = {"effort", "last_updated_after_filter", "last_updated_before_filter"}
"""Fields that are for few, whatever their group."""

_SHOWN_PARTS = {"user_location": "Where to look"}
"""Keys of a folded mapping that are for many."""

_AFTER, _BEFORE = "search_after_date_filter", "search_before_date_filter"
_FIRST = ("reasoning_effort", "search_mode", "search_recency_filter", "response_format")
_LONG = {"system_prompt": 2, "instructions": 2}


@dataclasses.dataclass(slots=True)
class Group:
    """Controls that stand together under one heading."""

    title: str
    controls: list[Control] = dataclasses.field(default_factory=list)


def controls_of(kit: Kit) -> tuple[list[Group], Group]:
    """Make the controls of all fields but the prompt: the groups that are shown, and the one that is folded."""
    shown = {title: Group(title) for title in GROUPS[1:4]}
    folded = Group("More options")
    for option in Request.options():
        # Without a flag it has no place in a cell, and so none in a form, which is one.
        if not option.flag:
            continue
        for where, control in _made(kit, option):
            (shown.get(where) or folded).controls.append(control)
    for group in shown.values():
        group.controls.sort(key=_place)
    return list(shown.values()), folded


def _place(control: Control) -> int:
    """Order a group as one decides: what is first, then as the Request has it, yes or no last."""
    if isinstance(control, Switch):
        return len(_FIRST) + 1
    return _FIRST.index(control.names[0]) if control.names[0] in _FIRST else len(_FIRST)


def _made(kit: Kit, option: Option) -> Iterator[tuple[str, Control]]:
    group = "" if option.name in _FOLDED else option.group
    kit.label_width = LABEL_WIDTH if group in GROUPS[1:4] else WIDE_LABEL
    if option.sub_options:
        for part in option.sub_options:
            kit.label_width = LABEL_WIDTH if part.key in _SHOWN_PARTS else WIDE_LABEL
            yield _SHOWN_PARTS.get(part.key, group), Part(kit, option, part)
        kit.label_width = WIDE_LABEL
        yield group, Rest(kit, option)
    elif option.name not in {_AFTER, _BEFORE}:
        yield group, _control(kit, option)


def _control(kit: Kit, option: Option) -> Control:
    if option.name == "search_recency_filter":
        days = {each.name: each for each in Request.options()}
        return Since(kit, option, days[_AFTER], days[_BEFORE])
    match option.check or option.kind:
        case "domain":
            return Sites(kit, option)
        case "response_format":
            return AnswerForm(kit, option)
        case "model":
            return Words(kit, option, known=(DEFAULT_MODEL,))
    match option.kind:
        case "choice":
            return Choice(kit, option)
        case "switch":
            return Switch(kit, option)
        case "integer":
            return Number(kit, option)
        case "list":
            return Items(kit, option)
        case "date":
            return Day(kit, option)
        case "json":
            return Json(kit, option)
        case "secret":
            return Secret(kit, option)
    return Words(kit, option, lines=_LONG.get(option.name, 0))
