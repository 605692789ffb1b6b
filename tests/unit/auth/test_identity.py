"""The caller's identity."""

from anomalyd.auth.identity import Identity, local_identity


def test_the_local_identity_is_the_administrator_of_the_examples():
    """The document's ``user`` object, in its order."""
    assert list(local_identity().render().items()) == [
        ("name", "admin"),
        ("backend_roles", ["admin"]),
        ("roles", ["own_index", "all_access"]),
        ("custom_attribute_names", []),
        ("user_requested_tenant", "__user__"),
    ]


def test_an_identity_without_a_tenant_names_none():
    """The key is left out."""
    assert "user_requested_tenant" not in Identity(name="x").render()
