"""Where models are kept and rows are scored: threads of this process, later also other machines."""
