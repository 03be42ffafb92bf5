"""What the fields of a form are called; a field that is not named here is called as its flag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.request import Request

if TYPE_CHECKING:
    from pplx_jupyter.errors import PplxError
    from pplx_jupyter.fields.options import Option

__all__ = ["IMPLIED", "UNSET", "choice_word", "label_of", "label_of_field", "sentence_of", "words_of"]

_LABELS = {
    "prompt": "Question",
    "reasoning_effort": "Effort",
    "effort": "Agent effort",
    "search_mode": "In",
    "search_domain_filter": "Sites",
    "search_recency_filter": "Since",
    "search_after_date_filter": "After",
    "search_before_date_filter": "Before",
    "last_updated_after_filter": "Updated after",
    "last_updated_before_filter": "Updated before",
    "search_language_filter": "Language",
    "language_preference": "Answer in",
    "response_format": "Form",
    "return_images": "images",
    "return_related_questions": "related questions",
    "user_location": "Asked from",
    "disable_search": "no search",
    "enable_search_classifier": "search only where needed",
    "extra": "Further fields",
    "web_search_options": "Search options",
    "webhook_url": "Webhook",
    "webhook_secret": "Signed with",
    "backend": "API",
    "take": "Take",
}

UNSET = {
    "search_recency_filter": "Any time",
    "search_mode": "The web",
    "search_language_filter": "any language",
    "search_domain_filter": "add a site, then Tab",
    "image_domain_filter": "add a site, then Tab",
    "image_format_filter": "any format",
    "user_location": "anywhere, DE or Berlin,DE",
    "language_preference": "as asked, or en",
    "webhook_secret": "$NAME of a variable",
    "webhook_url": "https://…",
    "backend": "auto",
}
"""What stands where a field is not set."""

IMPLIED = {"search_mode": "web"}
"""What a field that is not set means all the same; another question only for whoever says it."""

_WORDS = {
    "search_mode": {"web": "The web, said so", "academic": "Academic", "sec": "SEC filings"},
    "search_recency_filter": {
        "hour": "Past hour",
        "day": "Past day",
        "week": "Past week",
        "month": "Past month",
        "year": "Past year",
    },
}

# What is quoted is what the person wrote.
_NAMES = re.compile(r"(?<!“)\b[a-z]+(?:_[a-z]+)+\b(?!”)")
_HEAD = re.compile(r"^(?P<name>(?:--)?[\w-]+):? (?!and )")
_ARGUMENT = re.compile(r"write (?P<name>\w+)=…")
_NO_TEMPLATE = re.compile(r" Use --no-template to send .*? as it stands\.|, or use --no-template")


def label_of(name: str, flag: str = "") -> str:
    """Give what a field, or a key of one, is called."""
    words = flag.lstrip("-").replace("-", " ") or name.replace("_", " ")
    return _LABELS.get(name) or words[:1].upper() + words[1:]


def choice_word(option: Option, value: str) -> str:
    """Give what one of a field's choices is called."""
    return _WORDS.get(option.name, {}).get(value, value)


def label_of_field(name: str) -> str:
    """Give what a field is called, by its name alone."""
    return label_of(name, _flags().get(name, ""))


def sentence_of(error: PplxError, part: str = "") -> str:
    """Give what stands below a field: the error without the field's own name, and in the form's words.

    Parameters
    ----------
    part
        The key of the field's mapping that it stands below.
    """
    said, field = _without_end(error), error.field if isinstance(error, RequestError) else None
    keys = {sub.key: sub.flag for option in Request.options() for sub in option.sub_options}
    for own in ({field, _flags().get(field or "")}, {part, keys.get(part, "")}):
        head = _HEAD.match(said)
        if head is not None and head["name"] in own:
            said = said[head.end() :]
    return _worded(said)


def words_of(error: PplxError) -> str:
    """Give an error that stands below no field, in the form's words."""
    return _worded(_without_end(error))


def _without_end(error: PplxError) -> str:
    return _NO_TEMPLATE.sub("", str(error).removesuffix("Nothing was sent.").strip())


def _worded(said: str) -> str:
    """Name fields as the form does; a key of a mapping stays one."""
    labels = {name: f"“{label_of(name, flag)}”" for name, flag in _flags().items()}
    said = _ARGUMENT.sub(lambda found: f"set {labels.get(found['name'], found['name'])}", said)
    said = _NAMES.sub(lambda found: labels.get(found[0], found[0]), said)
    return said if _NAMES.match(said) else said[:1].upper() + said[1:]


def _flags() -> dict[str, str]:
    return {option.name: option.flag for option in Request.options()}
