"""Where the data come from: the protocol in ``base``, implementations, imports of files."""
