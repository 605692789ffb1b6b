"""Use cases: documents in, documents out. Every decision lives here."""
