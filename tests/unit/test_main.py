"""What the process sets before anything else is imported."""

from anomalyd.__main__ import read_where_waited


def test_grpc_reads_where_it_waits_unless_somebody_chose_otherwise():
    """The variable of an operator stays as it is."""
    ours: dict[str, str] = {}
    read_where_waited(ours)
    assert ours["GRPC_EXPERIMENTS"] == "-event_engine_listener,-event_engine_callback_cq"
    theirs = {"GRPC_EXPERIMENTS": "event_engine_listener"}
    read_where_waited(theirs)
    assert theirs == {"GRPC_EXPERIMENTS": "event_engine_listener"}
