"""The native core beside every other streaming Random Cut Forest, on one stream, in one run."""
