"""MurmurHash3, the x64 variant with 128 bits (Austin Appleby, public domain), in plain Python.

Model ids of entities with several category fields are made of it (behaviour §6). It is used once
per entity, not per row.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_C1 = 0x87C37B91114253D5
_C2 = 0x4CF5AD432745937F


def murmur3_x64_128(data: bytes, seed: int) -> tuple[int, int]:
    """Return the two unsigned 64-bit halves of the hash.

    Args:
        data: the bytes to hash.
        seed: unsigned 32-bit seed.
    """
    first = second = seed
    whole = len(data) - len(data) % 16
    for at in range(0, whole, 16):
        first ^= _mix_first(int.from_bytes(data[at : at + 8], "little"))
        first = (_rotate(first, 27) + second) & _MASK
        first = (first * 5 + 0x52DCE729) & _MASK
        second ^= _mix_second(int.from_bytes(data[at + 8 : at + 16], "little"))
        second = (_rotate(second, 31) + first) & _MASK
        second = (second * 5 + 0x38495AB5) & _MASK
    tail = data[whole:]
    first ^= _mix_first(int.from_bytes(tail[:8], "little")) ^ len(data)
    second ^= _mix_second(int.from_bytes(tail[8:], "little")) ^ len(data)
    first = (first + second) & _MASK
    second = (second + first) & _MASK
    first, second = _finish(first), _finish(second)
    first = (first + second) & _MASK
    return first, (second + first) & _MASK


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _mix_first(block: int) -> int:
    return _rotate(block * _C1 & _MASK, 31) * _C2 & _MASK


def _mix_second(block: int) -> int:
    return _rotate(block * _C2 & _MASK, 33) * _C1 & _MASK


def _finish(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & _MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & _MASK
    return value ^ (value >> 33)
