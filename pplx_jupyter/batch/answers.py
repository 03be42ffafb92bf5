"""The answers of a batch by row; each is read when it is looked at, since a thousand are long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.batch.batch import Batch

__all__ = ["Answers"]


class Answers:
    """The answer of each row, in their order: a sequence of `pplx_jupyter.answer.Answer` or None."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def __len__(self) -> int:
        return len(self._batch)

    def __getitem__(self, number: int) -> Answer | None:
        job = self._batch.jobs[number]
        return None if job is None else job.answer

    def __iter__(self) -> Iterator[Answer | None]:
        return (self[number] for number in range(len(self)))

    def __repr__(self) -> str:
        return f"<answers of {self._batch!r}>"
