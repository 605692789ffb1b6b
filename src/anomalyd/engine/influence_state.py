"""The state of a run's influencers lives in the native core; here its bytes are trusted or not."""

from __future__ import annotations

from anomalyd._core import InfluenceState
from anomalyd.errors import CorruptState


def restored_state(content: bytes) -> InfluenceState:
    """Make a state of its bytes. Raises: CorruptState."""
    try:
        return InfluenceState.from_bytes(content)
    except ValueError as error:
        raise CorruptState(f"the state of influencers: {error}") from error
