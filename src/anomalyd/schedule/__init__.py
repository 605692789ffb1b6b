"""Clock, thread pool, and the work that runs in the background."""
