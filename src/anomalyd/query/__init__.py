"""The query language: JSON to nodes, nodes to normalised JSON and to SQL with bound parameters."""
