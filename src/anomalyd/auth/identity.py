"""Who is calling. For now everybody is the one local identity; authentication is later work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A caller, with what the ``user`` object of the documents says about them."""

    name: str
    backend_roles: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    custom_attribute_names: tuple[str, ...] = ()
    tenant: str | None = None

    def render(self) -> dict[str, Any]:
        """Return the ``user`` object in the key order of the API's examples."""
        document: dict[str, Any] = {
            "name": self.name,
            "backend_roles": list(self.backend_roles),
            "roles": list(self.roles),
            "custom_attribute_names": list(self.custom_attribute_names),
        }
        if self.tenant is not None:
            document["user_requested_tenant"] = self.tenant
        return document


def local_identity() -> Identity:
    """Return the identity of callers on this machine: the administrator of the examples."""
    return Identity(
        name="admin",
        backend_roles=("admin",),
        roles=("own_index", "all_access"),
        tenant="__user__",
    )
