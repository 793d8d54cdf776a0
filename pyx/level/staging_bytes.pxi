# Images of 8 bits into strips of bytes or of 16-bit words, what a position holds lying together: `staging.pxi` for sums
# of 8-bit products. And their kernels into panels.

from libc.stdint cimport int16_t, int32_t, int8_t, uint8_t, uint32_t
from libc.string cimport memcpy

from microkernels cimport BOOL, INT8, Staging

cdef enum:
    PLANE_COLUMNS = 64  # of all channels that are interleaved before the next ones: they stay in the first cache

ctypedef fused byte:
    int8_t
    uint8_t

# What a strip is made of: bytes whose signs may be turned around, or words.
ctypedef fused pixel:
    uint8_t
    int16_t


cdef inline pixel turned(byte value, const Staging* staging, pixel like) noexcept nogil:
    if pixel is uint8_t:
        return <uint8_t> value ^ <uint8_t> staging.turned_bits
    else:
        return value


cdef inline void stage_bytes_run(const Staging* staging, const byte* source, Py_ssize_t source_pitch, pixel* strip,
                                 Py_ssize_t pitch, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    if source_pitch == 1 and pitch == 1:
        for index in range(count):
            strip[index] = turned(source[index], staging, strip[0])
    else:
        for index in range(count):
            strip[index * pitch] = turned(source[index * source_pitch], staging, strip[0])


cdef inline void stage_planes(const Staging* staging, const byte* source, pixel* strip,
                              Py_ssize_t n_columns) noexcept nogil:
    """Columns whose channels lie anywhere, some at a time."""
    cdef Py_ssize_t first = 0, count, channel
    while first < n_columns:
        count = min(PLANE_COLUMNS, n_columns - first)
        for channel in range(staging.depth):
            stage_bytes_run(staging, source + staging.channel_bytes[channel] + first * staging.column_bytes,
                            staging.column_bytes, strip + first * staging.depth + channel, staging.depth, count)
        first += count


cdef inline void stage_inside(const Staging* staging, const byte* source, pixel* strip) noexcept nogil:
    """The columns that the image has."""
    cdef Py_ssize_t n_columns = staging.end_inside - staging.first_inside, column, depth = staging.depth
    strip += staging.first_inside * depth
    source += staging.first_source * staging.column_bytes
    if not staging.adjacent:
        stage_planes(staging, source, strip, n_columns)
    elif staging.column_bytes == depth:
        stage_bytes_run(staging, source + staging.channel_bytes[0], 1, strip, 1, n_columns * depth)
    else:
        source += staging.channel_bytes[0]
        for column in range(n_columns):
            stage_bytes_run(staging, source + column * staging.column_bytes, 1, strip + column * depth, 1, depth)


cdef inline Py_ssize_t place_outside(const Staging* staging, Py_ssize_t column) noexcept nogil:
    """The source column of one that the image does not have; -1 for the fill value."""
    if column < staging.first_inside:
        return staging.before[column]
    return staging.behind[column - staging.end_inside]


cdef inline void stage_outside(const Staging* staging, const byte* source, pixel* strip,
                               Py_ssize_t column) noexcept nogil:
    """All channels of one padded column, from the image's `column` or of the fill value where that is -1."""
    cdef Py_ssize_t channel
    for channel in range(staging.depth):
        if column < 0:
            strip[channel] = turned(<byte> <int> staging.fill[channel], staging, strip[0])
        else:
            strip[channel] = turned(source[staging.channel_bytes[channel] + column * staging.column_bytes], staging,
                                    strip[0])


cdef inline void stage_bytes(const Staging* staging, const byte* source, pixel* strip) noexcept nogil:
    cdef Py_ssize_t column = 0, index
    cdef bint whole = source == NULL
    if not whole and staging.first_inside < staging.end_inside:
        stage_inside(staging, source, strip)
    while column < staging.columns:
        if not whole and staging.first_inside <= column < staging.end_inside:
            column = staging.end_inside
            continue
        stage_outside(staging, source, strip + column * staging.depth, -1 if whole else place_outside(staging, column))
        column += 1
    if staging.element == BOOL:  # whatever byte is not 0 stands for a 1
        for index in range(staging.columns * staging.depth):
            strip[index] = strip[index] != 0


cdef void stage_u8(const Staging* staging, const char* source, void* strip) noexcept nogil:
    stage_bytes(staging, <const uint8_t*> source, <uint8_t*> strip)


cdef void stage_i16(const Staging* staging, const char* source, void* strip) noexcept nogil:
    if staging.element == INT8:
        stage_bytes(staging, <const int8_t*> source, <int16_t*> strip)
    else:
        stage_bytes(staging, <const uint8_t*> source, <int16_t*> strip)


# --- kernels ----------------------------------------------------------------------------------------------------------


cdef inline void pack_steps(const int32_t* kernels, Py_ssize_t n_runs, Py_ssize_t run, pixel* packed, Py_ssize_t width,
                            Py_ssize_t n_kernels, int32_t shift, int32_t* bias) noexcept nogil:
    """Steps of a panel; each kernel's bias less `shift` times the sum of its taps."""
    cdef Py_ssize_t at_once = 4 // <Py_ssize_t> sizeof(pixel), kernel, index, tap, place
    cdef uint32_t taps_sum
    cdef pixel[4] step
    cdef pixel* target
    for kernel in range(n_kernels):
        taps_sum = 0
        target = packed + kernel * at_once
        for index in range(n_runs):
            tap = 0
            while tap < run:
                for place in range(at_once):
                    step[place] = <pixel> kernels[tap + place] if tap + place < run else 0
                    taps_sum += <uint32_t> kernels[tap + place] if tap + place < run else 0
                memcpy(target, step, 4)
                target += width * at_once
                tap += at_once
            kernels += run
        bias[kernel] = <int32_t> (<uint32_t> bias[kernel] - <uint32_t> shift * taps_sum)


cdef void pack_u8(const int32_t* kernels, Py_ssize_t n_runs, Py_ssize_t run, void* packed, Py_ssize_t width,
                  Py_ssize_t n_kernels, int32_t shift, int32_t* bias) noexcept nogil:
    pack_steps(kernels, n_runs, run, <uint8_t*> packed, width, n_kernels, shift, bias)


cdef void pack_i16(const int32_t* kernels, Py_ssize_t n_runs, Py_ssize_t run, void* packed, Py_ssize_t width,
                   Py_ssize_t n_kernels, int32_t shift, int32_t* bias) noexcept nogil:
    pack_steps(kernels, n_runs, run, <int16_t*> packed, width, n_kernels, shift, bias)
