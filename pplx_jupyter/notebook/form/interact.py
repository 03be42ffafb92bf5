"""``%%pplx_research --interact topic,region``: a control for each variable of the prompt, and a button that asks."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.cell.prompts import fill, names_in
from pplx_jupyter.notebook.form.bind import present_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.notebook.flags.line import Line
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["chosen", "interact"]

_NOT_WITH = ("after", "each", "no-template")
_NOT_SHOWN = ("wait", "no-wait", "timeout", "notify-me", "sound")


def chosen(parsed: Line, template: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Give the present value of each variable that gets a control.

    Raises
    ------
    RequestError
        The prompt does not use one of them, or there is no control for its value.
    PplxError
        One is not defined.
    """
    wanted = parsed.cell["interact"]
    used = names_in(template)
    for name in wanted:
        if name not in used:
            raise RequestError(f"--interact {name}: the prompt has no {{{{ {name} }}}}. Nothing was sent.")
        if name not in names:
            # The template's own words for a name that is not there.
            fill(f"{{{{ {name} }}}}", names)
    return {name: present_value(name, names[name]) for name in wanted}


def interact(magics: PplxResearch, parsed: Line, template: str) -> dict[str, Any] | None:
    """Show the controls below the running cell; nothing is sent until the button is clicked.

    Returns
    -------
    dict or None
        The variables with their present values, where nobody is there to click: they are asked with.

    Raises
    ------
    RequestError
        A field, or the template, is wrong.
    """
    from pplx_jupyter.notebook.form.form import ResearchForm
    from pplx_jupyter.notebook.frontend import is_headless

    for flag in _NOT_WITH:
        if parsed.cell.get(flag):
            raise RequestError(f"--interact and --{flag} exclude each other; remove one. Nothing was sent.")
    names = magics.host.user_ns
    values = chosen(parsed, template, names)
    if is_headless(magics.host) or not hasattr(magics.host, "kernel") or parsed.cell.get("dry-run"):
        return {**names, **values}
    for flag in _NOT_SHOWN:
        if flag in parsed.cell:
            raise RequestError(f"--interact waits for a click: remove --{flag}. Nothing was sent.")
    how = {
        "refresh": bool(parsed.cell.get("refresh")),
        "max_age": parsed.cell.get("max-age"),
        "retry_failed": True if parsed.cell.get("retry-failed") else None,
        "yes": bool(parsed.cell.get("yes")),
    }
    form = ResearchForm(template.strip("\n"), name=parsed.name, compact=True)
    form.take(
        parsed.fields,
        {name: names[name] for name in values},
        functools.partial(magics.session, frozen=bool(parsed.cell.get("frozen"))),
        how,
        brief=bool(parsed.cell.get("brief")),
    )
    form.request  # noqa: B018 - what is wrong ends the cell
    form.show()
    return None
