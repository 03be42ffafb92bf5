"""One control a field: what a person sets it with, and how that becomes the Request's value and back.

A control gives what stands in it; whether that is allowed is for Request to say.
"""

from __future__ import annotations

import abc
import dataclasses
import json
import re
from html import escape
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.fields.dates import iso_date
from pplx_jupyter.notebook.form.words import IMPLIED, UNSET, choice_word, label_of, label_of_field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplx_jupyter.fields.options import Option
    from pplx_jupyter.notebook.form.kit import Kit

__all__ = [
    "Choice",
    "Control",
    "Day",
    "Items",
    "Json",
    "Number",
    "Switch",
    "Words",
    "dropdown",
    "labelled",
    "offer",
    "one_each",
    "radio",
    "read_json",
    "split_tags",
]

_FEW = 3
"""So many choices are buttons side by side; more are a list that opens."""

_AROUND = re.compile(r"[\s,;]+")


class Control(abc.ABC):
    """Sets one field of a Request, or a few that belong together.

    Attributes
    ----------
    names
        The fields that it sets.
    box
        The widget that shows it, with room for a sentence below.
    watched
        The widgets in it whose `value` a person changes.
    wide
        It takes a line of its own.
    part
        The key that it sets, where its field is a mapping and it sets one key of it.
    """

    part = ""

    def __init__(self, kit: Kit, names: Sequence[str], shown: Any, *watched: Any, wide: bool = False) -> None:
        self.kit = kit
        self.names = tuple(names)
        self.watched = list(watched)
        self.wide = wide
        self.box = kit.column(shown, layout="wide" if wide else "column")
        self._shown = shown
        self._said = ""
        self._below: Any = None

    @abc.abstractmethod
    def get(self) -> dict[str, Any]:
        """Give the values that stand in it, by field; None is "not set".

        Raises
        ------
        RequestError
            What stands there is not a value at all: no JSON, no number.
        """

    @abc.abstractmethod
    def set(self, values: Mapping[str, Any]) -> None:
        """Show these values; a field that is not among them is not set."""

    def set_labels(self, values: Mapping[str, Any]) -> list[str]:
        """Give what is called those of its fields that are set."""
        return [label_of_field(name) for name in self.names if name in values]

    def say(self, sentence: str) -> None:
        """Say below it what is to be mended; an empty text takes that away."""
        if sentence == self._said:
            return
        self._said = sentence
        if self._below is None:
            self._below = self.kit.html()
        if sentence:
            self._below.value = (
                '<div class="pplx bad" style="max-width:none"><p class="pplx-s" role="alert"'
                f' style="margin:0 0 6px 84px"><span class="pplx-g">✕</span> {escape(sentence)}</p></div>'
            )
        self.box.children = (self._shown, self._below) if sentence else (self._shown,)


class _Single(Control):
    """Sets one field with one widget."""

    def __init__(
        self, kit: Kit, option: Option, widget: Any, shown: Any = None, *, wide: bool = False
    ) -> None:
        super().__init__(kit, (option.name,), widget if shown is None else shown, widget, wide=wide)
        self.option = option
        self.widget = widget

    def get(self) -> dict[str, Any]:
        """Give the field's value."""
        return {self.option.name: self.read()}

    def set(self, values: Mapping[str, Any]) -> None:
        """Show the field's value."""
        self.write(values.get(self.option.name))

    def read(self) -> Any:
        """Give what stands in it; None is not set."""
        return self.widget.value or None

    def write(self, value: Any) -> None:
        """Show a value; None is not set."""
        self.widget.value = value or ""


class Words(_Single):
    """A text: on one line, or in an area where it is long."""

    def __init__(self, kit: Kit, option: Option, *, lines: int = 0, known: Sequence[str] = ()) -> None:
        import ipywidgets as widgets

        traits: dict[str, Any] = {
            "description": label_of(option.name, option.flag),
            "placeholder": UNSET.get(option.name, ""),
            "tooltip": option.help,
            "labelled": True,
        }
        if lines:
            widget = kit.make(widgets.Textarea, "area", rows=lines, **traits)
        elif known:
            widget = kit.make(widgets.Combobox, "text", options=tuple(known), **traits)
            widget.placeholder = known[0]
        else:
            widget = kit.make(widgets.Text, "text", **traits)
        super().__init__(kit, option, widget, wide=bool(lines))


class Number(Words):
    """A whole number; it can be left open, which a slider cannot."""

    def read(self) -> Any:
        """Give what stands in it; None is not set."""
        text = self.widget.value.strip()
        try:
            return int(text) if text else None
        except ValueError:
            # The check of the field says what is allowed.
            return text

    def write(self, value: Any) -> None:
        """Show a value; None is not set."""
        self.widget.value = "" if value is None else str(value)


class Json(Words):
    """A structure, written as JSON."""

    def __init__(self, kit: Kit, option: Option) -> None:
        super().__init__(kit, option, lines=2)
        self.widget.placeholder = option.metavar

    def read(self) -> Any:
        """Give what stands in it; None is not set."""
        return read_json(self.widget.value, self.option.name)

    def write(self, value: Any) -> None:
        """Show a value; None is not set."""
        self.widget.value = "" if value is None else json.dumps(value, ensure_ascii=False)


