"""The store in DuckDB: documents and results in the data directory's database."""

from anomalyd.store.embedded.checkpoints import EmbeddedCheckpointStore
from anomalyd.store.embedded.documents import EmbeddedDocumentStore
from anomalyd.store.embedded.influencers import EmbeddedInfluencerStore
from anomalyd.store.embedded.results import EmbeddedResultStore
from anomalyd.store.embedded.scores import EmbeddedScoreReader

__all__ = [
    "EmbeddedCheckpointStore",
    "EmbeddedDocumentStore",
    "EmbeddedInfluencerStore",
    "EmbeddedResultStore",
    "EmbeddedScoreReader",
]
