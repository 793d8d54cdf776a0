# Small planes of depthwise layers, of as many vectors of channels at once as the first cache holds: they are turned
# around, so that lanes are channels, done like those whose channels lie next to each other (over_pixels.pxi), and
# turned back. Lanes over columns are partly empty there, and each plane has taps of its own to spread. 5x5 with stride
# 2 on 14x14 takes 0.4 of the time at v4 and 0.8 at v3, 5x5 on 7x7 0.6 at v4, 3x3 on 9x9 0.75 and 0.7; with rows that
# fill their vectors it loses (12x12: 1.2). 2026-11-27, AMD EPYC (Zen 5), levels v4 and v3, 1 worker, both builds in
# turn.

from microkernels cimport PADDING, Pixels, Rows, Sum, real
from simd cimport F32_LANES, SHIFTS, lines_of_vectors
from vectors cimport n_lanes, transpose_vectors, vector

cdef enum:
    MOST_POSITIONS = 256      # of a plane, and of its responses: both stay in the first cache
    MOST_PADDED = 24          # rows, or columns, that windows reach


cdef struct Block:            # a plane of pixels between rows and columns of padding, and one of responses
    Py_ssize_t n_pixels, n_responses
    Py_ssize_t first_pixel    # elements from the origin to the first one inside
    Py_ssize_t n_rows, n_columns
    Py_ssize_t[MOST_PADDED] rows, columns


cdef inline bint leaves_lanes_empty(const Sum* sum, const Rows* rows, const Pixels* pixels,
                                    Py_ssize_t lanes) noexcept nogil:
    """Whether lanes over columns are two thirds full at most, or take each second lane of what they load.

    Of 3x3 in halves of vectors a tile of the most rows is as fast. Where vectors are not shifted in registers, one that
    is not full pays already: 3x3 on 6x6 takes 0.5, on 7x7 0.7, 5x5 on 7x7 0.6 of the time (2026-11-27, AMD EPYC
    (Zen 3), level v3, 1 worker, both builds in turn).
    """
    cdef Py_ssize_t n_vectors = (rows.n_columns + lanes - 1) // lanes
    if sum.run == 3 and pixels.column_stride == 1 and rows.n_rows == MOST_ROWS and 2 * rows.n_columns <= lanes:
        return False
    if not SHIFTS and rows.n_columns < lanes:
        return True
    return pixels.column_stride == 2 or 3 * rows.n_columns <= 2 * n_vectors * lanes


cdef inline bint finds_block(const Sum* sum, const Rows* rows, const Pixels* pixels, Block* block,
                             Py_ssize_t lanes) noexcept nogil:
    """Whether the planes are small, and without gaps; where their pixels will lie when they are turned."""
    cdef Py_ssize_t n_columns = (rows.n_columns - 1) * pixels.column_stride + sum.run
    cdef Py_ssize_t n_rows = (rows.n_rows - 1) * pixels.row_stride + (sum.run - 1) * pixels.row_dilation + 1
    cdef Py_ssize_t width = pixels.end_inside - max(0, pixels.first_inside), row, n_inside = 0, first = 0
    block.n_responses = rows.n_rows * rows.n_columns
    if (rows.n_kernels < lanes or rows.row_pitch != rows.n_columns or pixels.first_inside < 0
            or n_rows > MOST_PADDED or n_columns > MOST_PADDED or pixels.end_inside > n_columns
            or not lanes <= block.n_responses <= MOST_POSITIONS):
        return False
    for row in range(n_rows):
        block.rows[row] = PADDING
        if pixels.rows[row] != PADDING:
            if n_inside == 0:
                first = pixels.rows[row]
            elif pixels.rows[row] != first + n_inside * width:
                return False
            block.rows[row] = n_inside * width * lanes
            n_inside += 1
    for row in range(n_columns):
        block.columns[row] = PADDING
        if pixels.first_inside <= row < pixels.end_inside:
            block.columns[row] = (row - pixels.first_inside) * lanes
    block.n_pixels, block.first_pixel = n_inside * width, first
    block.n_rows, block.n_columns = n_rows, n_columns
    return lanes <= block.n_pixels <= MOST_POSITIONS