class Choice(_Single):
    """One of a few values, or none of them."""

    def __init__(self, kit: Kit, option: Option) -> None:
        # No choice of a widget's can be None: that is "nothing is chosen".
        choices = [(UNSET.get(option.name, "default"), "")]
        unsaid = (_default_of(option), IMPLIED.get(option.name))
        choices += [(choice_word(option, each), each) for each in option.choices if each not in unsaid]
        if len(choices) > _FEW:
            widget = dropdown(kit, label_of(option.name, option.flag), choices, option.help)
            shown = widget
        else:
            widget, shown = radio(kit, label_of(option.name, option.flag), choices, option.help)
        super().__init__(kit, option, widget, shown)

    def write(self, value: Any) -> None:
        """Show a value; None is not set."""
        chosen = "" if value is None or value == _default_of(self.option) else value
        offer(self.widget, chosen, choice_word(self.option, chosen))
        self.widget.value = chosen


class Switch(_Single):
    """Yes, or not set; a No that was said stays one."""

    def __init__(self, kit: Kit, option: Option) -> None:
        import ipywidgets as widgets

        word = label_of(option.name, option.flag)
        super().__init__(
            kit,
            option,
            kit.make(widgets.Checkbox, "check", description=word, indent=False, tooltip=option.help),
        )
        self._off: bool | None = None

    def read(self) -> Any:
        """Give what stands in it; None is not set."""
        return True if self.widget.value else self._off

    def write(self, value: Any) -> None:
        """Show a value; None is not set."""
        self._off = False if value is False else None
        self.widget.value = bool(value)


class Items(_Single):
    """A list of words, each a chip."""

    def __init__(self, kit: Kit, option: Option) -> None:
        import ipywidgets as widgets

        tags = kit.make(
            widgets.TagsInput, "tags", placeholder=UNSET.get(option.name, "add one"), tooltip=option.help
        )
        one_each(tags, split_tags)
        super().__init__(
            kit, option, tags, labelled(kit, label_of(option.name, option.flag), tags, layout="chips")
        )

    def read(self) -> Any:
        """Give what stands in it; None is not set."""
        return split_tags(self.widget.value) or None

    def write(self, value: Any) -> None:
        """Show a value; None is not set."""
        self.widget.value = list(value or ())


class Day(_Single):
    """A date, picked from a calendar."""

    def __init__(self, kit: Kit, option: Option) -> None:
        import ipywidgets as widgets

        label = label_of(option.name, option.flag)
        picker = kit.make(widgets.DatePicker, "text", description=label, tooltip=option.help, labelled=True)
        super().__init__(kit, option, picker)

    def read(self) -> Any:
        """Give what stands in it; None is not set."""
        return self.widget.value

    def write(self, value: Any) -> None:
        """Show a value; None is not set."""
        from datetime import date

        self.widget.value = date.fromisoformat(iso_date(value)) if isinstance(value, str) else value


def _default_of(option: Option) -> Any:
    """Give the value that a field has where nothing is said; None for most."""
    from pplx_jupyter.request import Request

    return next(field.default for field in dataclasses.fields(Request) if field.name == option.name)


def read_json(text: str, field: str) -> Any:
    """Read what a person wrote as JSON; an empty text is not set.

    Raises
    ------
    RequestError
        It is none; the message says where.
    """
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise RequestError(
            f"this is not JSON yet: {error.msg.lower()} at line {error.lineno}, character {error.colno}.",
            field=field,
        ) from None
    except (ValueError, RecursionError):
        raise RequestError("this is not JSON that can be read.", field=field) from None


def split_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Give the entries of chips: one chip may have been pasted with several."""
    return tuple(item for tag in tags for item in _AROUND.split(tag) if item)


def one_each(tags: Any, split: Callable[[Sequence[str]], Sequence[str]]) -> None:
    """Let each entry be a chip of its own, where several were typed, or pasted, into one."""

    def apart(change: Any) -> None:
        entries = list(split(change["new"]))
        if entries != list(change["new"]):
            tags.value = entries

    tags.observe(apart, "value")


def labelled(kit: Kit, label: str, *shown: Any, layout: str = "labelled") -> Any:
    """Put a label in front of widgets whose own would not stand in the column of labels.

    Parameters
    ----------
    layout
        ``"labelled"`` for buttons side by side; ``"beside"``: on the line of the text in them;
        ``"chips"``: the same, as wide as a text.
    """
    text = (
        f'<div class="pplx" style="width:{kit.label_width};margin-right:8px;text-align:right;font-size:13px;'
        f'line-height:20px">{escape(label)}</div>'
    )
    return kit.row(kit.html(text), *shown, layout=layout)


def radio(kit: Kit, label: str, choices: Sequence[tuple[str, str]], tooltip: str = "") -> tuple[Any, Any]:
    """Make buttons of which one is chosen; give the widget, and what shows it with its label."""
    import ipywidgets as widgets

    made = kit.make(
        widgets.RadioButtons, "radio", options=list(choices), orientation="horizontal", tooltip=tooltip
    )
    return made, labelled(kit, label, made)


def dropdown(kit: Kit, label: str, choices: Sequence[tuple[str, str]], tooltip: str = "") -> Any:
    """Make a list that opens, of which one is chosen."""
    import ipywidgets as widgets

    return kit.make(
        widgets.Dropdown, "text", options=list(choices), description=label, tooltip=tooltip, labelled=True
    )


def offer(widget: Any, value: str, word: str) -> None:
    """See that a value is among the choices of a widget: a question may hold one that is seldom chosen, or unknown."""
    if all(known != value for _, known in widget.options):
        widget.options = [*widget.options, (word, value)]
