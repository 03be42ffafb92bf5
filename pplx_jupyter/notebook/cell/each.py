"""``%%pplx_research --each df``: one question for each row, with the cell's other flags for all."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.flags.names import check_free
from pplx_jupyter.schema import format_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.notebook.flags.line import Line
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["ask_each", "shaped"]

_NOT_WITH = ("no-template", "after", "interact", "brief")


def shaped(parsed: Line, names: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of a line, with ``--schema`` as the form of the answer."""
    fields = dict(parsed.fields)
    shape = parsed.cell.get("schema")
    if shape is None:
        return fields
    if "response_format" in fields:
        raise RequestError("--schema and --format exclude each other; remove one. Nothing was sent.")
    return {**fields, "response_format": format_of(shape, names)}


def ask_each(magics: PplxResearch, parsed: Line, prompt: str, *, wait: bool | None) -> None:
    """Make the batch of a cell, give it to NAME, and show it.

    Raises
    ------
    RequestError
        The rows, the prompt or a flag is wrong; nothing was sent.
    """
    from pplx_jupyter.batch.asking import make_batch
    from pplx_jupyter.batch.deciding import AT_ONCE, Asking
    from pplx_jupyter.batch.forms import plan_forms
    from pplx_jupyter.notebook.batch.show import show_batch
    from pplx_jupyter.notebook.cell.asking import refreshes
    from pplx_jupyter.notebook.frontend import here
    from pplx_jupyter.notebook.verbs.words import publish

    for flag in _NOT_WITH:
        if parsed.cell.get(flag):
            raise RequestError(f"--each and --{flag} exclude each other; remove one. Nothing was sent.")
    names = magics.host.user_ns
    source = parsed.cell["each"]
    rows = _rows(source, names)
    if parsed.name == source:
        raise RequestError(
            f"“{source}” holds the rows, and the batch would take its place: choose another NAME. Nothing was sent."
        )
    session = magics.session(frozen=bool(parsed.cell.get("frozen")))
    place = here(magics.host, session.settings)
    asking = Asking(
        name=parsed.name,
        notebook=place.notebook,
        cell=place.cell,
        at_once=parsed.cell.get("at-once", AT_ONCE),
        refresh=not session.frozen and refreshes(parsed, place, session.settings),
        max_age=parsed.cell.get("max-age"),
        retry_failed=True if parsed.cell.get("retry-failed") else None,
    )
    batch = make_batch(session, prompt.strip("\n"), rows, asking, shaped(parsed, names), names=names)
    check_free(parsed.name, batch.questions[0].filled, names)
    if parsed.cell.get("dry-run"):
        publish(magics, plan_forms(batch, batch.plan))
        return
    if session.frozen:
        # Before NAME is given away: what the lockfile lacks is an error of this cell.
        batch.ask()
    if parsed.name:
        names[parsed.name] = batch
    show_batch(
        magics.host,
        batch,
        place,
        yes=bool(parsed.cell.get("yes")),
        wait=wait,
        timeout=parsed.cell.get("timeout"),
        flags=parsed.cell,
    )


def _rows(source: str, names: Mapping[str, Any]) -> Any:
    if source in names:
        return names[source]
    near = difflib.get_close_matches(source, [name for name in names if not name.startswith("_")], 1)
    hint = f"did you mean {near[0]}?" if near else "define it in a cell above."
    raise RequestError(f"--each {source}: there is no variable of this name; {hint} Nothing was sent.")
