# Rows of responses as keys: numbers of one of three types in the same order, the other way round for minima.

from half cimport float_to_half, half, half_to_float
from libc.float cimport DBL_MAX, FLT_MAX
from libc.math cimport INFINITY
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

ctypedef fused key:
    float
    double
    int64_t

ctypedef fused element:
    uint8_t
    int8_t
    uint16_t
    int16_t
    uint32_t
    int32_t
    uint64_t
    int64_t
    half
    float
    double

cdef enum:
    LANES = 32      # keys whose largest one is looked for at once: four vectors of 32 bytes
    LAID_OUT = 512  # keys that are laid out for it: they stay in the first cache

cdef enum Element:
    BOOL
    UINT8
    INT8
    UINT16
    INT16
    UINT32
    INT32
    UINT64
    INT64
    FLOAT16
    FLOAT32
    FLOAT64

cdef uint64_t SIGN = <uint64_t> 1 << 63

cdef struct Elements:    # how responses are stored
    Element type
    Py_ssize_t n_bytes
    bint swapped         # the other byte order
    bint mirrored        # minima are looked for


cdef inline key least(key of_type) noexcept nogil:
    """What is before nothing: of integers the least number, of others minus infinity."""
    if key is int64_t:
        return <int64_t> SIGN
    else:
        return <key> -INFINITY


cdef inline key least_but_one(key of_type) noexcept nogil:
    """The least number that is before another one."""
    if key is int64_t:
        return <int64_t> SIGN + 1
    elif key is float:
        return -FLT_MAX
    else:
        return -DBL_MAX


cdef inline int64_t rank_of(key number) noexcept nogil:
    """An integer in the same order; both zeros have one."""
    cdef double wide
    cdef int64_t bits
    if key is int64_t:
        return number
    else:
        wide = <double> number + 0.0
        memcpy(&bits, &wide, 8)
        return bits if bits >= 0 else bits ^ <int64_t> (SIGN - 1)


cdef inline key key_of(int64_t rank, key of_type) noexcept nogil:
    """The key that has this rank."""
    cdef double wide
    cdef int64_t bits = rank if rank >= 0 else rank ^ <int64_t> (SIGN - 1)
    if key is int64_t:
        return rank
    else:
        memcpy(&wide, &bits, 8)
        return <key> wide


cdef inline void write_whole(int64_t whole, Py_ssize_t n_bytes, char* target) noexcept nogil:
    """Writes an integer of at most 32 bits."""
    cdef uint32_t four = <uint32_t> whole
    cdef uint16_t two = <uint16_t> whole
    cdef uint8_t one = <uint8_t> whole
    if n_bytes == 4:
        memcpy(target, &four, 4)
    elif n_bytes == 2:
        memcpy(target, &two, 2)
    else:
        memcpy(target, &one, 1)


cdef void write_score(const Elements* elements, int64_t rank, bint is_negative, char* score) noexcept nogil:
    """Writes the response that has this rank, a zero with its sign, in native byte order."""
    cdef int64_t whole = ~rank if elements.mirrored else rank
    cdef double wide = key_of(rank, <double> 0)
    cdef float number
    cdef half small
    if is_negative:
        wide = -0.0
    if elements.mirrored:
        wide = -wide
    if elements.type == INT64 or elements.type == UINT64:
        whole = whole ^ <int64_t> SIGN if elements.type == UINT64 else whole
        memcpy(score, &whole, 8)
    elif elements.type == FLOAT64:
        memcpy(score, &wide, 8)
    elif elements.type == FLOAT32:
        number = <float> wide
        memcpy(score, &number, 4)
    elif elements.type == FLOAT16:
        small = float_to_half(<float> wide)
        memcpy(score, &small, 2)
    else:
        write_whole(<int64_t> wide, elements.n_bytes, score)


cdef inline double value_of(key number, const Elements* elements) noexcept nogil:
    """The response that a key stands for."""
    cdef int64_t bits
    if key is int64_t:
        bits = ~number if elements.mirrored else number
        return <double> (<uint64_t> bits ^ SIGN) if elements.type == UINT64 else <double> bits
    else:
        return -<double> number if elements.mirrored else <double> number


cdef inline bint is_negative_zero(key number) noexcept nogil:
    cdef double wide
    cdef int64_t bits
    if key is int64_t:
        return False
    else:
        wide = number
        memcpy(&bits, &wide, 8)
        return bits == <int64_t> SIGN


cdef inline double difference(key one, key other) noexcept nogil:
    """One less the other, which is not before it."""
    if key is int64_t:
        return <double> (<uint64_t> one - <uint64_t> other)
    else:
        return <double> one - <double> other


cdef inline element loaded(const char* place, bint swapped, element of_type) noexcept nogil:
    """An element wherever it lies."""
    cdef element value
    cdef size_t byte
    if swapped:
        for byte in range(sizeof(element)):
            (<char*> &value)[byte] = place[sizeof(element) - 1 - byte]
    else:
        memcpy(&value, place, sizeof(element))
    return value


