# float16 as its bits, and what becomes of it.

cdef extern from "half.h" nogil:
    ctypedef struct half "xcorr_half":
        unsigned short bits
    float half_to_float "xcorr_half_to_float"(half)
    half float_to_half "xcorr_float_to_half"(float)
    half double_to_half "xcorr_double_to_half"(double)
