"""What the values of a request mean for a field of a certain kind.

Messages are Elasticsearch's for values that do not fit.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass

from anomalyd.errors import IllegalArgument
from anomalyd.query.nodes import Scalar
from anomalyd.query.shape import scalar_text

LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class LongBounds:
    """A range of integers, both ends included; empty where ``low`` exceeds ``high``."""

    low: int
    high: int


def to_long(value: Scalar) -> int | None:
    """The integer, or None for a number that no integer equals.

    Raises:
        IllegalArgument: it is no number.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _number(value)
    if isinstance(number, int):
        return number if LONG_MIN <= number <= LONG_MAX else None
    return int(number) if number.is_integer() and abs(number) < 2.0**63 else None


def long_bounds(
    lower: Scalar | None, upper: Scalar | None, include_lower: bool, include_upper: bool
) -> LongBounds:
    """The integers between two numbers, which need not be integers themselves.

    Raises:
        IllegalArgument: a bound is no number.
    """
    low, high = LONG_MIN, LONG_MAX
    if lower is not None:
        number = _number(lower)
        low = math.ceil(number) + (not include_lower and number == math.ceil(number))
    if upper is not None:
        number = _number(upper)
        high = math.floor(number) - (not include_upper and number == math.floor(number))
    if low > LONG_MAX or high < LONG_MIN:
        return LongBounds(1, 0)
    return LongBounds(max(low, LONG_MIN), min(high, LONG_MAX))


def to_double(value: Scalar) -> float:
    """The number.

    Raises:
        IllegalArgument: it is none.
    """
    return float(_number(value))


def _number(value: Scalar) -> int | float:
    """An integer where the text is one, so that large ones keep every digit."""
    if isinstance(value, bool):
        raise IllegalArgument(f'For input string: "{scalar_text(value)}"')
    if not isinstance(value, str):
        return value
    stripped = value.strip()
    if len(stripped) <= 64 and "_" not in stripped:
        try:
            return int(stripped)
        except ValueError:
            pass
        try:
            number = float(stripped)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise IllegalArgument(f'For input string: "{value[:64]}"' if value else "empty String")


def to_boolean(value: Scalar) -> bool:
    """True and false, their names, and the empty text, which is false.

    Raises:
        IllegalArgument: anything else.
    """
    if isinstance(value, bool):
        return value
    known = {"true": True, "false": False, "": False}
    written = scalar_text(value)
    if written not in known:
        raise IllegalArgument(
            f"Can't parse boolean value [{written[:64]}], expected [true] or [false]"
        )
    return known[written]


def to_addresses(value: Scalar) -> tuple[str, str]:
    """The first and the last address of a network; the same twice for a single address.

    Returns:
        Sort keys, see ``address_key``.

    Raises:
        IllegalArgument: it is neither an address nor a network.
    """
    written = scalar_text(value)
    try:
        if "/" in written:
            network = ipaddress.ip_network(written, strict=False)
            return address_key(network[0]), address_key(network[-1])
        address = ipaddress.ip_address(written)
    except ValueError:
        raise IllegalArgument(f"'{written[:64]}' is not an IP string literal.") from None
    return address_key(address), address_key(address)


def to_ipv4(value: Scalar) -> str | None:
    """The text of a single IPv4 address, which has one spelling only; None for everything else."""
    try:
        return str(ipaddress.IPv4Address(scalar_text(value)))
    except ValueError:
        return None


def address_key(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """32 hexadecimal digits that sort like addresses; IPv4 is mapped into IPv6."""
    mapped = int(address) + (0xFFFF << 32 if address.version == 4 else 0)
    return f"{mapped:032x}"
