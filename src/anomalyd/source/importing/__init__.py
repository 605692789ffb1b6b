"""Files into the embedded source: NDJSON, JSON arrays, CSV (all also .gz) and Parquet."""

from anomalyd.source.importing.batches import LineProblem
from anomalyd.source.importing.importer import ImportReport, ImportTarget, import_file

__all__ = ["ImportReport", "ImportTarget", "LineProblem", "import_file"]
