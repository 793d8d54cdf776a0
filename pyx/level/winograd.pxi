# The transforms of winograd F(2x2, 3x3): two by two responses from four by four pixels with 16 multiplications instead
# of 36 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016). What lies between them, sums over
# channels for each of the 16 places, is done by the tiles with lanes over kernels.
#
# Dilated kernels pair responses that are as far apart as their taps are: rows 0 and d, 1 and d + 1, and so on up to
# 2 d, then the next ones.
#
# Kernels are transformed without the halves of the textbook's matrix, so that no tap becomes subnormal, and responses
# are a quarter of what comes out. Sums over channels go by short blocks (`_methods/winograd.py`).
#
# A response is made of those places alone that its own window reaches: the sums of a window of zeros are zeros, and
# what is not finite outside of a window does not come into it.
#
# Both transforms are bound by loads and stores: 16 of each for 32 additions, and 20 for 28. At 64 channels they take
# about a tenth of the time, less with more.

from microkernels cimport MOST_LANES, Quads, real
from simd cimport a_zero, f32v, f32v_broadcast, f64v_broadcast
from vectors cimport broadcast, n_lanes, store_lanes, vector


cdef inline void quad_in(const real* pixels, const Py_ssize_t* rows, const Py_ssize_t* columns, real* transformed,
                         Py_ssize_t plane_pitch, vector like) noexcept nogil:
    """B^T d B of one quad and one vector of channels."""
    cdef vector[16] done
    cdef vector first, second, third, fourth
    cdef Py_ssize_t index
    for index in range(4):
        first = (<const vector*> (pixels + rows[0] + columns[index]))[0]
        second = (<const vector*> (pixels + rows[1] + columns[index]))[0]
        third = (<const vector*> (pixels + rows[2] + columns[index]))[0]
        fourth = (<const vector*> (pixels + rows[3] + columns[index]))[0]
        done[index] = first - third
        done[4 + index] = second + third
        done[8 + index] = third - second
        done[12 + index] = second - fourth
    for index in range(4):
        (<vector*> transformed)[0] = done[4 * index] - done[4 * index + 2]
        (<vector*> (transformed + plane_pitch))[0] = done[4 * index + 1] + done[4 * index + 2]
        (<vector*> (transformed + 2 * plane_pitch))[0] = done[4 * index + 2] - done[4 * index + 1]
        (<vector*> (transformed + 3 * plane_pitch))[0] = done[4 * index + 1] - done[4 * index + 3]
        transformed += 4 * plane_pitch


cdef inline void part_in(const real* pixels, const Py_ssize_t* rows, const Py_ssize_t* columns, real* transformed,
                         Py_ssize_t plane_pitch, Py_ssize_t n_channels, vector like) noexcept nogil:
    """`quad_in` for fewer channels than a vector has lanes: by way of whole vectors."""
    cdef real[16 * MOST_LANES] loaded, done
    cdef Py_ssize_t[4] loaded_rows, loaded_columns
    cdef Py_ssize_t row, column, channel, lanes = n_lanes(like)
    for row in range(4):
        loaded_rows[row] = 4 * row * lanes
        loaded_columns[row] = row * lanes
        for column in range(4):
            for channel in range(lanes):
                loaded[(4 * row + column) * lanes + channel] = (
                    pixels[rows[row] + columns[column] + channel] if channel < n_channels else 0)
    quad_in(<const real*> loaded, <const Py_ssize_t*> loaded_rows, <const Py_ssize_t*> loaded_columns, <real*> done,
            lanes, like)
    for row in range(16):
        for channel in range(n_channels):
            transformed[row * plane_pitch + channel] = done[row * lanes + channel]


cdef inline Py_ssize_t first_of_pair(Py_ssize_t pair, Py_ssize_t dilation) noexcept nogil:
    """The first of the two rows or columns of a quad."""
    return pair // dilation * 2 * dilation + pair % dilation


