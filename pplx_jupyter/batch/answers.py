"""The answers of a batch by row; each is read when it is looked at, since a thousand are long."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import SupportsIndex

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.batch.batch import Batch

__all__ = ["Answers"]


class Answers:
    """The answer of each row, in their order: a sequence of `pplx_jupyter.answer.Answer` or None; a slice is a list."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def __len__(self) -> int:
        return len(self._batch)

    @overload
    def __getitem__(self, number: SupportsIndex) -> Answer | None: ...

    @overload
    def __getitem__(self, number: slice) -> list[Answer | None]: ...

    def __getitem__(self, number: SupportsIndex | slice) -> Answer | list[Answer | None] | None:
        if isinstance(number, slice):
            return [None if job is None else job.answer for job in self._batch.jobs[number]]
        job = self._batch.job(operator.index(number))
        return None if job is None else job.answer

    def __iter__(self) -> Iterator[Answer | None]:
        return (None if job is None else job.answer for job in self._batch.jobs)

    def __repr__(self) -> str:
        return f"<answers of {self._batch!r}>"
