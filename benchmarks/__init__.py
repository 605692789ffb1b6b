"""One module per speed claim of the README; run them all with `make bench`."""
