"""How fast the REST API answers with a full store."""
