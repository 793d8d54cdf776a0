# Images into strips: conversion, byte order, padding, and the order of axes. Elements of arrays are read and written
# through memcpy, which is one unaligned instruction, because nothing is known of their alignment.

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from half cimport half, half_to_float
from microkernels cimport (
    BOOL, FLOAT16, FLOAT32, FLOAT64, INT16, INT32, INT64, INT8, UINT16, UINT32, UINT64, UINT8, Staging, real
)
from simd cimport (
    F32_LANES, copy_part, f32v, f32v_broadcast, f32v_evens, f32v_inside, f32v_lanes, f32v_odds, f32v_store_first
)

ctypedef fused element:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t
    half
    float
    double


cdef inline real load(const char* source, element like, real to, bint swapped) noexcept nogil:
    cdef element value
    cdef char[8] turned
    cdef Py_ssize_t place
    if swapped:
        for place in range(<Py_ssize_t> sizeof(element)):
            turned[place] = source[<Py_ssize_t> sizeof(element) - 1 - place]
        memcpy(&value, turned, sizeof(element))
    else:
        memcpy(&value, source, sizeof(element))
    if element is half:
        return half_to_float(value)
    else:
        return <real> value


cdef inline void stage_run(const char* source, Py_ssize_t source_bytes, real* strip, Py_ssize_t pitch,
                           Py_ssize_t n_elements, element like, bint swapped) noexcept nogil:
    """strip[i * pitch] = the element at source + i * source_bytes; the common pitches as loops that vectorise."""
    cdef Py_ssize_t index
    if swapped:
        for index in range(n_elements):
            strip[index * pitch] = load(source + index * source_bytes, like, strip[0], True)
    elif source_bytes == <Py_ssize_t> sizeof(element) and pitch == 1:
        for index in range(n_elements):
            strip[index] = load(source + index * <Py_ssize_t> sizeof(element), like, strip[0], False)
    elif source_bytes == 2 * <Py_ssize_t> sizeof(element) and pitch == 1:  # every second column
        for index in range(n_elements):
            strip[index] = load(source + index * 2 * <Py_ssize_t> sizeof(element), like, strip[0], False)
    else:
        for index in range(n_elements):
            strip[index * pitch] = load(source + index * source_bytes, like, strip[0], False)


cdef inline bint is_real(const char* place, Py_ssize_t pitch, element like, real to) noexcept nogil:
    """Whether elements there are of the strip's own type, and aligned: they need not go through a block."""
    cdef bint same = False
    if element is float:
        same = sizeof(real) == sizeof(float)
    elif element is double:
        same = sizeof(real) == sizeof(double)
    return same and (<Py_ssize_t> place | pitch) % <Py_ssize_t> sizeof(real) == 0


# --- images into strips -------------------------------------------------------------------------------------------


cdef inline void stage_phase(const Staging* staging, const char* source, real* strip, Py_ssize_t phase,
                             Py_ssize_t first, Py_ssize_t end, element like) noexcept nogil:
    """The positions [first, end) inside, of one phase of one channel at which `strip` and `source` are."""
    cdef Py_ssize_t column = first * staging.n_phases + phase - staging.first_inside + staging.first_source
    stage_run(source + column * staging.column_bytes, staging.n_phases * staging.column_bytes,
              strip + first * staging.position_pitch, staging.position_pitch, end - first, like, staging.swapped)


cdef inline void stage_phases(const Staging* staging, const char* source, real* strip, Py_ssize_t n_phases,
                              element like) noexcept nogil:
    """The columns inside of one channel, every so-many-th together; a literal number needs no division."""
    cdef Py_ssize_t phase, first, end
    if real is float and element is float:
        if (n_phases == 2 and staging.column_bytes == <Py_ssize_t> sizeof(float) and staging.position_pitch == 1
                and is_real(source, 0, like, strip[0]) and not staging.swapped):
            stage_two_phases(staging, source, strip)
            return
    for phase in range(min(n_phases, staging.columns)):
        first = (staging.first_inside - phase + n_phases - 1) // n_phases
        end = (staging.end_inside - phase + n_phases - 1) // n_phases
        if first < end:
            stage_phase(staging, source, strip + phase * staging.phase_pitch, phase, first, end, like)


