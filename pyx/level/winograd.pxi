# The transforms of winograd (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016): F(2x2, 3x3)
# makes two by two responses from four by four pixels with 16 multiplications instead of 36, F(4x4, 3x3) four by four
# from six by six with 36 instead of 144, F(2x2, 5x5) two by two from six by six with 36 instead of 100. What lies
# between them, sums over channels for each of the 16 or 36 places, is done by the tiles with lanes over kernels.
#
# Dilated kernels join responses that are as far apart as their taps are: rows 0 and d, 1 and d + 1, and so on up to
# 2 d, then the next ones; or 0, d, 2 d and 3 d by F(4x4).
#
# F(4x4, 3x3) and F(2x2, 5x5) transform pixels alike. Their polynomials are taken at 0, 1 and -1 over the root of 2, the
# root of 2 and its negative, and infinity. There the magnitudes that a response is the difference of are least: at most
# 95 times its bound's norm by either, 10 times by F(2x2, 3x3), and 530 times by F(4x4, 3x3) at 0, 1, -1, 2, -2 and
# infinity, whose numbers are rounder. All factors but the root are powers of two or have few bits, so that little is
# rounded.
#
# Sums over channels go by short blocks (`_methods/winograd.py`). Kernels are transformed times a power of two
# (winograd_kernels.pxi), which responses are divided by.
#
# A response by F(2x2, 3x3) is made of those places alone that its own window reaches: the sums of a window of zeros are
# zeros, and what is not finite outside of a window does not come into it. Of 6x6 pixels all come into a response and
# cancel again: windows of zeros are looked for, and responses beside what is not finite are no numbers and are done
# directly with the others.

from microkernels cimport MOST_LANES, Quads, real
from simd cimport ROOT_OF_HALF, a_zero, f32v, f32v_broadcast, f64v_broadcast
from vectors cimport broadcast, kernel_scale, n_lanes, scaled, store_lanes, vector

cdef enum:
    MOST_SIDE = 6  # pixels


cdef inline void pixels_transformed(const vector* pixels, vector* done, Py_ssize_t n_pixels) noexcept nogil:
    """B^T d of one row or column of a quad's pixels: a literal number of them."""
    cdef vector even, odd
    if n_pixels == 4:
        done[0] = pixels[0] - pixels[2]
        done[1] = pixels[1] + pixels[2]
        done[2] = pixels[2] - pixels[1]
        done[3] = pixels[1] - pixels[3]
    else:
        done[0] = pixels[0] + pixels[4] - scaled(2.5, pixels[2])
        even, odd = pixels[4] - scaled(2, pixels[2]), pixels[3] - scaled(2, pixels[1])
        done[1], done[2] = even + scaled(ROOT_OF_HALF, odd), even - scaled(ROOT_OF_HALF, odd)
        even, odd = pixels[4] - scaled(0.5, pixels[2]), pixels[3] - scaled(0.5, pixels[1])
        done[3], done[4] = even + scaled(2 * ROOT_OF_HALF, odd), even - scaled(2 * ROOT_OF_HALF, odd)
        done[5] = pixels[1] + pixels[5] - scaled(2.5, pixels[3])


cdef inline void sums_transformed(const vector* sums, vector* done, Py_ssize_t side,
                                  Py_ssize_t n_pixels) noexcept nogil:
    """A^T m of one row or column: `side` literal responses from the sums of as many places as there are pixels."""
    cdef vector near, near_odd, far, far_odd
    if n_pixels == 4:
        done[0] = sums[0] + sums[1] + sums[2]
        done[1] = sums[1] - sums[2] - sums[3]
    else:
        near, near_odd = sums[1] + sums[2], sums[1] - sums[2]
        far, far_odd = sums[3] + sums[4], sums[3] - sums[4]
        done[0] = sums[0] + (near + far)
        done[1] = scaled(ROOT_OF_HALF, near_odd + scaled(2, far_odd))
        if side == 2:
            done[1] = sums[5] + done[1]
        else:
            done[2] = scaled(0.5, near) + scaled(2, far)
            done[3] = sums[5] + scaled(ROOT_OF_HALF / 2, near_odd + scaled(8, far_odd))


