"""The REST facade: the documented paths, over the same use cases as the typed services."""