cdef inline void stage_two_phases(const Staging* staging, const char* source, real* strip) noexcept nogil:
    """Columns next to each other in the image, the even and the odd ones apart: two vectors at a time."""
    cdef Py_ssize_t n_left = staging.end_inside - staging.first_inside
    cdef f32v first, second
    cdef float* even = <float*> strip + place_of_column(staging, staging.first_inside)
    cdef float* odd = <float*> strip + place_of_column(staging, staging.first_inside + 1)
    source += staging.first_source * <Py_ssize_t> sizeof(float)
    while n_left > 0:
        first = first_pixels(source, n_left)
        second = first_pixels(source + sizeof(f32v), n_left - F32_LANES)
        store_pixels(even, f32v_evens(first, second), (n_left + 1) // 2)
        store_pixels(odd, f32v_odds(first, second), n_left // 2)
        even += F32_LANES
        odd += F32_LANES
        source += 2 * sizeof(f32v)
        n_left -= 2 * F32_LANES


cdef inline f32v first_pixels(const char* source, Py_ssize_t n_left) noexcept nogil:
    """A vector of which no more is read than is left."""
    cdef f32v pixels = f32v_broadcast(0)
    if n_left < F32_LANES:
        return f32v_inside(<const float*> source, f32v_lanes(0, max(0, n_left)), pixels)
    memcpy(&pixels, source, sizeof(f32v))
    return pixels


cdef inline void store_pixels(float* place, f32v pixels, Py_ssize_t n_left) noexcept nogil:
    """A vector of which no more is written than is left."""
    if n_left >= F32_LANES:
        (<f32v*> place)[0] = pixels
    else:
        f32v_store_first(place, pixels, n_left)


cdef inline void copy_few(const real* source, real* target, Py_ssize_t n_elements) noexcept nogil:
    """Channels of a position, of which there are few: by vectors and pieces of one, where a call would take longer."""
    cdef Py_ssize_t place = 0, at_once = max(1, 4 * F32_LANES // <Py_ssize_t> sizeof(real))
    while place + at_once <= n_elements:
        memcpy(target + place, source + place, at_once * <Py_ssize_t> sizeof(real))
        place += at_once
    copy_part(target + place, source + place, (n_elements - place) * <Py_ssize_t> sizeof(real))


cdef inline void stage_interleaved(const Staging* staging, const char* source, real* strip,
                                   element like) noexcept nogil:
    """The columns inside, from channels next to each other into channels next to each other."""
    cdef Py_ssize_t n_columns = staging.end_inside - staging.first_inside, column
    strip += staging.first_inside * staging.position_pitch
    source += staging.channel_bytes[0] + staging.first_source * staging.column_bytes
    if (staging.position_pitch == staging.depth
            and staging.column_bytes == staging.depth * <Py_ssize_t> sizeof(element)):
        stage_run(source, sizeof(element), strip, 1, n_columns * staging.depth, like, staging.swapped)
        return
    if not staging.swapped and is_real(source, staging.column_bytes, like, strip[0]):
        for column in range(n_columns):
            copy_few(<const real*> (source + column * staging.column_bytes), strip + column * staging.position_pitch,
                     staging.depth)
        return
    for column in range(n_columns):
        stage_run(source + column * staging.column_bytes, sizeof(element), strip + column * staging.position_pitch, 1,
                  staging.depth, like, staging.swapped)


cdef inline bint are_planes_of(const Staging* staging, const char* source, element like, real to) noexcept nogil:
    """Whether channels are planes of pixels that need no conversion, equally far apart."""
    cdef Py_ssize_t pitch = staging.channel_bytes[1] - staging.channel_bytes[0], channel
    if staging.swapped or not is_real(source + staging.channel_bytes[0], pitch, like, to):
        return False
    for channel in range(2, staging.depth):
        if staging.channel_bytes[channel] - staging.channel_bytes[channel - 1] != pitch:
            return False
    return True


cdef inline void stage_transposed(const Staging* staging, const char* source, real* strip,
                                  element like) noexcept nogil:
    """The columns inside, from interleaved to channel by channel or the other way, a block at a time."""
    cdef real[BLOCK] block
    cdef Py_ssize_t n_columns = staging.end_inside - staging.first_inside
    cdef Py_ssize_t channel = 0, n_channels, first, n_positions, index
    cdef const char* place
    cdef real* target
    source += staging.first_source * staging.column_bytes
    if staging.position_pitch == 1 and not staging.swapped and is_real(source, staging.column_bytes, like, strip[0]):
        transpose(<const real*> (source + staging.channel_bytes[0]), staging.column_bytes // <Py_ssize_t> sizeof(real),
                  strip + staging.first_inside, staging.channel_pitch, n_columns, staging.depth)
        return
    if staging.channel_pitch == 1 and are_planes_of(staging, source, like, strip[0]):
        transpose(<const real*> (source + staging.channel_bytes[0]),
                  (staging.channel_bytes[1] - staging.channel_bytes[0]) // <Py_ssize_t> sizeof(real),
                  strip + staging.first_inside * staging.position_pitch, staging.position_pitch,
                  staging.depth, n_columns)
        return
    while channel < staging.depth:
        n_channels = min(staging.depth - channel, BLOCK_STREAMS)
        first = 0
        while first < n_columns:
            n_positions = min(n_columns - first, BLOCK_POSITIONS)
            place = source + staging.channel_bytes[channel] + first * staging.column_bytes
            target = (strip + (staging.first_inside + first) * staging.position_pitch
                      + channel * staging.channel_pitch)
            if staging.channel_pitch == 1:
                for index in range(n_channels):
                    stage_run(source + staging.channel_bytes[channel + index] + first * staging.column_bytes,
                              sizeof(element), block + index * BLOCK_POSITIONS, 1, n_positions, like, staging.swapped)
                transpose(block, BLOCK_POSITIONS, target, staging.position_pitch, n_channels, n_positions)
            else:
                if staging.column_bytes == n_channels * <Py_ssize_t> sizeof(element):
                    stage_run(place, sizeof(element), block, 1, n_channels * n_positions, like, staging.swapped)
                else:
                    for index in range(n_positions):
                        stage_run(place + index * staging.column_bytes, sizeof(element), block + index * n_channels, 1,
                                  n_channels, like, staging.swapped)
                transpose(block, n_channels, target, staging.channel_pitch, n_positions, n_channels)
            first += n_positions
        channel += n_channels


cdef void stage(const Staging* staging, const char* source, real* strip, element like) noexcept nogil:
    cdef Py_ssize_t channel, column, end, n_phases = staging.n_phases
    cdef bint whole = source == NULL
    cdef real* place
    if not whole and staging.first_inside < staging.end_inside:
        if n_phases == 1 and staging.depth > 1 and staging.adjacent and staging.channel_pitch == 1:
            stage_interleaved(staging, source, strip, like)
        elif (n_phases == 1 and staging.depth > 1
                and (staging.adjacent if staging.position_pitch == 1
                     else staging.column_bytes == <Py_ssize_t> sizeof(element))):
            stage_transposed(staging, source, strip, like)
        else:
            for channel in range(staging.depth):
                place = strip + channel * staging.channel_pitch
                if n_phases == 2:
                    stage_phases(staging, source + staging.channel_bytes[channel], place, 2, like)
                else:
                    stage_phases(staging, source + staging.channel_bytes[channel], place, n_phases, like)
    if whole and staging.position_pitch == 1:
        stage_fill(staging, strip)
        return
    column = 0
    while column < staging.columns:
        if not whole and staging.first_inside <= column < staging.end_inside:
            column = staging.end_inside
            continue
        if n_phases == 1 and staging.position_pitch == 1:
            end = end_of_fill(staging, column)
            if end > column:
                for channel in range(staging.depth):
                    fill_columns(strip + channel * staging.channel_pitch, column, end, <real> staging.fill[channel])
                column = end
                continue
        place = strip + place_of_column(staging, column)
        stage_border(staging, source, place, -1 if whole else outside_source(staging, column), like)
        column += 1


cdef inline Py_ssize_t place_of_column(const Staging* staging, Py_ssize_t column) noexcept nogil:
    """Elements from the first column of a row; by a division only where it takes one."""
    if staging.n_phases == 1:
        return column * staging.position_pitch
    if staging.n_phases == 2:
        return column % 2 * staging.phase_pitch + column // 2 * staging.position_pitch
    return column % staging.n_phases * staging.phase_pitch + column // staging.n_phases * staging.position_pitch


cdef inline void stage_fill(const Staging* staging, real* strip) noexcept nogil:
    """A row of padding whose columns lie next to each other, phase by phase."""
    cdef Py_ssize_t channel, phase, position, n_phases = min(staging.n_phases, staging.columns)
    cdef real value
    cdef real* place
    for channel in range(staging.depth):
        value = <real> staging.fill[channel]
        for phase in range(n_phases):
            place = strip + channel * staging.channel_pitch + phase * staging.phase_pitch
            for position in range((staging.columns - phase + n_phases - 1) // n_phases):
                place[position] = value


cdef inline Py_ssize_t outside_source(const Staging* staging, Py_ssize_t column) noexcept nogil:
    if column < staging.first_inside:
        return staging.before[column]
    return staging.behind[column - staging.end_inside]


cdef inline Py_ssize_t end_of_fill(const Staging* staging, Py_ssize_t column) noexcept nogil:
    """The end of the padded columns from one on that have the fill value."""
    cdef Py_ssize_t end = staging.first_inside if column < staging.first_inside else staging.columns
    while column < end and outside_source(staging, column) < 0:
        column += 1
    return column


cdef inline void fill_columns(real* row, Py_ssize_t first, Py_ssize_t end, real value) noexcept nogil:
    cdef Py_ssize_t column
    for column in range(first, end):
        row[column] = value


cdef inline void stage_border(const Staging* staging, const char* source, real* strip, Py_ssize_t column,
                              element like) noexcept nogil:
    """All channels of one padded column, from the image's `column` or of the fill value where that is -1."""
    cdef Py_ssize_t channel
    for channel in range(staging.depth):
        if column < 0:
            strip[channel * staging.channel_pitch] = <real> staging.fill[channel]
        else:
            strip[channel * staging.channel_pitch] = load(
                source + staging.channel_bytes[channel] + column * staging.column_bytes, like, strip[0],
                staging.swapped)


cdef inline void count_once(const Staging* staging, real* strip) noexcept nogil:
    """Bools: whatever byte is not 0 stands for a 1."""
    cdef Py_ssize_t phase, position, n_positions, channel
    cdef real* place
    for phase in range(min(staging.n_phases, staging.columns)):
        n_positions = (staging.columns - phase + staging.n_phases - 1) // staging.n_phases
        if staging.channel_pitch == 1:
            for position in range(n_positions):
                place = strip + phase * staging.phase_pitch + position * staging.position_pitch
                for channel in range(staging.depth):
                    place[channel] = place[channel] != 0
        else:
            for channel in range(staging.depth):
                place = strip + phase * staging.phase_pitch + channel * staging.channel_pitch
                for position in range(n_positions):
                    place[position * staging.position_pitch] = place[position * staging.position_pitch] != 0


# --- rows of images of the summed type ----------------------------------------------------------------------------


cdef inline void copy_pixels(const char* source, real* target, Py_ssize_t n_elements) noexcept nogil:
    """Elements one after the other, by vectors, the last of which may lie over the one before."""
    cdef Py_ssize_t place = 0, size = sizeof(real), at_once = max(1, 4 * F32_LANES // <Py_ssize_t> sizeof(real))
    if n_elements < at_once:
        copy_part(target, source, n_elements * size)
        return
    while place + at_once <= n_elements:
        memcpy(target + place, source + place * size, at_once * <Py_ssize_t> sizeof(real))
        place += at_once
    if place < n_elements:
        place = n_elements - at_once
        memcpy(target + place, source + place * size, at_once * <Py_ssize_t> sizeof(real))


cdef inline void stage_outside(const Staging* staging, const char* source, real* place, Py_ssize_t channel,
                               Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    """The padded columns [first, end) of one channel at which `source` and `place` are."""
    cdef Py_ssize_t column, own
    for column in range(first, end):
        own = outside_source(staging, column)
        if own < 0:
            place[place_of_column(staging, column)] = <real> staging.fill[channel]
        else:
            memcpy(place + place_of_column(staging, column), source + own * <Py_ssize_t> sizeof(real), sizeof(real))


cdef inline void stage_planes(const Staging* staging, const char* source, Py_ssize_t row_bytes, Py_ssize_t n_rows,
                              real* strip, Py_ssize_t row_pitch) noexcept nogil:
    """Rows whose columns lie one after the other: little is asked of each, as those of small images are short."""
    cdef Py_ssize_t n_columns = staging.end_inside - staging.first_inside, row, channel
    cdef const char* pixels
    cdef real* place
    for row in range(n_rows):
        for channel in range(staging.depth):
            pixels = source + staging.channel_bytes[channel] + row * row_bytes
            place = strip + channel * staging.channel_pitch + row * row_pitch
            if staging.n_phases == 2:
                stage_two_phases(staging, pixels, place)
            else:
                copy_pixels(pixels + staging.first_source * <Py_ssize_t> sizeof(real), place + staging.first_inside,
                            n_columns)
            stage_outside(staging, pixels, place, channel, 0, staging.first_inside)
            stage_outside(staging, pixels, place, channel, staging.end_inside, staging.columns)


cdef void stage_planes_f32(const Staging* staging, const char* source, Py_ssize_t row_bytes, Py_ssize_t n_rows,
                           void* strip, Py_ssize_t row_pitch) noexcept nogil:
    stage_planes(staging, source, row_bytes, n_rows, <float*> strip, row_pitch)


cdef void stage_planes_f64(const Staging* staging, const char* source, Py_ssize_t row_bytes, Py_ssize_t n_rows,
                           void* strip, Py_ssize_t row_pitch) noexcept nogil:
    stage_planes(staging, source, row_bytes, n_rows, <double*> strip, row_pitch)


# --- by element type ----------------------------------------------------------------------------------------------


cdef inline void stage_element(const Staging* staging, const char* source, real* strip) noexcept nogil:
    cdef half zero
    zero.bits = 0
    if staging.element == FLOAT32:
        stage(staging, source, strip, <float> 0)
    elif staging.element == INT8:
        stage(staging, source, strip, <int8_t> 0)
    elif staging.element == UINT8 or staging.element == BOOL:
        stage(staging, source, strip, <uint8_t> 0)
        if staging.element == BOOL:
            count_once(staging, strip)
    elif staging.element == INT16:
        stage(staging, source, strip, <int16_t> 0)
    elif staging.element == UINT16:
        stage(staging, source, strip, <uint16_t> 0)
    elif staging.element == INT32:
        stage(staging, source, strip, <int32_t> 0)
    elif staging.element == UINT32:
        stage(staging, source, strip, <uint32_t> 0)
    elif staging.element == INT64:
        stage(staging, source, strip, <int64_t> 0)
    elif staging.element == UINT64:
        stage(staging, source, strip, <uint64_t> 0)
    elif staging.element == FLOAT64:
        stage(staging, source, strip, <double> 0)
    elif staging.element == FLOAT16:
        stage(staging, source, strip, zero)


cdef void stage_f32(const Staging* staging, const char* source, void* strip) noexcept nogil:
    stage_element(staging, source, <float*> strip)


cdef void stage_f64(const Staging* staging, const char* source, void* strip) noexcept nogil:
    stage_element(staging, source, <double*> strip)