cdef inline void quad_in(const real* pixels, const Py_ssize_t* rows, const Py_ssize_t* columns, real* transformed,
                         Py_ssize_t plane_pitch, Py_ssize_t n_pixels, vector like) noexcept nogil:
    """B^T d B of one quad and one vector of channels."""
    cdef vector[MOST_SIDE * MOST_SIDE] done
    cdef vector[MOST_SIDE] line, turned
    cdef Py_ssize_t row, column
    for column in range(n_pixels):
        for row in range(n_pixels):
            line[row] = (<const vector*> (pixels + rows[row] + columns[column]))[0]
        pixels_transformed(<const vector*> line, <vector*> turned, n_pixels)
        for row in range(n_pixels):
            done[row * n_pixels + column] = turned[row]
    for row in range(n_pixels):
        pixels_transformed(<const vector*> done + row * n_pixels, <vector*> turned, n_pixels)
        for column in range(n_pixels):
            (<vector*> (transformed + column * plane_pitch))[0] = turned[column]
        transformed += n_pixels * plane_pitch


cdef inline void part_in(const real* pixels, const Py_ssize_t* rows, const Py_ssize_t* columns, real* transformed,
                         Py_ssize_t plane_pitch, Py_ssize_t n_channels, Py_ssize_t n_pixels,
                         vector like) noexcept nogil:
    """`quad_in` for fewer channels than a vector has lanes: by way of whole vectors."""
    cdef real[MOST_SIDE * MOST_SIDE * MOST_LANES] loaded, done
    cdef Py_ssize_t[MOST_SIDE] loaded_rows, loaded_columns
    cdef Py_ssize_t row, column, channel, lanes = n_lanes(like)
    for row in range(n_pixels):
        loaded_rows[row] = n_pixels * row * lanes
        loaded_columns[row] = row * lanes
        for column in range(n_pixels):
            for channel in range(lanes):
                loaded[(n_pixels * row + column) * lanes + channel] = (
                    pixels[rows[row] + columns[column] + channel] if channel < n_channels else 0)
    quad_in(<const real*> loaded, <const Py_ssize_t*> loaded_rows, <const Py_ssize_t*> loaded_columns, <real*> done,
            lanes, n_pixels, like)
    for row in range(n_pixels * n_pixels):
        for channel in range(n_channels):
            transformed[row * plane_pitch + channel] = done[row * lanes + channel]


cdef inline Py_ssize_t first_of_quad(Py_ssize_t place, Py_ssize_t side, Py_ssize_t dilation) noexcept nogil:
    """The first of a quad's rows or columns of responses, given which one the quad is down or across."""
    return place // dilation * side * dilation + place % dilation


cdef inline void find_pixels(Py_ssize_t first, Py_ssize_t n_pixels, Py_ssize_t dilation, Py_ssize_t n_lines,
                             Py_ssize_t pitch, Py_ssize_t* places) noexcept nogil:
    """Places of a quad's rows or columns of pixels; one beyond the last repeats that: no window reaches it."""
    cdef Py_ssize_t index, place = first
    for index in range(n_pixels):
        places[index] = place * pitch
        if place + dilation < n_lines:
            place += dilation


