"""Reading the rows of an SQLite file without SQLite, which gives up at the first broken page.

A table's rows lie in its leaf pages, and each leaf page says by itself where its rows are: whatever
is broken elsewhere, in the header, in an index, in the pages that lead to it, the others can be read.
https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["MAGIC", "Record", "records", "version_of"]

MAGIC = b"SQLite format 3\0"
Record = tuple[Any, ...]
"""The values of one row: None, int, float, str or bytes; which table it is of, the page does not tell."""

_LEAF = 0x0D
_HEADER = 100
_USUAL_PAGE = 4096
_LOG_MAGIC = (0x377F0682, 0x377F0683)
_MOST_COLUMNS = 2000


class _Unreadable(Exception):
    """A row, or its page, is not what it says."""


def version_of(path: Path) -> int:
    """Give the number that ``PRAGMA user_version`` has set; 0 where the header is broken."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
    return int.from_bytes(head[60:64], "big") if head.startswith(MAGIC) else 0


def records(path: Path, log: Path) -> Iterator[Record]:
    """Give all rows of all tables that can be read.

    Parameters
    ----------
    log
        The write-ahead log that belongs to the file; its committed pages take the place of the file's.
    """
    with path.open("rb") as file:
        pages = _Pages(file, log)
        for number in range(1, pages.count + 1):
            try:
                page = pages.read(number)
                yield from _rows(pages, page, _HEADER if number == 1 else 0)
            except (_Unreadable, struct.error, IndexError, OverflowError):
                continue


class _Pages:
    """The pages of a file, with those of its log in their place."""

    def __init__(self, file: BinaryIO, log: Path) -> None:
        self._file = file
        head = file.read(_HEADER)
        size = int.from_bytes(head[16:18], "big")
        size = 65_536 if size == 1 else size
        self.size, self._logged = _read_log(log)
        known = head.startswith(MAGIC) and 512 <= size <= 65_536 and size & (size - 1) == 0
        self.size = size if known else self.size or _USUAL_PAGE
        spare = head[20] if known and head[20] < 64 else 0
        self.usable = self.size - spare
        self.length = file.seek(0, 2)
        self.count = max([-(-self.length // self.size), *self._logged], default=0)

    def read(self, number: int) -> bytes:
        """Give a page; as much of it as there is."""
        if number in self._logged:
            return self._logged[number]
        if not 1 <= number <= self.count:
            raise _Unreadable
        self._file.seek((number - 1) * self.size)
        return self._file.read(self.size)


def _read_log(path: Path) -> tuple[int, dict[int, bytes]]:
    """Give the page size of a log and its committed pages by number; a frame that does not add up ends it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return 0, {}
    if len(data) < 32 or int.from_bytes(data[:4], "big") not in _LOG_MAGIC:
        return 0, {}
    size = int.from_bytes(data[8:12], "big")
    if not 512 <= size <= 65_536:
        return 0, {}
    order = ">" if int.from_bytes(data[:4], "big") & 1 else "<"
    sums = _added(order, data[:24], (0, 0))
    committed: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    for at in range(32, len(data) - 24 - size + 1, 24 + size):
        head, page = data[at : at + 24], data[at + 24 : at + 24 + size]
        sums = _added(order, page, _added(order, head[:8], sums))
        if head[8:16] != data[16:24] or struct.unpack(">II", head[16:24]) != sums:
            break
        waiting[int.from_bytes(head[:4], "big")] = page
        if int.from_bytes(head[4:8], "big"):
            committed.update(waiting)
            waiting.clear()
    return size, committed


def _added(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """Give SQLite's checksum, carried on over `data`."""
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _rows(pages: _Pages, page: bytes, start: int) -> Iterator[Record]:
    if len(page) <= start or page[start] != _LEAF:
        return
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    for number in range(count):
        at = start + 8 + 2 * number
        try:
            cell = int.from_bytes(page[at : at + 2], "big")
            yield _record(_payload(pages, page, cell))
        except (_Unreadable, UnicodeDecodeError, struct.error, IndexError, OverflowError):
            continue


def _payload(pages: _Pages, page: bytes, at: int) -> bytes:
    """Give the bytes of one row, those in its overflow pages included."""
    length, at = _number(page, at)
    _, at = _number(page, at)
    if length > max(pages.length, pages.size * pages.count):
        raise _Unreadable
    most = pages.usable - 35
    if length <= most:
        return _exactly(page[at : at + length], length)
    least = (pages.usable - 12) * 32 // 255 - 23
    here = least + (length - least) % (pages.usable - 4)
    here = here if here <= most else least
    parts = [page[at : at + here]]
    following = int.from_bytes(_exactly(page[at + here : at + here + 4], 4), "big")
    left = length - here
    while left > 0:
        more = pages.read(following)
        parts.append(more[4 : 4 + min(left, pages.usable - 4)])
        if len(parts[-1]) < min(left, pages.usable - 4):
            raise _Unreadable
        left -= len(parts[-1])
        following = int.from_bytes(more[:4], "big")
    return _exactly(b"".join(parts), length)


def _exactly(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise _Unreadable
    return data


def _record(payload: bytes) -> Record:
    end, at = _number(payload, 0)
    kinds = []
    while at < end:
        kind, at = _number(payload, at)
        kinds.append(kind)
        if len(kinds) > _MOST_COLUMNS:
            raise _Unreadable
    if at != end:
        raise _Unreadable
    values = []
    for kind in kinds:
        length = _LENGTHS[kind] if kind < 10 else (kind - 12) // 2
        if kind in {10, 11}:
            raise _Unreadable
        values.append(_value(kind, _exactly(payload[at : at + length], length)))
        at += length
    return tuple(values)


_LENGTHS = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)


def _value(kind: int, data: bytes) -> Any:
    if kind == 0:
        return None
    if kind < 7:
        return int.from_bytes(data, "big", signed=True)
    if kind == 7:
        return struct.unpack(">d", data)[0]
    if kind < 10:
        return kind - 8
    return data.decode("utf-8") if kind % 2 else data


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of one to nine bytes; give it, and where it ends."""
    value = 0
    for count in range(8):
        byte = data[at + count]
        value = (value << 7) | (byte & 0x7F)
        if byte < 0x80:
            return value, at + count + 1
    return (value << 8) | data[at + 8], at + 9
