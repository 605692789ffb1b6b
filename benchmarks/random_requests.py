"""20,000 random requests to every operation of the REST API; none may be answered with 5xx.

``python -m benchmarks.random_requests`` takes about ten minutes; the tests send a part of them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from anomalyd.config import Settings
from anomalyd.running import Addresses, RunningService
from tests.support.fuzz import operations, try_all

REQUESTS = 20_000


def main() -> None:
    """Send them, and tell which failed."""
    examples = -(-REQUESTS // len(operations()))
    with tempfile.TemporaryDirectory(prefix="anomalyd-random-") as folder:
        settings = Settings(data_dir=Path(folder))
        with RunningService(settings, Addresses(grpc_port=0, rest_port=0)) as service:
            assert service.rest_address is not None
            sent, failed = try_all(service.rest_address, examples=examples)
    print(f"{sent} requests, {len(failed)} answered with 5xx")
    print("\n".join(failed[:10]))
    sys.exit(bool(failed))


main()
