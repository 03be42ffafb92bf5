"""Controls of several widgets: sites to look at or not, a span of time, the form of the answer, parts of a mapping."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.form.controls import (
    Control,
    Day,
    dropdown,
    offer,
    one_each,
    radio,
    read_json,
)
from pplx_jupyter.notebook.form.words import UNSET, choice_word, label_of, label_of_field
from pplx_jupyter.schema import format_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.fields.options import Option, SubOption
    from pplx_jupyter.notebook.form.kit import Kit

__all__ = ["AnswerForm", "Part", "Rest", "Secret", "Since", "Sites"]

_DATES = "dates"
_BETWEEN = re.compile(r"[,;\n]")


def _sites_in(tags: Sequence[str]) -> tuple[str, ...]:
    """Give the sites of chips: one chip may have been pasted with several, but a few words are one mistake."""
    found: list[str] = []
    for item in (item.strip() for tag in tags for item in _BETWEEN.split(tag)):
        words = item.split()
        found += words if all("." in word for word in words) else [item]
    return tuple(found)


class Sites(Control):
    """Sites as chips, and whether only these or never these are looked at."""

    def __init__(self, kit: Kit, option: Option) -> None:
        import ipywidgets as widgets

        self._option = option
        self._which, row = radio(
            kit, label_of(option.name, option.flag), [("Only these", ""), ("Never these", "-")], option.help
        )
        self._tags = kit.make(widgets.TagsInput, "tags", placeholder=UNSET.get(option.name, "add a site"))
        one_each(self._tags, _sites_in)
        self._count = kit.html()
        shown = kit.column(kit.row(row, self._tags), self._count)
        super().__init__(kit, (option.name,), shown, self._which, self._tags, wide=True)

    def get(self) -> dict[str, Any]:
        """Give the sites, each with ``-`` in front where they are not to be looked at."""
        sites = _sites_in(self._tags.value)
        self._tell(len(sites))
        sign = self._which.value
        # Who types the sign, too, means the same.
        return {self._option.name: tuple(sign + site.removeprefix(sign or "\0") for site in sites) or None}

    def set(self, values: Mapping[str, Any]) -> None:
        """Show these sites; where all are denied, under "Never these"."""
        sites = values.get(self._option.name) or ()
        denied = bool(sites) and all(site.startswith("-") for site in sites)
        self._which.value = "-" if denied else ""
        self._tags.value = [site.removeprefix("-") if denied else site for site in sites]
        self._tell(len(sites))

    def _tell(self, number: int) -> None:
        most = self._option.max_items
        text = f"{number} of {most} sites" if number and most else ""
        told = f'<div class="pplx"><p class="pplx-m" style="margin:0 0 6px 84px">{text}</p></div>'
        self._count.value = told if text else ""


class Since(Control):
    """How new pages must be: a span that ends today, or two dates."""

    def __init__(self, kit: Kit, option: Option, after: Option, before: Option) -> None:
        self._option = option
        choices = [(UNSET[option.name], ""), *((choice_word(option, each), each) for each in option.choices)]
        self._which = dropdown(
            kit, label_of(option.name), [*choices, ("Between two dates", _DATES)], option.help
        )
        self._days = [Day(kit, after), Day(kit, before)]
        self._row = kit.row(*(day.box for day in self._days))
        self._outer = kit.column(self._which)
        super().__init__(
            kit,
            (option.name, after.name, before.name),
            self._outer,
            self._which,
            *(day.widget for day in self._days),
            wide=True,
        )

    def get(self) -> dict[str, Any]:
        """Give the span or the dates, never both."""
        chosen = self._which.value
        self._fold(dates=chosen == _DATES)
        found: dict[str, Any] = dict.fromkeys(self.names)
        if chosen == _DATES:
            for day in self._days:
                found |= day.get()
        else:
            found[self._option.name] = chosen or None
        return found

    def set(self, values: Mapping[str, Any]) -> None:
        """Show the span, or the dates."""
        for day in self._days:
            day.set(values)
        chosen = values.get(self._option.name) or ""
        if any(values.get(name) is not None for name in self.names[1:]):
            chosen = _DATES
        offer(self._which, chosen, choice_word(self._option, chosen))
        self._which.value = chosen
        self._fold(dates=chosen == _DATES)

    def _fold(self, *, dates: bool) -> None:
        wanted = (self._which, self._row) if dates else (self._which,)
        if self._outer.children != wanted:
            self._outer.children = wanted


class AnswerForm(Control):
    """Whether text comes back, or what a schema names."""

    def __init__(self, kit: Kit, option: Option) -> None:
        import ipywidgets as widgets

        self._option = option
        choices = [("Text", ""), ("Table or fields (schema)", "schema")]
        self._which, self._row = radio(kit, label_of(option.name), choices, option.help)
        self._text = kit.make(
            widgets.Textarea,
            "area",
            rows=3,
            description="Schema",
            labelled=True,
            placeholder="name, revenue: float, founded: int; or a JSON schema",
        )
        self._outer = kit.column(self._row)
        super().__init__(kit, (option.name,), self._outer, self._which, self._text, wide=True)

    def get(self) -> dict[str, Any]:
        """Give the form that is asked for; text is not set."""
        which = self._which.value
        self._fold(which)
        if not which:
            return {self._option.name: None}
        text = self._text.value.strip()
        if not text:
            raise RequestError(
                "write the fields, such as name, revenue: float; or choose Text.", field=self._option.name
            )
        if which == "json":
            return {self._option.name: read_json(text, self._option.name)}
        return {self._option.name: format_of(read_json(text, self._option.name) if text[0] == "{" else text)}

    def set(self, values: Mapping[str, Any]) -> None:
        """Show the schema; another form of an answer as its own JSON."""
        form = values.get(self._option.name)
        inner = (
            form.get("json_schema") if isinstance(form, dict) and form.get("type") == "json_schema" else None
        )
        which, written = "", None
        if isinstance(inner, dict) and set(inner) == {"schema"}:
            which, written = "schema", inner["schema"]
        elif form is not None:
            which, written = "json", form
            if all(known != "json" for _, known in self._which.options):
                self._which.options = [*self._which.options, ("As JSON", "json")]
        self._which.value = which
        self._text.value = "" if written is None else json.dumps(written, ensure_ascii=False)
        self._fold(which)

    def _fold(self, which: str) -> None:
        wanted = (self._row, self._text) if which else (self._row,)
        if self._outer.children != wanted:
            self._outer.children = wanted


def _mapping(values: Mapping[str, Any], option: Option) -> dict[str, Any]:
    """Give the mapping that a field holds; what is written may be none yet."""
    held = values.get(option.name)
    return held if isinstance(held, dict) else {}


class Part(Control):
    """One key of a field that is a mapping."""

    def __init__(self, kit: Kit, option: Option, part: SubOption) -> None:
        import ipywidgets as widgets

        label = label_of(part.key, part.flag)
        self.part = part.key
        self._label = label
        self._option, self._part = option, part
        if part.kind == "choice":
            choices = [("default", ""), *((choice, choice) for choice in part.choices)]
            self._widget, shown = radio(kit, label, choices, part.help)
        else:
            self._widget = shown = kit.make(
                widgets.Text,
                "text",
                description=label,
                placeholder=UNSET.get(part.key, ""),
                tooltip=part.help,
                labelled=True,
            )
        super().__init__(kit, (option.name,), shown, self._widget)

    def get(self) -> dict[str, Any]:
        """Give a mapping of this key alone, or that it is not set."""
        written = self._widget.value
        if not written or not written.strip():
            return {self._option.name: None}
        return {self._option.name: {self._part.key: self._part.parse(written)}}

    def set_labels(self, values: Mapping[str, Any]) -> list[str]:
        """Give what the key is called, where it is set."""
        return [self._label] if self.part in _mapping(values, self._option) else []

    def set(self, values: Mapping[str, Any]) -> None:
        """Show this key of the mapping."""
        held = _mapping(values, self._option).get(self._part.key)
        if self._part.kind == "choice":
            self._widget.value = held or ""
        else:
            self._widget.value = self._part.unparse(held) if held else ""


class Rest(Control):
    """The keys of a mapping that have no control of their own, as JSON."""

    def __init__(self, kit: Kit, option: Option) -> None:
        import ipywidgets as widgets

        self._option = option
        self._apart = [part.key for part in option.sub_options]
        self._text = kit.make(
            widgets.Textarea,
            "area",
            rows=2,
            description=label_of(option.name, option.flag),
            placeholder=option.metavar,
            tooltip=option.help,
            labelled=True,
        )
        super().__init__(kit, (option.name,), self._text, self._text, wide=True)

    def get(self) -> dict[str, Any]:
        """Give the mapping that is written."""
        return {self._option.name: read_json(self._text.value, self._option.name)}

    def set_labels(self, values: Mapping[str, Any]) -> list[str]:
        """Give what the field is called, where a key is set that no other control shows."""
        return [label_of_field(self._option.name)] if self._rest(values) else []

    def set(self, values: Mapping[str, Any]) -> None:
        """Show what no other control shows."""
        rest = self._rest(values)
        self._text.value = json.dumps(rest, ensure_ascii=False) if rest else ""

    def _rest(self, values: Mapping[str, Any]) -> dict[str, Any]:
        held = _mapping(values, self._option)
        return {key: value for key, value in held.items() if key not in self._apart}


class Secret(Control):
    """The name of a variable that holds a secret: what is typed here stands in the cell, so never the secret."""

    def __init__(self, kit: Kit, option: Option) -> None:
        import ipywidgets as widgets

        self._option = option
        self._text = kit.make(
            widgets.Text,
            "text",
            description=label_of(option.name),
            placeholder=UNSET.get(option.name, ""),
            tooltip=option.help,
            labelled=True,
        )
        super().__init__(kit, (option.name,), self._text, self._text)

    def get(self) -> dict[str, Any]:
        """Give the variable's name, with ``$`` in front."""
        written = self._text.value.strip()
        if written and not written.startswith("$"):
            raise RequestError(
                "write $NAME of a variable of the environment: the secret itself would stand in the cell.",
                field=self._option.name,
            )
        return {self._option.name: written or None}

    def set(self, values: Mapping[str, Any]) -> None:
        """Show the variable's name."""
        self._text.value = values.get(self._option.name) or ""