cdef inline void quads_in(const Quads* quads, const real* pixels, real* transformed, vector like) noexcept nogil:
    """All channels of some quads; a row or column beyond the last one repeats that, and reaches no response."""
    cdef Py_ssize_t lanes = n_lanes(like), quad, channel, index, first_row, first_column
    cdef Py_ssize_t[4] rows
    cdef Py_ssize_t[4] columns
    for quad in range(quads.first, quads.first + quads.n_quads):
        first_row = first_of_pair(quad // quads.quads_per_row, quads.row_dilation)
        first_column = first_of_pair(quad % quads.quads_per_row, quads.column_dilation)
        for index in range(4):
            rows[index] = quads.pixel_row_pitch * min(
                first_row + index * quads.row_dilation, quads.n_rows - 1 + 2 * quads.row_dilation)
            columns[index] = quads.pixel_pitch * min(
                first_column + index * quads.column_dilation, quads.n_columns - 1 + 2 * quads.column_dilation)
        if quads.depth < lanes:
            part_in(pixels, <const Py_ssize_t*> rows, <const Py_ssize_t*> columns, transformed, quads.plane_pitch,
                    quads.depth, like)
        else:
            channel = 0
            while True:  # the last vector may lie over the one before
                channel = min(channel, quads.depth - lanes)
                quad_in(pixels + channel, <const Py_ssize_t*> rows, <const Py_ssize_t*> columns,
                        transformed + channel, quads.plane_pitch, like)
                channel += lanes
                if channel >= quads.depth:
                    break
        transformed += quads.depth


cdef inline bint quads_out(const Quads* quads, const real* sums, const real* bias, real* response,
                           vector like) noexcept nogil:
    """A^T m A / 4 + bias of some quads and one panel of kernels."""
    cdef Py_ssize_t lanes = n_lanes(like), quad, part, panel_vector, index, row, column, n_kept = quads.n_kernels
    cdef vector[8] done
    cdef vector first, second, third, fourth, own_bias, left, right, zero = broadcast(a_zero, like)
    cdef vector quarter = broadcast(<real> 0.25, like)
    cdef vector beyond = zero  # becomes not a number when something is not finite
    cdef const real* place
    cdef real* target
    for panel_vector in range(quads.width // lanes):
        part = panel_vector * lanes
        own_bias = (<const vector*> (bias + part))[0]
        for quad in range(quads.n_quads):
            place = sums + quad * quads.width + part
            for index in range(4):
                first = (<const vector*> (place + index * quads.sums_pitch))[0]
                second = (<const vector*> (place + (4 + index) * quads.sums_pitch))[0]
                third = (<const vector*> (place + (8 + index) * quads.sums_pitch))[0]
                fourth = (<const vector*> (place + (12 + index) * quads.sums_pitch))[0]
                done[index] = first + second + third
                done[4 + index] = second - third - fourth
            row = first_of_pair((quads.first + quad) // quads.quads_per_row, quads.row_dilation)
            column = first_of_pair((quads.first + quad) % quads.quads_per_row, quads.column_dilation)
            target = response + row * quads.row_pitch + column * quads.column_pitch
            for index in range(2):
                if row + index * quads.row_dilation < quads.n_rows:
                    left = done[4 * index] + done[4 * index + 1] + done[4 * index + 2]
                    right = done[4 * index + 1] - done[4 * index + 2] - done[4 * index + 3]
                    left = left * quarter + own_bias
                    right = right * quarter + own_bias
                    beyond = beyond + left * zero
                    store_lanes(target, left, part, n_kept)
                    if column + quads.column_dilation < quads.n_columns:
                        beyond = beyond + right * zero
                        store_lanes(target + quads.column_dilation * quads.column_pitch, right, part, n_kept)
                    target += quads.row_dilation * quads.row_pitch
    return is_number(beyond)


cdef inline bint is_number(vector value) noexcept nogil:
    """Whether every lane is one."""
    cdef vector kept = value
    cdef bint every = True
    cdef Py_ssize_t lane
    for lane in range(n_lanes(value)):
        if vector is f32v:
            every &= (<const float*> &kept)[lane] == (<const float*> &kept)[lane]
        else:
            every &= (<const double*> &kept)[lane] == (<const double*> &kept)[lane]
    return every


cdef void winograd_in_f32(const Quads* quads, const void* pixels, void* transformed) noexcept nogil:
    quads_in(quads, <const float*> pixels, <float*> transformed, f32v_broadcast(0))


cdef void winograd_in_f64(const Quads* quads, const void* pixels, void* transformed) noexcept nogil:
    quads_in(quads, <const double*> pixels, <double*> transformed, f64v_broadcast(0))


cdef bint winograd_out_f32(const Quads* quads, const void* sums, const void* bias, void* response) noexcept nogil:
    return quads_out(quads, <const float*> sums, <const float*> bias, <float*> response, f32v_broadcast(0))


cdef bint winograd_out_f64(const Quads* quads, const void* sums, const void* bias, void* response) noexcept nogil:
    return quads_out(quads, <const double*> sums, <const double*> bias, <double*> response, f64v_broadcast(0))
