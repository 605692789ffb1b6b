"""How long a tick of real time takes, and what it holds in memory."""
