"""Images that may be shown: made of pixels, small enough, known by their first bytes alone."""

from __future__ import annotations

__all__ = ["HEAD", "MAX_IMAGE", "MAX_IMAGES", "image_type"]

MAX_IMAGE = 200_000
"""The largest image that is embedded, in bytes."""

MAX_IMAGES = 2_000_000
"""How many bytes of images one answer carries."""

HEAD = 12
"""So many first bytes tell what an image is."""


def image_type(data: bytes) -> str:
    """Give the media type that the first bytes of an image tell; empty where it is none that is shown.

    Only pictures made of pixels: SVG is a document, with scripts and addresses in it.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""
