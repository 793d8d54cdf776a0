# Channels that lie together, with kernels of 7x7 and strides of 1: a vector of channels at a time, whose pixels are
# laid between their padding, and then down all rows of one column of windows after the other, as planes are
# (down_planes.pxi). Lanes are channels, whose taps the panel has as they are needed.
#
# Tiles over a strip (over_channels.pxi) add to totals in memory behind each kernel row, and strips of all channels may
# not fit the second cache: of their time 7x7 of 768 channels takes 0.44, 14x14 of 384 0.51, 28x28 of 192 0.66, 56x56 of
# 96 0.72 (2026-11-30, AMD EPYC (Zen 3), level v3, 1 worker, both builds in turn).

from microkernels cimport PADDING, Pixels, Rows, real
from simd cimport lines_of_vectors, opaque
from vectors cimport n_lanes, vector

cdef enum:
    BLOCK_LINES = 26    # of vectors, for the pixels of a block of windows
    BLOCK_COLUMNS = 28  # of windows


cdef inline void lay_block(const Pixels* pixels, real* memory, Py_ssize_t first_row, Py_ssize_t first_column,
                           Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t channel, vector like) noexcept nogil:
    """A vector of channels of some padded rows and columns."""
    cdef const real* origin = <const real*> pixels.origin + channel
    cdef vector fill = (<const vector*> (<const real*> pixels.fill + channel))[0]
    cdef const Py_ssize_t* places = pixels.columns + first_column
    cdef Py_ssize_t row, column
    for row in range(first_row, first_row + n_rows):
        for column in range(n_columns):
            if pixels.rows[row] == PADDING or places[column] == PADDING:
                (<vector*> memory)[0] = fill
            else:
                (<vector*> memory)[0] = (<const vector*> (origin + pixels.rows[row] + places[column]))[0]
            memory += n_lanes(like)


cdef inline void block_down(const Down* down, const real* block, Py_ssize_t n_columns, const vector* taps, vector bias,
                            real* response, Py_ssize_t column_pitch) noexcept nogil:
    """A vector of channels of a block's windows."""
    cdef Py_ssize_t x
    for x in range(n_columns):
        column_of_7x7(<const Down*> opaque(down), block + x * down.step, taps, bias, response + x * column_pitch)


cdef inline void columns_of_channels(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias,
                                     real* response, Py_ssize_t first, Py_ssize_t n_columns,
                                     vector like) noexcept nogil:
    """Some columns of windows: as many rows of one vector of channels at once as fit; the last may be done twice."""
    cdef lines_of_vectors[BLOCK_LINES] memory
    cdef Py_ssize_t lanes = n_lanes(like), n_bands, channel = 0, own, y
    cdef Py_ssize_t row_bytes = (n_columns + 6) * lanes * <Py_ssize_t> sizeof(panel[0])
    cdef Py_ssize_t most_rows = <Py_ssize_t> sizeof(memory) // row_bytes - 6
    cdef Down down
    n_bands = (rows.n_rows + most_rows - 1) // most_rows
    down.n_rows = (rows.n_rows + n_bands - 1) // n_bands
    down.pitch, down.step, down.half, down.apart = (n_columns + 6) * lanes, lanes, 0, 0
    down.row_pitch, down.n_stored = rows.row_pitch, rows.n_kernels
    while channel < rows.n_kernels:
        own = max(0, min(channel, rows.n_kernels - lanes))
        y = 0
        while y < rows.n_rows:
            y = min(y, rows.n_rows - down.n_rows)
            lay_block(pixels, <real*> memory, y, first, down.n_rows + 6, n_columns + 6, own, like)
            block_down(&down, <const real*> memory, n_columns, <const vector*> (panel + channel * 49),
                       (<const vector*> (bias + channel))[0], response + own + y * rows.row_pitch, rows.column_pitch)
            y += down.n_rows
        channel += lanes


cdef void channels_of_7x7_down(const Rows* rows, const Pixels* pixels, const real* panel, const real* bias,
                               real* response, vector like) noexcept nogil:
    """Blocks of columns as wide as each other."""
    cdef Py_ssize_t n_blocks = (rows.n_columns + BLOCK_COLUMNS - 1) // BLOCK_COLUMNS, block, first, end
    for block in range(n_blocks):
        first, end = rows.n_columns * block // n_blocks, rows.n_columns * (block + 1) // n_blocks
        columns_of_channels(rows, pixels, panel, bias, response + first * rows.column_pitch, first, end - first, like)