cdef inline void lay_out_so(const char* place, Py_ssize_t pitch, Py_ssize_t count, bint swapped, bint mirrored,
                            element of_type, key* line) noexcept nogil:
    """line[index] = the key of the element at index * pitch, one that its type holds exactly."""
    cdef Py_ssize_t index
    cdef key number
    for index in range(count):
        if element is half:
            number = <key> half_to_float(loaded(place + index * pitch, swapped, of_type))
        elif element is uint64_t:
            number = <key> <int64_t> (loaded(place + index * pitch, swapped, of_type) ^ SIGN)
        else:
            number = <key> loaded(place + index * pitch, swapped, of_type)
        if key is int64_t:
            line[index] = ~number if mirrored else number
        else:
            line[index] = -number if mirrored else number


cdef void lay_out(const char* place, Py_ssize_t pitch, Py_ssize_t count, const Elements* elements, element of_type,
                  key* line) noexcept nogil:
    """`lay_out_so`, where elements lie one behind the other in a loop that the compiler makes of vectors."""
    if pitch == sizeof(element) and not elements.swapped:
        if elements.mirrored:
            lay_out_so(place, sizeof(element), count, False, True, of_type, line)
        else:
            lay_out_so(place, sizeof(element), count, False, False, of_type, line)
    else:
        lay_out_so(place, pitch, count, elements.swapped, elements.mirrored, of_type, line)


cdef void lay_out_floats(const char* place, Py_ssize_t pitch, Py_ssize_t count, const Elements* elements,
                         float* line) noexcept nogil:
    """`lay_out` of all that is a float32."""
    cdef uint8_t byte = 0
    cdef int8_t signed_byte = 0
    cdef uint16_t word = 0
    cdef int16_t signed_word = 0
    cdef float number = 0
    cdef half small
    cdef Py_ssize_t index
    small.bits = 0
    if elements.type == FLOAT32 and pitch == sizeof(float) and not elements.swapped and not elements.mirrored:
        memcpy(line, place, count * sizeof(float))
    elif elements.type == FLOAT32:
        lay_out(place, pitch, count, elements, number, line)
    elif elements.type == FLOAT16:
        lay_out(place, pitch, count, elements, small, line)
    elif elements.type == UINT8:
        lay_out(place, pitch, count, elements, byte, line)
    elif elements.type == INT8:
        lay_out(place, pitch, count, elements, signed_byte, line)
    elif elements.type == UINT16:
        lay_out(place, pitch, count, elements, word, line)
    elif elements.type == INT16:
        lay_out(place, pitch, count, elements, signed_word, line)
    else:  # bools, as any byte but 0
        for index in range(count):
            line[index] = (place[index * pitch] != 0) * (-1.0 if elements.mirrored else 1.0)


cdef void lay_out_doubles(const char* place, Py_ssize_t pitch, Py_ssize_t count, const Elements* elements,
                          double* line) noexcept nogil:
    """`lay_out` of all that is a float64 and no float32."""
    cdef uint32_t unsigned_int = 0
    cdef int32_t signed_int = 0
    cdef double number = 0
    if elements.type == FLOAT64:
        lay_out(place, pitch, count, elements, number, line)
    elif elements.type == UINT32:
        lay_out(place, pitch, count, elements, unsigned_int, line)
    else:
        lay_out(place, pitch, count, elements, signed_int, line)


cdef void lay_out_longs(const char* place, Py_ssize_t pitch, Py_ssize_t count, const Elements* elements,
                        int64_t* line) noexcept nogil:
    """`lay_out` of what is neither."""
    if elements.type == UINT64:
        lay_out(place, pitch, count, elements, <uint64_t> 0, line)
    else:
        lay_out(place, pitch, count, elements, <int64_t> 0, line)


cdef void lay_out_keys(const char* place, Py_ssize_t pitch, Py_ssize_t count, const Elements* elements,
                       key* line) noexcept nogil:
    """line[index] = the key of the response at index * pitch."""
    if key is float:
        lay_out_floats(place, pitch, count, elements, line)
    elif key is double:
        lay_out_doubles(place, pitch, count, elements, line)
    else:
        lay_out_longs(place, pitch, count, elements, line)


cdef inline key larger(key one, key other) noexcept nogil:
    """The larger one; the other one beside NaN."""
    return one if one > other else other


cdef key highest_in(const key* line, Py_ssize_t count) noexcept nogil:
    """The largest key, but for NaN: in lanes, each of which keeps the largest of its own."""
    cdef key[LANES] best
    cdef Py_ssize_t lane, index = 0
    for lane in range(LANES):
        best[lane] = least(line[0])
    while index + LANES <= count:
        for lane in range(LANES):
            best[lane] = larger(line[index + lane], best[lane])
        index += LANES
    while index < count:
        best[0] = larger(line[index], best[0])
        index += 1
    for lane in range(1, LANES):
        best[0] = larger(best[lane], best[0])
    return best[0]


cdef key highest_key(const char* place, Py_ssize_t pitch, Py_ssize_t count, const Elements* elements,
                     key of_type) noexcept nogil:
    """The largest key of the responses at index * pitch, some of which are laid out at a time."""
    cdef key[LAID_OUT] line
    cdef key top = least(of_type)
    cdef Py_ssize_t first = 0, some
    while first < count:
        some = min(<Py_ssize_t> LAID_OUT, count - first)
        lay_out_keys(place + first * pitch, pitch, some, elements, line)
        top = larger(highest_in(line, some), top)
        first += some
    return top
