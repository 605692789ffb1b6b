"""Generate the Python stubs and the gateway's files into the package folder.

Called by CMake while the package is built. Writes

- ``<package>/v1``: messages, gRPC stubs and ``.pyi`` from ``proto/anomalyd/v1``;
- ``<package>/gateway``: a copy of ``gateway/`` and ``anomalyd.pb``, the descriptor set (with
  imports) that Envoy transcodes with;
- ``<root>/build/protos``: copies of googleapis' files that ours import, for ``buf lint``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import google.api.annotations_pb2
import grpc_tools
from grpc_tools import protoc

GOOGLEAPIS = Path(google.api.annotations_pb2.__file__).parents[2]
IMPORTED = ("google/api/annotations.proto", "google/api/http.proto", "google/api/httpbody.proto")


def include_paths(root: Path) -> list[str]:
    """Return protoc's include options: ours, googleapis' and protobuf's own files."""
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    return [f"-I{root / 'proto'}", f"-I{GOOGLEAPIS}", f"-I{well_known}"]


def copy_imports(root: Path) -> None:
    """Write ``build/protos``: buf reads modules inside the checkout only, and fetches nothing."""
    for name in IMPORTED:
        target = root / "build" / "protos" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(GOOGLEAPIS / name, target)


def run_protoc(arguments: list[str]) -> None:
    """Run protoc, or stop the build with its exit status."""
    status = protoc.main(["protoc", *arguments])
    if status != 0:
        sys.exit(status)


def generate_stubs(root: Path, package: Path, protos: list[str]) -> None:
    """Write ``package/v1``; proto package path = Python module path, so nothing is rewritten."""
    target = package / "v1"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    out = package.parent
    run_protoc(
        [
            *include_paths(root),
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            *protos,
        ]
    )
    (target / "__init__.py").write_text('"""Messages and stubs of anomalyd.v1, generated."""\n')


def generate_gateway(root: Path, package: Path, protos: list[str]) -> None:
    """Write ``package/gateway``: Envoy's configuration and the descriptor set."""
    target = package / "gateway"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root / "gateway", target)
    run_protoc(
        [
            *include_paths(root),
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={target / 'anomalyd.pb'}",
            *protos,
        ]
    )


def main() -> None:
    """Generate everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the checkout")
    parser.add_argument("--package", type=Path, required=True, help="src/anomalyd")
    options = parser.parse_args()
    folder = options.root / "proto" / "anomalyd" / "v1"
    protos = sorted(
        str(path.relative_to(options.root / "proto")) for path in folder.glob("*.proto")
    )
    generate_stubs(options.root, options.package, protos)
    generate_gateway(options.root, options.package, protos)
    copy_imports(options.root)


if __name__ == "__main__":
    main()
