"""Reading decoded JSON: the right shape, or an error that names what was wrong.

Messages follow Elasticsearch's wording. Nothing here prints a whole value of the request: it may
be huge, and nested too deep for Python to print.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sequence

from anomalyd.errors import ParsingError
from anomalyd.query.nodes import Scalar

MAX_DEPTH = 64
"""How deep queries and aggregations may be nested."""

_LONG = range(-(2**63), 2**63)


def token(value: object) -> str:
    """The name that Elasticsearch's parser has for the start of this value."""
    if value is None:
        return "VALUE_NULL"
    if isinstance(value, bool):
        return "VALUE_BOOLEAN"
    if isinstance(value, str):
        return "VALUE_STRING"
    if isinstance(value, int | float):
        return "VALUE_NUMBER"
    return "START_ARRAY" if isinstance(value, list | tuple) else "START_OBJECT"


def suggestion(word: str, known: Collection[str]) -> str:
    """`` did you mean [x]?`` where a known word is close, else nothing."""
    close = difflib.get_close_matches(word[:64], sorted(known), n=3, cutoff=0.7)
    if not close:
        return ""
    if len(close) == 1:
        return f" did you mean [{close[0]}]?"
    return f" did you mean any of [{', '.join(close)}]?"


def as_object(value: object, what: str) -> Mapping[str, object]:
    """The value if it is an object.

    Raises:
        ParsingError: it is none.
    """
    if not isinstance(value, Mapping):
        raise ParsingError(f"{what} expected [START_OBJECT] but found [{token(value)}]")
    return value


def as_array(value: object, what: str) -> Sequence[object]:
    """The value if it is an array.

    Raises:
        ParsingError: it is none.
    """
    if not isinstance(value, list | tuple):
        raise ParsingError(f"{what} expected [START_ARRAY] but found [{token(value)}]")
    return value


def as_scalar(value: object, what: str) -> Scalar:
    """The value if it is a text, a number or a boolean; integers beyond 64 bits become floats.

    Raises:
        ParsingError: it is none of these, or no finite number, or no valid text.
    """
    if isinstance(value, str):
        return _valid_text(value, what)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value in _LONG else _finite(value, what)
    if isinstance(value, float):
        return _finite(value, what)
    raise ParsingError(f"{what} expected a value but found [{token(value)}]")


def as_text(value: object, what: str) -> str:
    """The value as text; numbers and booleans are written out as in JSON.

    Raises:
        ParsingError: it is null, an object or an array.
    """
    return scalar_text(as_scalar(value, what))


def scalar_text(value: Scalar) -> str:
    """A scalar the way Elasticsearch writes it out: ``true``, ``1``, ``1.5``, the text itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_boolean(value: object, what: str) -> bool:
    """The value if it is a boolean or one of the texts ``true`` and ``false``.

    Raises:
        ParsingError: anything else.
    """
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ParsingError(f"{what} only [true] or [false] are allowed but found [{token(value)}]")


def as_number(value: object, what: str) -> float:
    """The value as a finite float; texts that are numbers count.

    Raises:
        ParsingError: anything else.
    """
    if isinstance(value, str):
        try:
            return _finite(float(value), what)
        except ValueError:
            raise ParsingError(f'{what} For input string: "{value[:64]}"') from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParsingError(f"{what} expected a number but found [{token(value)}]")
    return _finite(value, what)


def as_integer(value: object, what: str) -> int:
    """The value as a 32-bit integer; texts that are numbers count.

    Raises:
        ParsingError: anything else.
    """
    number = as_number(value, what)
    if not number.is_integer():
        raise ParsingError(f"{what} {number} cannot be converted to Integer without data loss")
    if not -(2**31) <= number < 2**31:
        raise ParsingError(f"{what} Numeric value is out of range of int")
    return int(number)


def _finite(value: float, what: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ParsingError(f"{what} numeric value is out of range")
    return number


def _valid_text(value: str, what: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ParsingError(f"{what} the text is not valid Unicode") from None
    return value


class Options:
    """The keys of one JSON object, taken one by one; what is left at the end is refused.

    Args:
        owner: name of the query or aggregation, for messages.
        values: the object.
        unknown: message for a key that nobody took, with one ``{}``.
    """

    def __init__(
        self, owner: str, values: Mapping[str, object], *, unknown: str | None = None
    ) -> None:
        self.owner = owner
        self._left = dict(values)
        self._taken: set[str] = set()
        self._unknown = unknown or f"[{owner}] query does not support [{{}}]"

    def take(self, *keys: str) -> object:
        """The value of the first of these keys that is there; None if none is."""
        found: object = None
        for key in keys:
            self._taken.add(key)
            if key in self._left:
                value = self._left.pop(key)
                found = value if found is None else found
        return found

    def what(self, key: str) -> str:
        """How messages begin that are about this key."""
        return f"[{self.owner}] failed to parse field [{key}]:"

    def text(self, *keys: str) -> str | None:
        """A text, or None where it is absent."""
        value = self.take(*keys)
        return None if value is None else as_text(value, self.what(keys[0]))

    def required_text(self, *keys: str) -> str:
        """A text that must be there."""
        value = self.text(*keys)
        if value is None:
            raise ParsingError(f"[{self.owner}] requires [{keys[0]}] to be specified")
        return value

    def choice(self, key: str, allowed: Collection[str], default: str) -> str:
        """One of the allowed words, in the case that they are spelled here."""
        value = self.text(key)
        if value is None:
            return default
        for word in allowed:
            if word.casefold() == value.casefold():
                return word
        raise ParsingError(f"[{self.owner}] query does not support [{key}] [{value[:64]}]")

    def boolean(self, key: str, default: bool) -> bool:
        """A boolean."""
        value = self.take(key)
        return default if value is None else as_boolean(value, self.what(key))

    def integer(self, key: str, default: int) -> int:
        """A 32-bit integer."""
        value = self.take(key)
        return default if value is None else as_integer(value, self.what(key))

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        value = self.take(key)
        return default if value is None else as_number(value, self.what(key))

    def scalar(self, *keys: str) -> Scalar | None:
        """A text, number or boolean, or None where it is absent or null."""
        value = self.take(*keys)
        return None if value is None else as_scalar(value, self.what(keys[0]))

    def only(self, key: str, allowed: Collection[Scalar | None]) -> None:
        """Takes a key that anomalyd accepts only with values that change nothing.

        Raises:
            ParsingError: another value, which would silently be without effect.
        """
        value = self.take(key)
        if value is None:
            return
        given = as_scalar(value, self.what(key))
        if not any(given == known and type(given) is type(known) for known in allowed):
            raise ParsingError(
                f"[{self.owner}] query does not support [{key}] [{scalar_text(given)[:64]}]"
            )

    def boost(self) -> float:
        """``boost``, 1 by default.

        Raises:
            ParsingError: it is negative.
        """
        boost = self.number("boost", 1.0)
        if boost < 0:
            raise ParsingError(f"[boost] cannot be negative, found [{boost}] in [{self.owner}]")
        return boost

    def rest(self) -> list[str]:
        """The keys that nobody has taken yet, in the order of the request."""
        return list(self._left)

    def finish(self) -> None:
        """Refuses what is left.

        Raises:
            ParsingError: names the first key that nobody took.
        """
        for key in self._left:
            raise ParsingError(self._unknown.format(key[:256]) + suggestion(key, self._taken))
