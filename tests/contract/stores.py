"""The stores over one database, as the contract tests use them."""

from anomalyd.query.parse_search import parse_search
from anomalyd.store.base import DocumentWrite
from anomalyd.store.embedded import EmbeddedDocumentStore, EmbeddedResultStore

DETECTORS = ".searchguard-ad-anomaly-detectors"
STATE = ".searchguard-ad-state"
RESULTS = ".searchguard-ad-results-history-2026.11.22-1"
MINUTE = 60_000


class Stores:
    def __init__(self, catalogue):
        self.catalogue = catalogue
        self.documents = EmbeddedDocumentStore(catalogue)
        self.results = EmbeddedResultStore(catalogue)

    def put(self, id, source, index=STATE, **options):
        [stored] = self.documents.put([DocumentWrite(index=index, id=id, source=source, **options)])
        return stored

    def found(self, query=None, indices=(RESULTS,), **body):
        request = parse_search({"query": query or {"match_all": {}}, **body})
        return self.results.search(indices, request, now=0)["hits"]["hits"]

    def ids(self, query, index=STATE):
        answer = self.documents.search(index, parse_search({"query": query}), now=0)
        return sorted(hit["_id"] for hit in answer["hits"]["hits"])
