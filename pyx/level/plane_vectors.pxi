# Vectors of a plane's neighbouring columns, of which some may lie in the padding.

from microkernels cimport real
from simd cimport (
    f32v_evens, f32v_halves, f32v_inside, f32v_inside_halves, f32v_lanes, f32v_odds, f32v_store_first,
    f32v_store_halves, f64v_evens, f64v_halves, f64v_inside, f64v_inside_halves, f64v_lanes, f64v_odds,
    f64v_store_first, f64v_store_halves, lanes_mask
)
from vectors cimport f32v, f64v, n_lanes, vector


cdef inline vector evens(vector low, vector high) noexcept nogil:
    if vector is f32v:
        return f32v_evens(low, high)
    else:
        return f64v_evens(low, high)


cdef inline vector odds(vector low, vector high) noexcept nogil:
    if vector is f32v:
        return f32v_odds(low, high)
    else:
        return f64v_odds(low, high)


cdef inline lanes_mask lanes_between(Py_ssize_t first, Py_ssize_t end, Py_ssize_t n, vector like) noexcept nogil:
    """Lanes among a vector's first `n` lanes that are columns [first, end), counted from the vector's first one."""
    first, end = max(0, min(first, n)), max(0, min(end, n))
    if vector is f32v:
        return f32v_lanes(first, end)
    else:
        return f64v_lanes(first, end)


cdef inline vector inside(const real* place, lanes_mask lanes, vector fill) noexcept nogil:
    """These lanes from memory, and `fill` beside them; nothing else is read."""
    if vector is f32v:
        return f32v_inside(<const float*> place, lanes, fill)
    else:
        return f64v_inside(<const double*> place, lanes, fill)


cdef inline vector inside_halves(const real* low, const real* high, lanes_mask lanes, vector fill) noexcept nogil:
    """Lanes as `inside` has them, for halves of a vector from two places, with the lanes of the first one."""
    if vector is f32v:
        return f32v_inside_halves(<const float*> low, <const float*> high, lanes, fill)
    else:
        return f64v_inside_halves(<const double*> low, <const double*> high, lanes, fill)


cdef inline vector halves(real low, real high, vector like) noexcept nogil:
    """Two numbers, each in half of the lanes."""
    if vector is f32v:
        return f32v_halves(<float> low, <float> high)
    else:
        return f64v_halves(<double> low, <double> high)


cdef inline void store_first(real* place, vector value, Py_ssize_t n) noexcept nogil:
    """The first lanes."""
    if vector is f32v:
        f32v_store_first(<float*> place, value, n)
    else:
        f64v_store_first(<double*> place, value, n)


cdef inline void store_halves(real* low, real* high, vector value, Py_ssize_t n) noexcept nogil:
    """The first lanes of each half."""
    if vector is f32v:
        f32v_store_halves(<float*> low, <float*> high, value, n)
    else:
        f64v_store_halves(<double*> low, <double*> high, value, n)
