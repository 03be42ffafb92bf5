"""The question that a form holds: values by field, checked by the Request's own checks, one by one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.fields.rules import check_field
from pplx_jupyter.notebook.cell.prompts import fill
from pplx_jupyter.notebook.flags.names import check_variable
from pplx_jupyter.notebook.form.bind import Bound, glance
from pplx_jupyter.notebook.form.cell import cell_text
from pplx_jupyter.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Checked", "Draft", "refusal_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """What is to be said of a draft.

    Attributes
    ----------
    errors
        What is wrong, by field.
    request
        The question with its prompt as far as that can be known without running code; None while
        something is wrong, or nothing is asked yet.
    is_known
        Whether the request's prompt is the one that a click would send.
    """

    errors: Mapping[str, RequestError]
    request: Request | None
    is_known: bool = False


@dataclasses.dataclass(slots=True)
class Draft:
    """A question on its way to being right.

    Attributes
    ----------
    template
        The prompt, with its ``{{ name }}``.
    name
        The variable that gets the Job, or an empty text.
    values
        The other fields that are set, by name.
    bound
        What is bound to names of the template.
    variables
        The notebook's own variables.
    follows
        What it is a follow-up to, see `Request`.
    """

    template: str
    name: str
    values: dict[str, Any]
    bound: Bound
    variables: Mapping[str, Any]
    follows: Mapping[str, str] | None = None

    @property
    def names(self) -> dict[str, Any]:
        """All that ``{{ name }}`` can mean."""
        return {**self.variables, **self.bound.values}

    def filled(self) -> tuple[Request, dict[str, str]]:
        """Give the question as it would be sent now, and what took the place of each expression.

        Raises
        ------
        PplxError
            A field, or the template, is wrong.
        """
        prompt, filled = fill(self.template, self.names)
        return self._build(prompt), filled

    def cell(self) -> str:
        """Write the cell that asks it.

        Raises
        ------
        RequestError
            A field is wrong.
        """
        return cell_text(self._build(self.template), self.name, template=True)

    def take(self, values: Mapping[str, Any]) -> None:
        """Take what stands in a form's controls, the prompt and the name among it; None is not set."""
        self.template, self.name = values["prompt"], values["name"].strip()
        rest = {k: v for k, v in {**self.values, **values}.items() if k not in {"prompt", "name"}}
        self.values = {name: value for name, value in rest.items() if value is not None}

    def _build(self, prompt: str) -> Request:
        request = Request.build(prompt=prompt.strip("\n"), **self.values)
        return (
            request
            if self.follows is None
            else request.following(self.follows["job"], self.follows["fingerprint"])
        )

    def check(self, unread: Mapping[str, RequestError]) -> Checked:
        """Check every field by itself, then together.

        Parameters
        ----------
        unread
            What stands in the form and is no value at all, by field.
        """
        errors = dict(unread)
        for option in Request.options():
            wrong = refusal_of(option.name, self.values.get(option.name))
            if wrong is not None:
                errors.setdefault(option.name, wrong)
        prompt = None
        try:
            if self.name:
                check_variable(self.name)
        except RequestError as error:
            errors["name"] = error
        try:
            prompt = glance(self.template, self.names)
        except PplxError as error:
            errors["prompt"] = RequestError(str(error), field="prompt")
        if errors or not self.template.strip():
            return Checked(errors, None)
        try:
            request = self._build(self.template if prompt is None else prompt)
        except RequestError as error:
            return Checked({error.field or "prompt": error}, None)
        return Checked({}, request, is_known=prompt is not None)


def refusal_of(name: str, value: Any) -> RequestError | None:
    """Give what is wrong with one field's value by itself; None where nothing is, or it is not set."""
    option = next((each for each in Request.options() if each.name == name), None)
    if option is None or value is None:
        return None
    try:
        check_field(option, value, tuple(each.name for each in Request.options()))
    except RequestError as error:
        return error
    return None