cdef inline void quads_in(const Quads* quads, const real* pixels, real* transformed, Py_ssize_t side,
                          Py_ssize_t n_pixels, vector like) noexcept nogil:
    """All channels of some quads."""
    cdef Py_ssize_t lanes = n_lanes(like), quad, channel, more = n_pixels - side  # taps but one
    cdef Py_ssize_t[MOST_SIDE] rows
    cdef Py_ssize_t[MOST_SIDE] columns
    for quad in range(quads.first, quads.first + quads.n_quads):
        find_pixels(first_of_quad(quad // quads.quads_per_row, side, quads.row_dilation), n_pixels, quads.row_dilation,
                    quads.n_rows + more * quads.row_dilation, quads.pixel_row_pitch, <Py_ssize_t*> rows)
        find_pixels(first_of_quad(quad % quads.quads_per_row, side, quads.column_dilation), n_pixels,
                    quads.column_dilation, quads.n_columns + more * quads.column_dilation, quads.pixel_pitch,
                    <Py_ssize_t*> columns)
        if n_pixels == 6:
            quads.zero_windows[quad - quads.first] = zero_windows(
                pixels, <const Py_ssize_t*> rows, <const Py_ssize_t*> columns, quads.depth, side)
        if quads.depth < lanes:
            part_in(pixels, <const Py_ssize_t*> rows, <const Py_ssize_t*> columns, transformed, quads.plane_pitch,
                    quads.depth, n_pixels, like)
        else:
            channel = 0
            while True:  # the last vector may lie over the one before
                channel = min(channel, quads.depth - lanes)
                quad_in(pixels + channel, <const Py_ssize_t*> rows, <const Py_ssize_t*> columns,
                        transformed + channel, quads.plane_pitch, n_pixels, like)
                channel += lanes
                if channel >= quads.depth:
                    break
        transformed += quads.depth


cdef inline bint is_zero(const real* pixel, Py_ssize_t depth) noexcept nogil:
    """Whether all channels of a pixel are zero."""
    cdef Py_ssize_t channel = 0
    while channel < depth and pixel[channel] == 0:
        channel += 1
    return channel == depth


cdef inline int zero_windows(const real* pixels, const Py_ssize_t* rows, const Py_ssize_t* columns,
                             Py_ssize_t depth, Py_ssize_t side) noexcept nogil:
    """Bits 4 * row + column of those windows of a quad of 6x6 pixels that hold zeros alone.

    Each of the 16 windows of 3x3, or 4 of 5x5, holds one of the four pixels in the middle, which are looked at first.
    """
    if (is_zero(pixels + rows[2] + columns[2], depth) or is_zero(pixels + rows[2] + columns[3], depth)
            or is_zero(pixels + rows[3] + columns[2], depth) or is_zero(pixels + rows[3] + columns[3], depth)):
        return zero_windows_there(pixels, rows, columns, depth, side)
    return 0


cdef int zero_windows_there(const real* pixels, const Py_ssize_t* rows, const Py_ssize_t* columns,
                            Py_ssize_t depth, Py_ssize_t side) noexcept nogil:
    """Bits as of `zero_windows`, by all pixels; not inline, because it is seldom called."""
    cdef int[MOST_SIDE] runs  # bits of the columns from which as many pixels of a row as a window has are zero
    cdef int row, column, line, index, found = 0
    for row in range(MOST_SIDE):
        line = 0
        for column in range(MOST_SIDE):
            line |= is_zero(pixels + rows[row] + columns[column], depth) << column
        runs[row] = line
        for index in range(1, MOST_SIDE + 1 - side):
            runs[row] &= line >> index
    for row in range(side):
        line = runs[row]
        for index in range(1, MOST_SIDE + 1 - side):
            line &= runs[row + index]
        found |= line << 4 * row
    return found


cdef inline bint quads_out(const Quads* quads, const real* sums, const real* bias, real* response, Py_ssize_t side,
                           Py_ssize_t n_pixels, vector like) noexcept nogil:
    """Responses of some quads and one panel of kernels: A^T m A over the kernels' power of two, + bias."""
    cdef Py_ssize_t lanes = n_lanes(like), quad, part, panel_vector, row, column, index
    cdef vector[MOST_SIDE * MOST_SIDE] done
    cdef vector[MOST_SIDE] line, turned
    cdef vector own_bias, value, zero = broadcast(a_zero, like)
    cdef vector beyond = zero  # becomes not a number when something is not finite
    cdef const real* place
    cdef real* target
    for panel_vector in range(quads.width // lanes):
        part = panel_vector * lanes
        own_bias = (<const vector*> (bias + part))[0]
        for quad in range(quads.n_quads):
            place = sums + quad * quads.sums_quad_pitch + part
            for column in range(n_pixels):
                for row in range(n_pixels):
                    line[row] = (<const vector*> (place + (row * n_pixels + column) * quads.sums_pitch))[0]
                sums_transformed(<const vector*> line, <vector*> turned, side, n_pixels)
                for row in range(side):
                    done[row * n_pixels + column] = turned[row]
            row = first_of_quad((quads.first + quad) // quads.quads_per_row, side, quads.row_dilation)
            column = first_of_quad((quads.first + quad) % quads.quads_per_row, side, quads.column_dilation)
            target = response + row * quads.row_pitch + column * quads.column_pitch
            for index in range(side):
                if row + index * quads.row_dilation < quads.n_rows:
                    sums_transformed(<const vector*> done + index * n_pixels, <vector*> turned, side, n_pixels)
                    store_line(quads, column, <const vector*> turned, own_bias, &beyond, target, part, side,
                               1 / kernel_scale(n_pixels, like), zero)
                    target += quads.row_dilation * quads.row_pitch
            if n_pixels == 6 and quads.zero_windows[quad]:
                store_zeros(quads, quad, own_bias, response, part)
    return is_number(beyond)


cdef inline void store_line(const Quads* quads, Py_ssize_t column, const vector* values, vector own_bias,
                            vector* beyond, real* target, Py_ssize_t part, Py_ssize_t side,
                            double scale, vector zero) noexcept nogil:
    """A quad's responses in one row, of which those that exist are stored; `beyond` is no number if one is infinite."""
    cdef vector value
    cdef Py_ssize_t index
    for index in range(side):
        if index == 0 or column + index * quads.column_dilation < quads.n_columns:
            value = scaled(scale, values[index]) + own_bias
            beyond[0] = beyond[0] + value * zero
            store_lanes(target, value, part, quads.n_kernels)
            target += quads.column_dilation * quads.column_pitch


cdef void store_zeros(const Quads* quads, Py_ssize_t quad, vector own_bias, real* response,
                      Py_ssize_t part) noexcept nogil:
    """The responses of a quad's windows of zeros: the bias. Not inline, because it is seldom called."""
    cdef Py_ssize_t row, column, place
    cdef Py_ssize_t first_row = first_of_quad((quads.first + quad) // quads.quads_per_row, quads.side,
                                              quads.row_dilation)
    cdef Py_ssize_t first_column = first_of_quad((quads.first + quad) % quads.quads_per_row, quads.side,
                                                 quads.column_dilation)
    for place in range(16):
        row = first_row + place // 4 * quads.row_dilation
        column = first_column + place % 4 * quads.column_dilation
        if quads.zero_windows[quad] >> place & 1 and row < quads.n_rows and column < quads.n_columns:
            store_lanes(response + row * quads.row_pitch + column * quads.column_pitch, own_bias, part,
                        quads.n_kernels)


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


cdef inline void sized_quads_in(const Quads* quads, const real* pixels, real* transformed,
                                vector like) noexcept nogil:
    """`quads_in` for each size of quads."""
    if quads.n_pixels == 4:
        quads_in(quads, pixels, transformed, 2, 4, like)
    elif quads.side == 4:
        quads_in(quads, pixels, transformed, 4, 6, like)
    else:
        quads_in(quads, pixels, transformed, 2, 6, like)


cdef inline bint sized_quads_out(const Quads* quads, const real* sums, const real* bias, real* response,
                                 vector like) noexcept nogil:
    """`quads_out` for each size of quads."""
    if quads.n_pixels == 4:
        return quads_out(quads, sums, bias, response, 2, 4, like)
    elif quads.side == 4:
        return quads_out(quads, sums, bias, response, 4, 6, like)
    return quads_out(quads, sums, bias, response, 2, 6, like)


cdef void winograd_in_f32(const Quads* quads, const void* pixels, void* transformed) noexcept nogil:
    sized_quads_in(quads, <const float*> pixels, <float*> transformed, f32v_broadcast(0))


cdef void winograd_in_f64(const Quads* quads, const void* pixels, void* transformed) noexcept nogil:
    sized_quads_in(quads, <const double*> pixels, <double*> transformed, f64v_broadcast(0))


cdef bint winograd_out_f32(const Quads* quads, const void* sums, const void* bias, void* response) noexcept nogil:
    return sized_quads_out(quads, <const float*> sums, <const float*> bias, <float*> response, f32v_broadcast(0))


cdef bint winograd_out_f64(const Quads* quads, const void* sums, const void* bias, void* response) noexcept nogil:
    return sized_quads_out(quads, <const double*> sums, <const double*> bias, <double*> response, f64v_broadcast(0))
