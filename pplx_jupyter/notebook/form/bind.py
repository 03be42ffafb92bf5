"""What fills the ``{{ name }}`` of a form's prompt: widgets bound to it, then the notebook's variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.fields.rules import meant
from pplx_jupyter.notebook.cell.prompts import fill, names_in
from pplx_jupyter.notebook.outputs.beside import close_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.fields.options import Option

__all__ = ["Bound", "as_template", "check_bound", "control_of", "glance", "present_value"]

_NAME = re.compile(r"\{\{\s*[^\W\d]\w*\s*\}\}")


class Bound:
    """Values and widgets bound to names, on top of a notebook's variables.

    Parameters
    ----------
    given
        By name: a widget with a `value`, or a value that `control_of` makes one of.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            present_value(name, value)
        self._given = dict(given)
        self._widgets: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self._given)

    @property
    def values(self) -> dict[str, Any]:
        """What holds at present, by name."""
        return {
            name: self._widgets[name].value if name in self._widgets else present_value(name, value)
            for name, value in self._given.items()
        }

    def widgets(self) -> dict[str, Any]:
        """Give a widget for each name; made when first asked for, and anew where it was closed.

        Raises
        ------
        RequestError
            A widget of the user's own was closed.
        """
        for name, value in self._given.items():
            before = self._widgets.get(name)
            if before is not None and before.comm is not None:
                continue
            self._widgets[name] = made = control_of(name, value)
            if made.comm is None:
                raise RequestError(f"{name} is a widget that was closed: make it anew. Nothing was sent.")
            if before is not None:
                # What was chosen stays chosen.
                made.value = before.value
        return dict(self._widgets)

    def close(self) -> None:
        """Free the widgets that were made here; what stands in them is kept, and `widgets` makes them anew."""
        for name, value in self._given.items():
            made = self._widgets.get(name)
            if made is not None and made is not value:
                close_all(made)


def check_bound(prompt: str, given: Mapping[str, Any], options: Sequence[Option]) -> None:
    """Check that what is bound has its place in the prompt: a misspelt option must not pass for a control.

    Parameters
    ----------
    prompt
        The template; an empty one may get any name later, so widgets are taken.
    options
        Of the fields that a form has.

    Raises
    ------
    RequestError
        A name is not in it; the one that is probably meant is named.
    """
    used = names_in(prompt)
    for name, value in given.items():
        if name in used or (not prompt.strip() and hasattr(value, "comm")):
            continue
        if any(option.name == name for option in options):
            raise RequestError(
                f"{name} is a widget, and the prompt has no {{{{ {name} }}}}. Nothing was sent."
            )
        near = meant(name, options, ("name", "compact", *sorted(used - given.keys())))
        raise RequestError(
            f"{name} is neither an option nor a {{{{ {name} }}}} of the prompt{near} Nothing was sent."
        )


def present_value(name: str, value: Any) -> Any:
    """Give the value that a name has before anybody clicks: a widget's own, a list's first.

    Raises
    ------
    RequestError
        There is no control for such a value.
    """
    if hasattr(value, "comm") and hasattr(value, "value"):
        return value.value
    if isinstance(value, dict) and value:
        return next(iter(value.values()))
    if isinstance(value, list | tuple | range) and value:
        return value[0]
    if isinstance(value, str | bool | int | float):
        return value
    kind = (
        f"an empty {type(value).__name__}" if isinstance(value, dict | list | tuple) else type(value).__name__
    )
    raise RequestError(
        f"{name} is {kind}, for which there is no control: make it a text, a number, True or False, a list of choices,"
        " or a widget. Nothing was sent."
    )


def control_of(name: str, value: Any) -> Any:
    """Give a widget for a value: as it is, or a number's field, a checkbox, a list of choices or a text."""
    import ipywidgets as widgets

    present_value(name, value)
    if isinstance(value, widgets.Widget):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A slider goes from -2021 to 6063, and a year missed by one pixel is bought.
        kind = widgets.IntText if isinstance(value, int) else widgets.FloatText
        return kind(value=value, description=name)
    # As `interact` of ipywidgets does it; but a tuple is choices here, whatever is in it.
    made = widgets.interactive.widget_from_abbrev(list(value) if isinstance(value, tuple | range) else value)
    made.description = name
    if hasattr(made, "continuous_update") and not isinstance(made, widgets.Text):
        made.continuous_update = False
    return made


def as_template(prompt: str, filled: Mapping[str, str], names: Mapping[str, Any]) -> str:
    """Give the template that a prompt was filled from; where that cannot be told, one that gives the same prompt.

    Parameters
    ----------
    filled
        Its expressions, with what took their places.
    names
        The notebook's variables: filled from them, the template must give this very prompt.
    """
    template = prompt
    for expression, text in filled.items():
        if text and prompt.count(text) == 1:
            template = template.replace(text, "{{ " + expression + " }}")
    try:
        if "{{" not in prompt and glance(template, names) == prompt:
            return template
    except PplxError:
        # A variable is gone, or means something else today.
        pass
    return prompt.replace("{{", '{{ "{{" }}')


def glance(template: str, names: Mapping[str, Any]) -> str | None:
    """Fill a template as one types; None where that would run code, which is left for the click.

    Raises
    ------
    PplxError
        The template cannot be read, or a name is not defined.
    """
    names_in(template)
    if "{{" in _NAME.sub("", template):
        return None
    return fill(template, names)[0]
