"""`python -m anomalyd` is `anomalyd`."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

_EXPERIMENTS = "GRPC_EXPERIMENTS"
_FEWER_THREADS = "-event_engine_listener,-event_engine_callback_cq"


def main() -> None:
    """Run the command line."""
    read_where_waited(os.environ)
    # only now: importing it imports grpc, which looks at its variables once
    from anomalyd.cli import main as run

    run()


def read_where_waited(environment: MutableMapping[str, str]) -> None:
    """Let gRPC's waiting thread read the sockets itself, unless somebody chose otherwise.

    By default gRPC 1.85 has threads of its own for that: a call then goes through three of them
    before Python hears of it, and each has to be woken (docs/decisions/035).
    """
    environment.setdefault(_EXPERIMENTS, _FEWER_THREADS)


if __name__ == "__main__":
    main()
