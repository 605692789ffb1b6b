"""The source that anomalyd brings along: documents in the data directory's DuckDB."""

from anomalyd.source.embedded.indices import EmbeddedIndices
from anomalyd.source.embedded.reader import EmbeddedSource

__all__ = ["EmbeddedIndices", "EmbeddedSource"]
