"""Where our own documents and results are kept: the protocols in ``base``, implementations."""
