"""Request: everything a user asks for, checked, and the fingerprint that names the question.

The fields' metadata holds one `Option` each; the magic's flags, the form, the wire
bodies, the fingerprint and the documentation are made from it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date  # noqa: TC003 - for typing.get_type_hints
from typing import Any, ClassVar, Self

from pplx_jupyter.fields import checks, shapes
from pplx_jupyter.fields.canonical import canonical
from pplx_jupyter.fields.openapi_fields import EXTRA_FIELDS, ExtraField
from pplx_jupyter.fields.options import GROUPS, Option, SubOption
from pplx_jupyter.fields.rules import check_field, check_names, check_prompt, check_together
from pplx_jupyter.fields.sentences import first_sentence, tidy

__all__ = ["BACKENDS", "DEFAULT_MODEL", "Option", "Request", "SubOption", "tidy"]

DEFAULT_MODEL = "sonar-deep-research"
BACKENDS = ("auto", "sonar", "agent")

_ASK, _DEEP, _WHERE, _BACK, _MORE, _DELIVER = GROUPS


def _field(flag: str, kind: str, group: str, text: str, /, default: Any = None, **rest: Any) -> Any:
    option = Option(flag=flag, kind=kind, group=group, help=text, **rest)
    hidden = kind == "secret"
    return dataclasses.field(
        default=default, metadata={"option": option}, repr=not hidden, compare=not hidden
    )


def _date_field(flag: str, name: str, text: str) -> Any:
    return _field(flag, "date", _WHERE, text, sonar=name, agent=f"tools.filters.{name}", metavar="MM/DD/YYYY")


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A question with all its options; None is "not set", and what is not set is not sent.

    The field names are the service's own. Every value is checked when the Request is
    made: a wrong one raises RequestError, which names the field, the value and what is
    allowed. Lists are stored as tuples, dates as ``MM/DD/YYYY``, sites in lower case.
    `Request.options` describes each field.

    Parameters
    ----------
    prompt
        The question. Either this or `messages`.
    messages
        A conversation, ``{"role", "content"}`` each, with the user's message last.
    take
        Another answer to the same question: 2, 3 … (default 1).
    backend
        ``"auto"`` (default), ``"sonar"`` or ``"agent"``.
    extra
        Further fields of the sonar API's request, see `EXTRA`.
    follows
        What a follow-up follows, as `following` writes it: it has no wire name of its own.
    """

    EXTRA: ClassVar[Mapping[str, ExtraField]] = EXTRA_FIELDS

    prompt: str = _field("", "text", _ASK, "The question.", default="", sonar="messages", agent="input")
    messages: Sequence[Mapping[str, Any]] | None = _field(
        "", "json", _ASK, "A conversation instead of one question, the user's message last.",
        check="messages", sonar="messages", agent="input", metavar="JSON",
    )  # fmt: skip
    system_prompt: str | None = _field(
        "--system", "text", _MORE, "What the model is told before the question.",
        sonar="messages", agent="instructions", metavar="TEXT",
    )  # fmt: skip
    model: str | None = _field(
        "--model", "text", _DEEP, f"The model that answers; {DEFAULT_MODEL} where none is named.",
        check="model", sonar="model", agent="model", metavar="NAME",
    )  # fmt: skip
    reasoning_effort: str | None = _field(
        "--effort", "choice", _DEEP, "How much the model thinks: more finds more and costs more.",
        choices=("minimal", "low", "medium", "high"), sonar="reasoning_effort", agent="reasoning.effort",
    )  # fmt: skip
    effort: str | None = _field(
        "--agent-effort", "choice", _DEEP, "The agent API's own level of work; it takes the place of the model.",
        check="effort", choices=("fast", "low", "medium", "high", "xhigh"), agent="effort",
    )  # fmt: skip
    instructions: str | None = _field(
        "--instructions", "text", _MORE, "What the agent is told before the question.",
        agent="instructions", metavar="TEXT",
    )  # fmt: skip
    max_steps: int | None = _field(
        "--max-steps", "integer", _MORE, "The most rounds of search that the agent takes.",
        low=1, high=100, agent="max_steps", metavar="N",
    )  # fmt: skip
    max_tokens: int | None = _field(
        "--max-tokens", "integer", _MORE, "The most tokens that the answer may have.",
        low=1, high=128_000, sonar="max_tokens", agent="max_output_tokens", metavar="N",
    )  # fmt: skip
    search_mode: str | None = _field(
        "--mode", "choice", _WHERE, "Where to search: the web, academic sources or SEC filings.",
        choices=("web", "academic", "sec"), sonar="search_mode",
    )  # fmt: skip
    search_domain_filter: Sequence[str] | None = _field(
        "--domains", "list", _WHERE, "Only these sites, or, with - in front of each, all but these.",
        check="domain", max_items=20, sonar="search_domain_filter",
        agent="tools.filters.search_domain_filter", metavar="SITE,SITE",
    )  # fmt: skip
    search_recency_filter: str | None = _field(
        "--recency", "choice", _WHERE, "Only pages from the past hour, day, week, month or year.",
        choices=("hour", "day", "week", "month", "year"), sonar="search_recency_filter",
        agent="tools.filters.search_recency_filter",
    )  # fmt: skip
    search_after_date_filter: str | date | None = _date_field(  # noqa: RUF009
        "--after-date", "search_after_date_filter", "Only pages published after this date."
    )
    search_before_date_filter: str | date | None = _date_field(  # noqa: RUF009
        "--before-date", "search_before_date_filter", "Only pages published before this date."
    )
    last_updated_after_filter: str | date | None = _date_field(  # noqa: RUF009
        "--updated-after", "last_updated_after_filter", "Only pages last updated after this date."
    )
    last_updated_before_filter: str | date | None = _date_field(  # noqa: RUF009
        "--updated-before", "last_updated_before_filter", "Only pages last updated before this date."
    )
    search_language_filter: Sequence[str] | None = _field(
        "--languages", "list", _WHERE, "Only pages in these languages, as two-letter codes.",
        check="language", max_items=20, sonar="search_language_filter", metavar="CODE,CODE",
    )  # fmt: skip
    image_domain_filter: Sequence[str] | None = _field(
        "--image-domains", "list", _MORE, "Only images from these sites, or, with - in front of each, all but these.",
        check="domain", max_items=10, sonar="image_domain_filter", metavar="SITE,SITE",
    )  # fmt: skip
    image_format_filter: Sequence[str] | None = _field(
        "--image-formats", "list", _MORE, "Only images of these formats, as file endings.",
        check="image format", max_items=10, sonar="image_format_filter", metavar="ENDING,ENDING",
    )  # fmt: skip
    num_search_results: int | None = _field(
        "--num-results", "integer", _MORE, "How many pages a search may bring.",
        low=1, sonar="num_search_results", agent="tools.max_results", metavar="N",
    )  # fmt: skip
    web_search_options: Mapping[str, Any] | None = _field(
        "--web-search-options", "json", _MORE, "Options of the search: context size, type, the asker's place.",
        check="web_search_options", sonar="web_search_options", agent="tools", metavar="JSON",
        sub_options=(
            SubOption(
                "--context-size", "search_context_size", "choice", "How much of the pages the model reads.",
                choices=shapes.CONTEXT_SIZES,
            ),
            SubOption(
                "--location", "user_location", "location", "Where the question is asked from.",
                metavar="DE|CITY,DE|CITY,REGION,DE|JSON",
            ),
        ),
    )  # fmt: skip
    disable_search: bool | None = _field(
        "--no-search",
        "switch",
        _MORE,
        "Answer from the model alone, without a search.",
        sonar="disable_search",
    )
    enable_search_classifier: bool | None = _field(
        "--search-classifier", "switch", _MORE, "Let the service decide whether a search is needed.",
        sonar="enable_search_classifier",
    )  # fmt: skip
    language_preference: str | None = _field(
        "--language", "text", _BACK, "The language of the answer, such as en.",
        sonar="language_preference", agent="language_preference", metavar="CODE",
    )  # fmt: skip
    response_format: Mapping[str, Any] | None = _field(
        "--format", "json", _BACK, "The form of the answer: text, a JSON schema or a regular expression.",
        check="response_format", sonar="response_format", agent="response_format", metavar="JSON",
    )  # fmt: skip
    return_images: bool | None = _field(
        "--images", "switch", _BACK, "Bring images, too: fetched once, as the answer comes, and kept with it.",
        sonar="return_images",
    )  # fmt: skip
    return_related_questions: bool | None = _field(
        "--related", "switch", _BACK, "Bring related questions, too.", sonar="return_related_questions"
    )
    webhook_url: str | None = _field(
        "--webhook-url", "text", _DELIVER, "The address that the service calls when the answer is there.",
        check="url", in_fingerprint=False, sonar="webhook.url", metavar="URL",
    )  # fmt: skip
    webhook_secret: str | None = _field(
        "--webhook-secret", "secret", _DELIVER, "What the service signs that call with: $NAME of a variable, or the secret itself.",
        in_fingerprint=False, sonar="webhook.secret", metavar="$NAME",
    )  # fmt: skip
    extra: Mapping[str, Any] | None = _field(
        "--extra", "json", _MORE, "Further fields of the sonar API, as in its OpenAPI document.",
        check="extra", metavar="JSON",
    )  # fmt: skip
    backend: str = _field(
        "--backend", "choice", _MORE, "Which of the service's two APIs is asked.", default="auto",
        choices=BACKENDS, in_fingerprint=False,
    )  # fmt: skip
    take: int = _field(
        "--take", "integer", _MORE, "Another answer to the same question: 2, 3 and so on.", default=1,
        low=1, metavar="N",
    )  # fmt: skip
    follows: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        for option in self.options():
            value = getattr(self, option.name)
            if option.name == "prompt":
                check_prompt(value)
            elif value is None:
                value = _defaults()[option.name]
            else:
                value = check_field(option, value, _names())
                value = _defaults()[option.name] if value is None else value
            object.__setattr__(self, option.name, value)
        check_together({name: getattr(self, name) for name in _names()})

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """Describe the fields, in their order."""
        return _options()

    @classmethod
    def build(cls, **fields: Any) -> Self:
        """Make a Request, with RequestError instead of TypeError for a name that is not a field."""
        check_names(fields, cls.options())
        return cls(**fields)

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some fields changed; None unsets one."""
        check_names(changes, self.options())
        return dataclasses.replace(self, **changes)

    def following(self, job_id: str, fingerprint: str) -> Self:
        """Give the same question as a follow-up to a job, named by its id and by its own question's fingerprint."""
        return dataclasses.replace(self, follows={"job": job_id, "fingerprint": fingerprint})

    @property
    def resolved_model(self) -> str:
        """The model asked for, or the default."""
        return self.model or DEFAULT_MODEL

    @property
    def effort_label(self) -> str:
        """The effort asked for, on either API, for display; ``""`` where none is set."""
        return self.reasoning_effort or self.effort or ""

    @property
    def question(self) -> str:
        """The first sentence of what is asked, on one line, at most 140 characters."""
        text = self.prompt
        if self.messages:
            text = shapes.message_text(self.messages[-1])
        return first_sentence(text)

    @property
    def fingerprint(self) -> str:
        """``v1:`` and the SHA-256 of the question; a follow-up's depends on which answer to which question it follows.

        Left out are the backend, the webhook and everything that is not set; the model
        is resolved to its default, and neither line ends nor the order of a filter's
        entries matter.
        """
        asked = {**canonical(self.to_json(), self.options()), "model": self.resolved_model}
        if self.follows is not None:
            # Asked anew, the same question has another answer: what follows that is another question.
            asked["parent_job"] = self.follows["job"]
            asked["parent"] = self.follows["fingerprint"]
        text = json.dumps(asked, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"v1:{hashlib.sha256(text.encode('ascii')).hexdigest()}"

    def to_json(self) -> dict[str, Any]:
        """Give the fields that are set as plain JSON, without the webhook's secret."""
        fields = {
            option.name: checks.check_plain(option.name, getattr(self, option.name))
            for option in self.options()
            if option.kind != "secret" and getattr(self, option.name) != _defaults()[option.name]
        }
        return fields if self.follows is None else {**fields, "follows": dict(self.follows)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Make a Request from `to_json`'s result; keys of newer versions are ignored."""
        request = cls(**{name: value for name, value in fields.items() if name in _names()})
        found = fields.get("follows")
        if not isinstance(found, Mapping) or not {"job", "fingerprint"} <= set(found):
            return request
        return request.following(str(found["job"]), str(found["fingerprint"]))

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self.to_json().items())
        return f"Request({', '.join(shown)})"

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_json(), sort_keys=True))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled without the webhook's secret.
        return type(self).from_json, (self.to_json(),)


@functools.cache
def _options() -> tuple[Option, ...]:
    fields = dataclasses.fields(Request)
    return tuple(
        dataclasses.replace(field.metadata["option"], name=field.name)
        for field in fields
        if "option" in field.metadata
    )


@functools.cache
def _names() -> tuple[str, ...]:
    return tuple(option.name for option in _options())


@functools.cache
def _defaults() -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(Request)}
