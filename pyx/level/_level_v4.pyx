"""Level v4: the micro-kernels compiled with that level's flags (the table in setup.py)."""

include "table.pxi"
