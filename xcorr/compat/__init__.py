"""Drop-ins for functions of other libraries: one import line changes, the program stays.

Each module has its peer's names, signatures, defaults and meaning: alignment, borders, exchange of operands, wrapping,
saturating and truncating integers, types of results, and kinds of errors. None imports its peer.

>>> from xcorr.compat import scipy_signal as signal
>>> signal.correlate([1, 2, 3], [0, 1, 0.5])
array([0.5, 2. , 3.5, 3. , 0. ])
"""
