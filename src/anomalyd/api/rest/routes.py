"""Which operation a path and method mean, read from the routes in ``rest.proto``.

The gateway's transcoder picks a method of ``Rest`` too, but it looks for a match of path *and*
method: ``GET …/detectors/_preview`` becomes a detector with the id ``_preview`` there. Here, as in
Elasticsearch, the path alone decides what is meant and the method is checked after that, so that
such a request is refused with the methods that would be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from google.api import annotations_pb2, http_pb2

from anomalyd.errors import IllegalArgument, MethodNotAllowed, NoHandler
from anomalyd.v1 import rest_pb2

FALLBACK = "Fallback"


@dataclass(frozen=True)
class Route:
    """One way to reach an operation.

    Attributes:
        operation: name of the method of ``Rest``.
        method: HTTP method in capitals.
        template: path with variables, such as ``/{index}/_search``.
    """

    operation: str
    method: str
    template: str


@dataclass(frozen=True)
class Match:
    """What a request means: the operation, and the path's variables, decoded."""

    operation: str
    variables: Mapping[str, str]


@dataclass
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    # by method: the operation and the names of the variables on the way here
    routes: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)


def declared_routes() -> tuple[Route, ...]:
    """Return every route that ``rest.proto`` declares but those of ``Fallback``."""
    service = rest_pb2.DESCRIPTOR.services_by_name["Rest"]
    return tuple(
        Route(method.name, verb, template)
        for method in service.methods
        if method.name != FALLBACK
        for verb, template in _bindings(method.GetOptions().Extensions[annotations_pb2.http])
    )


def _bindings(rule: http_pb2.HttpRule) -> Iterator[tuple[str, str]]:
    for each in (rule, *rule.additional_bindings):
        kind = each.WhichOneof("pattern")
        if kind == "custom":
            yield each.custom.kind, each.custom.path
        else:
            yield kind.upper(), getattr(each, kind)


class RouteTable:
    """Finds the operation of a request. Immutable once made; thread-safe."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def match(self, method: str, path: str) -> Match:
        """Return what a request means.

        Args:
            method: HTTP method in capitals.
            path: as sent, percent-encoded, without the query.

        Raises: NoHandler, MethodNotAllowed, IllegalArgument for a path that is not UTF-8.
        """
        segments = tuple(_decode(segment) for segment in path.split("/") if segment)
        found = _find(self._root, segments, ())
        if found is None:
            raise NoHandler(f"no handler found for uri [{path}] and method [{method}]")
        node, values = found
        if method not in node.routes:
            allowed = ", ".join(sorted(node.routes))
            raise MethodNotAllowed(
                f"Incorrect HTTP method for uri [{path}] and method [{method}], "
                f"allowed: [{allowed}]",
                details={"allowed": allowed},
            )
        operation, names = node.routes[method]
        return Match(operation, dict(zip(names, values, strict=True)))

    def _add(self, route: Route) -> None:
        node = self._root
        names: list[str] = []
        for segment in route.template.split("/"):
            if segment.startswith("{"):
                names.append(segment.strip("{}"))
                if node.variable is None:
                    node.variable = _Node()
                node = node.variable
            elif segment:
                node = node.literals.setdefault(segment, _Node())
        node.routes[route.method] = (route.operation, tuple(names))


def _find(
    node: _Node, segments: tuple[str, ...], values: tuple[str, ...]
) -> tuple[_Node, tuple[str, ...]] | None:
    """Return the node of the path, a literal before a variable at each step."""
    if not segments:
        return (node, values) if node.routes else None
    first, rest = segments[0], segments[1:]
    literal = node.literals.get(first)
    found = _find(literal, rest, values) if literal else None
    if found is None and node.variable and not (values == () and _is_reserved(node, first)):
        found = _find(node.variable, rest, (*values, first))
    return found


def _is_reserved(node: _Node, segment: str) -> bool:
    """Tell whether a first segment cannot be an index: those of the system begin with ``_``."""
    return "_bulk" in node.literals and segment.startswith("_") and segment != "_all"


def _decode(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise IllegalArgument(f"the path segment [{segment}] is not UTF-8") from error
