"""Who calls: one local identity, until there is authentication."""
