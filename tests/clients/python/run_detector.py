"""Runs a detector over a range of time and prints its results as JSON.

Uses nothing of anomalyd but its .proto files: the stubs are generated into a folder of its own.

    python run_detector.py ADDRESS PROTO_FOLDER DETECTOR_ID START_MS END_MS
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import google.api.annotations_pb2
import grpc
from grpc_tools import protoc


def generated(proto_folder: str, target: str) -> list[ModuleType]:
    """Generate the stubs into ``target`` and import those of the three services."""
    googleapis = Path(google.api.annotations_pb2.__file__).parents[2]
    well_known = Path(protoc.__file__).parent / "_proto"
    protos = [str(path) for path in Path(proto_folder).glob("anomalyd/v1/*.proto")]
    includes = [f"-I{folder}" for folder in (proto_folder, googleapis, well_known)]
    outputs = [f"--python_out={target}", f"--grpc_python_out={target}"]
    if protoc.main(["protoc", *includes, *outputs, *protos]) != 0:
        raise SystemExit("protoc failed")
    sys.path.insert(0, target)
    names = ("detector", "task", "result")
    kinds = ("pb2", "pb2_grpc")
    return [
        importlib.import_module(f"anomalyd.v1.{name}_service_{kind}")
        for name in names
        for kind in kinds
    ]


def main() -> None:
    """Start the analysis, wait for its end, print what it found."""
    address, proto_folder, detector_id, start, end = sys.argv[1:]
    with tempfile.TemporaryDirectory() as target, grpc.insecure_channel(address) as channel:
        detector, detector_grpc, task, task_grpc, result, result_grpc = generated(
            proto_folder, target
        )
        detectors = detector_grpc.DetectorServiceStub(channel)
        tasks = task_grpc.TaskServiceStub(channel)
        results = result_grpc.ResultServiceStub(channel)

        request = detector.StartDetectorRequest(id=detector_id)
        request.date_range.start_time = int(start)
        request.date_range.end_time = int(end)
        task_id = detectors.StartDetector(request, timeout=30).id

        task_pb2 = sys.modules["anomalyd.v1.task_pb2"]
        ended = {task_pb2.TASK_STATE_FAILED, task_pb2.TASK_STATE_STOPPED}
        while True:
            now = tasks.GetTask(task.GetTaskRequest(id=task_id), timeout=30).task
            if now.state == task_pb2.TASK_STATE_FINISHED:
                break
            if now.state in ended:
                raise SystemExit(f"the analysis failed: {now.error}")
            time.sleep(0.1)

        search = result.SearchResultsRequest()
        search.body.size = 10_000
        search.body.query.update({"bool": {"filter": [{"term": {"task_id": task_id}}]}})
        search.body.sort.add().struct_value.update({"data_start_time": "asc"})
        hits = results.SearchResults(search, timeout=30).hits.hits
        rows = [
            {
                "data_start_time": hit.source.data_start_time,
                "data_end_time": hit.source.data_end_time,
                "anomaly_score": hit.source.anomaly_score,
                "anomaly_grade": hit.source.anomaly_grade,
                "confidence": hit.source.confidence,
                "feature_data": [feature.data for feature in hit.source.feature_data],
                "entity": [category.value for category in hit.source.entity],
            }
            for hit in hits
        ]
    sys.stdout.write(json.dumps({"task_id": task_id, "results": rows}))


if __name__ == "__main__":
    main()
