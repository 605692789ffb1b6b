"""The demonstration: a scripted web-shop log, what was planted in it, and what was found."""
