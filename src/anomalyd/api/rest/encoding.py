"""Request bodies that come compressed."""

from __future__ import annotations

import zlib

from anomalyd.errors import BodyTooLarge, IllegalArgument, MediaTypeNotSupported

_GZIP = 16 + zlib.MAX_WBITS


def unpack(body: bytes, encoding: str, *, longest: int) -> bytes:
    """Return the body as it was before it was compressed.

    Args:
        body: as sent.
        encoding: its content encoding; empty or ``identity`` when it is not compressed.
        longest: bytes that it may have when unpacked.

    Raises: BodyTooLarge, IllegalArgument for a stream that is corrupt or cut short,
        MediaTypeNotSupported for an encoding other than gzip.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip"):
        raise MediaTypeNotSupported(f"Content-Encoding header [{encoding}] is not supported")
    return _gunzip(body, longest)


def _gunzip(body: bytes, longest: int) -> bytes:
    members: list[bytes] = []
    room = longest
    while body:
        stream = zlib.decompressobj(_GZIP)
        try:
            # one byte more than there is room for tells a body that fits from one that does not
            member = stream.decompress(body, room + 1)
        except zlib.error as error:
            raise IllegalArgument(f"the body is not valid gzip: {error}") from error
        room -= len(member)
        if room < 0:
            raise BodyTooLarge(f"the body is longer than the limit of {longest} bytes")
        if not stream.eof:
            raise IllegalArgument("the body is not valid gzip: it ends too early")
        members.append(member)
        body = stream.unused_data
    return members[0] if len(members) == 1 else b"".join(members)
