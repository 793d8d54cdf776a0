"""Level v3: the micro-kernels compiled with that level's flags (the table in setup.py)."""

include "direct.pxi"
include "winograd.pxi"
include "fft.pxi"
include "ranges.pxi"
include "staging.pxi"
include "saturating.pxi"
include "table.pxi"
