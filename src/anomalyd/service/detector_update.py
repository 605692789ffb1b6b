"""What an update of a detector may do (behaviour §2, step 5), and when."""

from __future__ import annotations

from dataclasses import dataclass

from anomalyd.errors import ActionInvalid, DetectorRefused, IllegalArgument
from anomalyd.model.detector import Detector


@dataclass(frozen=True, kw_only=True)
class WriteCondition:
    """The version that a caller has seen and wants to replace; both None: whatever is stored.

    Attributes:
        seq_no: ``_seq_no`` of the document, not negative.
        primary_term: ``_primary_term`` of the document, positive.

    Raises:
        IllegalArgument: a number that no document has.
        ActionInvalid: one without the other, in Elasticsearch's words.
    """

    seq_no: int | None = None
    primary_term: int | None = None

    def __post_init__(self) -> None:
        if self.seq_no is not None and self.seq_no < 0:
            raise IllegalArgument(
                f"sequence numbers must be non negative. got [{self.seq_no}].", field="if_seq_no"
            )
        if self.primary_term is not None and self.primary_term <= 0:
            raise IllegalArgument(
                f"primary term must be a positive number. got [{self.primary_term}].",
                field="if_primary_term",
            )
        if self.seq_no is not None and self.primary_term is None:
            raise ActionInvalid("ifSeqNo is set, but primary term is [0]", field="if_primary_term")
        if self.seq_no is None and self.primary_term is not None:
            raise ActionInvalid(
                f"ifSeqNo is unassigned, but primary term is [{self.primary_term}]",
                field="if_seq_no",
            )


def check_unchangeable(before: Detector, after: Detector) -> None:
    """Check that an update leaves what results depend on.

    The order of category fields may change (recorded requests): an entity is its values by name.
    An update that names no result index keeps the one there is, as in the API document, whose
    example of an update leaves it out.

    Raises: DetectorRefused.
    """
    if set(before.categories) != set(after.categories):
        raise DetectorRefused("Can't change detector category field", aspect="category_field")
    if after.result_index not in (None, before.result_index):
        raise DetectorRefused("Can't change detector result index", aspect="result_index")
