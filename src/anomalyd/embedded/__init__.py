"""The DuckDB engine that the embedded source and the embedded store both stand on."""