cdef inline void planes_to_positions(const real* planes, Py_ssize_t pitch, real* positions, Py_ssize_t position_pitch,
                                     Py_ssize_t n_positions, vector like) noexcept nogil:
    """A vector of channels for each position; the last block may lie over the one before."""
    cdef vector[16] block
    cdef Py_ssize_t first = 0, index, lanes = n_lanes(like)
    while first < n_positions:
        first = min(first, n_positions - lanes)
        for index in range(lanes):
            block[index] = (<const vector*> (planes + index * pitch + first))[0]
        transpose_vectors(block, like)
        for index in range(lanes):
            (<vector*> (positions + (first + index) * position_pitch))[0] = block[index]
        first += lanes


cdef inline void positions_to_planes(const real* positions, Py_ssize_t position_pitch, real* planes, Py_ssize_t pitch,
                                     Py_ssize_t n_positions, vector like) noexcept nogil:
    """The planes of vectors of channels, likewise."""
    cdef vector[16] block
    cdef Py_ssize_t first = 0, index, lanes = n_lanes(like)
    while first < n_positions:
        first = min(first, n_positions - lanes)
        for index in range(lanes):
            block[index] = (<const vector*> (positions + (first + index) * position_pitch))[0]
        transpose_vectors(block, like)
        for index in range(lanes):
            (<vector*> (planes + index * pitch + first))[0] = block[index]
        first += lanes


cdef inline void some_turned_planes(const Sum* sum, const Rows* rows, const Pixels* pixels, Block* block,
                                    const real* panels, const real* bias, real* response, Py_ssize_t n_channels,
                                    Py_ssize_t n_vectors, vector like) noexcept nogil:
    """Planes of so many channels, in as many vectors; the last one is of the last channels."""
    cdef lines_of_vectors[10] pixel_memory, response_memory
    cdef real* turned = <real*> pixel_memory
    cdef real* responses = <real*> response_memory
    cdef Py_ssize_t lanes = n_lanes(like), pitch = n_vectors * lanes, part, first
    cdef Rows own = rows[0]
    cdef Pixels beside = pixels[0]
    own.n_kernels, own.row_pitch, own.column_pitch = n_channels, rows.n_columns * pitch, pitch
    beside.origin, beside.rows, beside.columns = turned, block.rows, block.columns
    for part in range(n_vectors):
        first = min(part * lanes, n_channels - lanes)
        planes_to_positions(<const real*> pixels.origin + block.first_pixel + first * pixels.channel_pitch,
                            pixels.channel_pitch, turned + first, pitch, block.n_pixels, like)
    rows_over_pixels(sum, &own, &beside, panels, bias, responses, like)
    for part in range(n_vectors):
        first = min(part * lanes, n_channels - lanes)
        positions_to_planes(responses + first, pitch, response + first * rows.kernel_pitch, rows.kernel_pitch,
                            block.n_responses, like)


cdef inline void turned_planes(const Sum* sum, const Rows* rows, const Pixels* pixels, Block* block,
                               const real* panels, const real* bias, real* response, vector like) noexcept nogil:
    """All planes, some vectors of channels at a time; the last ones may be done again with those before them."""
    cdef Py_ssize_t lanes = n_lanes(like), n_taps = sum.run * sum.run, part, first, end, done = 0
    cdef Py_ssize_t n_vectors = (rows.n_kernels + lanes - 1) // lanes
    cdef Py_ssize_t most = MOST_POSITIONS // max(block.n_pixels, block.n_responses)
    cdef Py_ssize_t n_parts = (n_vectors + most - 1) // most, at_once = (n_vectors + n_parts - 1) // n_parts
    cdef Pixels own = pixels[0]
    for part in range(block.n_rows):
        block.rows[part] = block.rows[part] if block.rows[part] == PADDING else block.rows[part] * at_once
    for part in range(block.n_columns):
        block.columns[part] = block.columns[part] if block.columns[part] == PADDING else block.columns[part] * at_once
    while done < n_vectors:
        part = min(done, n_vectors - at_once)
        end = min(rows.n_kernels, (part + at_once) * lanes)
        first = min(part * lanes, end - lanes)
        own.origin = <const real*> pixels.origin + first * pixels.channel_pitch
        own.fill = <const real*> pixels.fill + first
        some_turned_planes(sum, rows, &own, block, panels + part * lanes * n_taps, bias + part * lanes,
                           response + first * rows.kernel_pitch, end - first, at_once, like)
        done = part + at_once
