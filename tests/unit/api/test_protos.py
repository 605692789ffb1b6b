"""The wire contract: everything is described, every service is there, and buf agrees."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from anomalyd.gateway_process import gateway_folder

ROOT = Path(__file__).resolve().parents[3]
BUF = shutil.which("buf", path=str(Path(sys.executable).parent))

# numbers of fields in descriptor.proto, which the paths of source locations are made of
MESSAGE, ENUM, SERVICE, EXTENSION = 4, 5, 6, 7
FIELD, NESTED_MESSAGE, NESTED_ENUM, ONEOF = 2, 3, 4, 8
VALUE, METHOD = 2, 2

SERVICES = {
    "DetectorService": [
        "CreateDetector",
        "ValidateDetector",
        "GetDetector",
        "UpdateDetector",
        "DeleteDetector",
        "SearchDetectors",
        "PreviewDetector",
        "StartDetector",
        "StopDetector",
        "GetProfile",
        "SuggestParameters",
    ],
    "TaskService": ["SearchTasks", "GetTask", "WatchTask"],
    "ResultService": ["SearchResults", "GetTopAnomalies", "DeleteResults", "WatchResults"],
    # Beside the architecture's table: the neighbours of influencers.
    "InfluencerService": [
        "GetInfluencers",
        "GetBuckets",
        "GetRecords",
        "GetOverallBuckets",
        "FlushJob",
    ],
    "StatsService": ["GetStats"],
    # Not in the architecture's table; came with the settings that are changed at run time.
    "SettingsService": ["GetSettings", "ChangeSettings"],
    "IndexService": [
        "CreateIndex",
        "GetMapping",
        "Bulk",
        "BulkStream",
        "Search",
        "Count",
        "DeleteIndex",
    ],
}


@pytest.fixture(scope="module")
def files() -> list[descriptor_pb2.FileDescriptorProto]:
    content = (gateway_folder() / "anomalyd.pb").read_bytes()
    found = descriptor_pb2.FileDescriptorSet.FromString(content).file
    return [file for file in found if file.package == "anomalyd.v1"]


def described(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name everything in a file that needs a comment, with the path of its source location."""
    for i, message in enumerate(file.message_type):
        yield from described_in_message(message, message.name, (MESSAGE, i))
    for i, enum in enumerate(file.enum_type):
        yield from described_in_enum(enum, enum.name, (ENUM, i))
    for i, service in enumerate(file.service):
        yield service.name, (SERVICE, i)
        for j, method in enumerate(service.method):
            yield f"{service.name}.{method.name}", (SERVICE, i, METHOD, j)
    for i, extension in enumerate(file.extension):
        yield extension.name, (EXTENSION, i)


def described_in_message(
    message: descriptor_pb2.DescriptorProto, name: str, path: tuple[int, ...]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield name, path
    for i, field in enumerate(message.field):
        yield f"{name}.{field.name}", (*path, FIELD, i)
    optional = {f.oneof_index for f in message.field if f.proto3_optional}
    for i, oneof in enumerate(message.oneof_decl):
        if i not in optional:
            yield f"{name}.{oneof.name}", (*path, ONEOF, i)
    for i, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from described_in_message(
                nested, f"{name}.{nested.name}", (*path, NESTED_MESSAGE, i)
            )
    for i, enum in enumerate(message.enum_type):
        yield from described_in_enum(enum, f"{name}.{enum.name}", (*path, NESTED_ENUM, i))


def described_in_enum(
    enum: descriptor_pb2.EnumDescriptorProto, name: str, path: tuple[int, ...]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield name, path
    for i, value in enumerate(enum.value):
        yield f"{name}.{value.name}", (*path, VALUE, i)


def test_everything_has_a_comment(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    """Every message, field, oneof, enum, enum value, service, method and option is explained."""
    named = 0
    bare = []
    for file in files:
        comments = {
            tuple(location.path): location.leading_comments.strip()
            for location in file.source_code_info.location
        }
        for name, path in described(file):
            named += 1
            if not comments.get(path):
                bare.append(f"{file.name}: {name}")
    assert bare == []
    assert named > 400


def test_services_are_those_of_the_architecture(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    """The typed services have exactly the methods that the architecture lists."""
    found = {
        service.name: [method.name for method in service.method]
        for file in files
        for service in file.service
    }
    rest = found.pop("Rest")
    assert found == SERVICES
    assert "Fallback" in rest


def test_only_the_facade_has_http_annotations(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    """Typed services are not transcoded: only ``Rest`` imports the annotations."""
    annotated = [file.name for file in files if "google/api/annotations.proto" in file.dependency]
    assert annotated == ["anomalyd/v1/rest.proto"]


def test_scalars_of_documents_can_be_absent(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    """In data messages a scalar is optional, so that 0 and absent differ; enums have 0 for it."""
    kinds = descriptor_pb2.FieldDescriptorProto
    bare = [
        f"{message.name}.{field.name}"
        for file in files
        if "service" not in file.name and not file.name.endswith("rest.proto")
        for message in file.message_type
        for field in message.field
        if field.label != kinds.LABEL_REPEATED
        and field.type not in (kinds.TYPE_MESSAGE, kinds.TYPE_ENUM)
        and not field.HasField("oneof_index")
    ]
    assert bare == []


@pytest.mark.skipif(BUF is None, reason="buf is not installed beside this Python")
def test_buf_lint_is_clean() -> None:
    """The protos keep buf's STANDARD rules, but for the exceptions that buf.yaml explains."""
    assert BUF is not None
    done = subprocess.run([BUF, "lint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0
