# The direct method: tiles held in registers, in two forms by where the lanes go. Every form adds the taps in the order
# and the blocks that microkernels.pxd states, so all give the same bits.

from microkernels cimport *

cdef extern from "simd.h" nogil:
    ctypedef float f32v "xcorr_f32v"
    ctypedef double f64v "xcorr_f64v"
    f32v f32v_zero "xcorr_f32v_zero"()
    f64v f64v_zero "xcorr_f64v_zero"()
    f32v f32v_number "xcorr_f32v_number"(f32v)
    f64v f64v_number "xcorr_f64v_number"(f64v)
    enum:
        F32_LANES "XCORR_F32_LANES"
        F64_LANES "XCORR_F64_LANES"
        TILE_COLUMNS "XCORR_TILE_COLUMNS"            # lanes over kernels: columns x 2 vectors of kernels
        TILE_VECTORS_1 "XCORR_TILE_VECTORS_1"        # lanes over columns: vectors of columns with 1 kernel,
        TILE_VECTORS_2 "XCORR_TILE_VECTORS_2"        #   with 2
        TILE_VECTORS_4 "XCORR_TILE_VECTORS_4"        #   and with 4
        TILE_ACCUMULATORS "XCORR_TILE_ACCUMULATORS"  # the largest tile's

ctypedef fused vector:
    f32v
    f64v


cdef inline vector vector_zero(vector like) noexcept nogil:
    if vector is f32v:
        return f32v_zero()
    else:
        return f64v_zero()


cdef inline vector vector_number(vector value) noexcept nogil:
    if vector is f32v:
        return f32v_number(value)
    else:
        return f64v_number(value)


cdef inline vector times(real scalar, vector value) noexcept nogil:
    # `real` is always the vector's own element; the casts let the unused pairings compile
    if vector is f32v:
        return <float> scalar * value
    else:
        return <double> scalar * value


cdef inline vector broadcast(real scalar, vector zero) noexcept nogil:
    if vector is f32v:
        return <float> scalar + zero
    else:
        return <double> scalar + zero


cdef inline Py_ssize_t n_lanes(vector like) noexcept nogil:
    if vector is f32v:
        return F32_LANES
    else:
        return F64_LANES


cdef inline void close_block(vector* sums, vector* totals, vector* errors, Py_ssize_t n_sums, bint compensated,
                             vector zero) noexcept nogil:
    """totals += sums; sums = 0. Compensated, the error of each addition is kept (Knuth's TwoSum, TAOCP 4.2.2)."""
    cdef Py_ssize_t index
    cdef vector total, kept
    for index in range(n_sums):
        total = totals[index] + sums[index]
        if compensated:
            kept = total - totals[index]
            errors[index] = errors[index] + ((totals[index] - (total - kept)) + (sums[index] - kept))
        totals[index] = total
        sums[index] = zero


cdef inline vector total_of(const vector* totals, const vector* errors, Py_ssize_t index,
                            bint compensated) noexcept nogil:
    # the error of an infinite total is not a number and does not count
    if compensated:
        return totals[index] + vector_number(errors[index])
    return totals[index]


# --- lanes over kernels -------------------------------------------------------------------------------------------


cdef inline void tile_over_kernels(const Sum* sum, const Row* row, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                   vector zero) noexcept nogil:
    """`n_columns` windows x `n_vectors` vectors of kernels; both literal where it is called, so the loops unroll."""
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector first_taps, second_taps
    cdef Py_ssize_t lanes = n_lanes(zero), pitch = row.window_pitch
    cdef Py_ssize_t segment_index, tap, column, part
    cdef const real* taps
    for column in range(n_columns):
        for part in range(n_vectors):
            sums[column * n_vectors + part] = zero
            errors[column * n_vectors + part] = zero
            totals[column * n_vectors + part] = (<const vector*> (bias + part * lanes))[0]
    for segment_index in range(sum.n_segments):
        taps = image + sum.segments[segment_index].offset + sum.segments[segment_index].first
        for tap in range(sum.segments[segment_index].n_taps):
            first_taps = (<const vector*> panel)[0]
            if n_vectors == 2:
                second_taps = (<const vector*> (panel + lanes))[0]
            for column in range(n_columns):
                sums[column * n_vectors] = sums[column * n_vectors] + times(taps[column * pitch + tap], first_taps)
                if n_vectors == 2:
                    sums[column * 2 + 1] = sums[column * 2 + 1] + times(taps[column * pitch + tap], second_taps)
            panel += n_vectors * lanes
        if sum.segments[segment_index].closes_block:
            close_block(sums, totals, errors, n_columns * n_vectors, sum.compensated, zero)
    for column in range(n_columns):
        for part in range(n_vectors):
            store_kernels(response + column * row.column_pitch, total_of(totals, errors, column * n_vectors + part,
                          sum.compensated), part * lanes, row.n_kernels)


cdef inline void store_kernels(real* response, vector value, Py_ssize_t first, Py_ssize_t n_kernels) noexcept nogil:
    """The lanes of `value` that are kernels below `n_kernels`, the first being kernel `first`."""
    cdef vector kept = value
    cdef Py_ssize_t lane
    if first + n_lanes(value) <= n_kernels:
        (<vector*> (response + first))[0] = value
    else:
        for lane in range(n_kernels - first):
            response[first + lane] = (<real*> &kept)[lane]


cdef inline void some_over_kernels(const Sum* sum, const Row* row, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t n_columns, Py_ssize_t n_vectors,
                                   vector zero) noexcept nogil:
    """Any number of columns up to a tile's, as a tile of that literal size."""
    if n_columns == 1:
        tile_over_kernels(sum, row, image, panel, bias, response, 1, n_vectors, zero)
    elif n_columns == 2:
        tile_over_kernels(sum, row, image, panel, bias, response, 2, n_vectors, zero)
    elif n_columns == 3:
        tile_over_kernels(sum, row, image, panel, bias, response, 3, n_vectors, zero)
    elif n_columns == 4:
        tile_over_kernels(sum, row, image, panel, bias, response, 4, n_vectors, zero)
    elif n_columns == 5:
        tile_over_kernels(sum, row, image, panel, bias, response, 5, n_vectors, zero)
    elif n_columns == 6:
        tile_over_kernels(sum, row, image, panel, bias, response, 6, n_vectors, zero)
    elif TILE_COLUMNS > 6 and n_columns == 7:
        tile_over_kernels(sum, row, image, panel, bias, response, 7, n_vectors, zero)
    elif TILE_COLUMNS > 6 and n_columns == 8:
        tile_over_kernels(sum, row, image, panel, bias, response, 8, n_vectors, zero)
    elif TILE_COLUMNS > 6 and n_columns == 9:
        tile_over_kernels(sum, row, image, panel, bias, response, 9, n_vectors, zero)
    elif TILE_COLUMNS > 6 and n_columns == 10:
        tile_over_kernels(sum, row, image, panel, bias, response, 10, n_vectors, zero)
    elif TILE_COLUMNS > 6 and n_columns == 11:
        tile_over_kernels(sum, row, image, panel, bias, response, 11, n_vectors, zero)
    elif TILE_COLUMNS > 6 and n_columns == 12:
        tile_over_kernels(sum, row, image, panel, bias, response, 12, n_vectors, zero)
    elif TILE_COLUMNS > 6 and n_columns == 13:
        tile_over_kernels(sum, row, image, panel, bias, response, 13, n_vectors, zero)
    elif TILE_COLUMNS > 6 and n_columns == 14:
        tile_over_kernels(sum, row, image, panel, bias, response, 14, n_vectors, zero)


cdef inline void row_over_kernels(const Sum* sum, const Row* row, const real* image, const real* panel,
                                  const real* bias, real* response, vector zero) noexcept nogil:
    """The row in as few tiles as it takes, of sizes as equal as can be."""
    cdef Py_ssize_t n_tiles = (row.n_columns + TILE_COLUMNS - 1) // TILE_COLUMNS
    cdef Py_ssize_t done = 0, n_columns, tile
    for tile in range(n_tiles):
        n_columns = (row.n_columns - done + n_tiles - tile - 1) // (n_tiles - tile)
        if row.width == n_lanes(zero):
            some_over_kernels(sum, row, image, panel, bias, response, n_columns, 1, zero)
        else:
            some_over_kernels(sum, row, image, panel, bias, response, n_columns, 2, zero)
        image += n_columns * row.window_pitch
        response += n_columns * row.column_pitch
        done += n_columns


# --- lanes over columns -------------------------------------------------------------------------------------------


cdef inline void tile_over_columns(const Sum* sum, const Row* row, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t n_kernels, Py_ssize_t n_vectors,
                                   Py_ssize_t n_columns, vector zero) noexcept nogil:
    """`n_kernels` kernels x `n_vectors` vectors of columns, both literal, of which `n_columns` columns are stored."""
    cdef vector[TILE_ACCUMULATORS] sums, totals, errors
    cdef vector[8] columns
    cdef Py_ssize_t lanes = n_lanes(zero)
    cdef Py_ssize_t segment_index, tap, kernel, part
    cdef const Py_ssize_t* tap_offsets
    cdef const real* taps
    for kernel in range(n_kernels):
        for part in range(n_vectors):
            sums[kernel * n_vectors + part] = zero
            errors[kernel * n_vectors + part] = zero
            totals[kernel * n_vectors + part] = broadcast(bias[kernel], zero)
    for segment_index in range(sum.n_segments):
        taps = image + sum.segments[segment_index].offset
        tap_offsets = sum.tap_offsets + sum.segments[segment_index].first
        for tap in range(sum.segments[segment_index].n_taps):
            for part in range(n_vectors):
                columns[part] = (<const vector*> (taps + tap_offsets[tap] + part * lanes))[0]
            for kernel in range(n_kernels):
                for part in range(n_vectors):
                    sums[kernel * n_vectors + part] = (sums[kernel * n_vectors + part]
                                                       + times(panel[kernel], columns[part]))
            panel += n_kernels
        if sum.segments[segment_index].closes_block:
            close_block(sums, totals, errors, n_kernels * n_vectors, sum.compensated, zero)
    for kernel in range(n_kernels):
        if kernel < row.n_kernels:
            for part in range(n_vectors):
                store_columns(response + kernel * row.kernel_pitch, total_of(totals, errors, kernel * n_vectors + part,
                              sum.compensated), part * lanes, n_columns)


cdef inline void store_columns(real* response, vector value, Py_ssize_t first, Py_ssize_t n_columns) noexcept nogil:
    """The lanes of `value` that are columns below `n_columns`, the first being column `first`."""
    store_kernels(response, value, first, n_columns)


cdef inline void some_over_columns(const Sum* sum, const Row* row, const real* image, const real* panel,
                                   const real* bias, real* response, Py_ssize_t n_kernels, Py_ssize_t tile_vectors,
                                   Py_ssize_t n_vectors, Py_ssize_t n_columns, vector zero) noexcept nogil:
    """Any number of vectors up to a tile's, as a tile of that literal size."""
    if n_vectors == 1:
        tile_over_columns(sum, row, image, panel, bias, response, n_kernels, 1, n_columns, zero)
    elif n_vectors == 2:
        tile_over_columns(sum, row, image, panel, bias, response, n_kernels, 2, n_columns, zero)
    elif n_vectors == 3:
        tile_over_columns(sum, row, image, panel, bias, response, n_kernels, 3, n_columns, zero)
    elif tile_vectors >= 4 and n_vectors == 4:
        tile_over_columns(sum, row, image, panel, bias, response, n_kernels, 4, n_columns, zero)
    elif tile_vectors >= 5 and n_vectors == 5:
        tile_over_columns(sum, row, image, panel, bias, response, n_kernels, 5, n_columns, zero)
    elif tile_vectors >= 6 and n_vectors == 6:
        tile_over_columns(sum, row, image, panel, bias, response, n_kernels, 6, n_columns, zero)
    elif tile_vectors >= 7 and n_vectors == 7:
        tile_over_columns(sum, row, image, panel, bias, response, n_kernels, 7, n_columns, zero)
    elif tile_vectors >= 8 and n_vectors == 8:
        tile_over_columns(sum, row, image, panel, bias, response, n_kernels, 8, n_columns, zero)


cdef inline void tiles_over_columns(const Sum* sum, const Row* row, const real* image, const real* panel,
                                    const real* bias, real* response, Py_ssize_t n_kernels, Py_ssize_t tile_vectors,
                                    vector zero) noexcept nogil:
    """The row in tiles of equal width; the last one ends where the row ends and may lie over the one before."""
    cdef Py_ssize_t lanes = n_lanes(zero)
    cdef Py_ssize_t n_vectors = (row.n_columns + lanes - 1) // lanes
    cdef Py_ssize_t n_tiles = (n_vectors + tile_vectors - 1) // tile_vectors
    cdef Py_ssize_t tile, first, width
    n_vectors = (n_vectors + n_tiles - 1) // n_tiles
    if n_vectors * lanes > row.n_columns and n_vectors * lanes > row.readable_columns:
        n_tiles = 2
        n_vectors = (n_vectors + 1) // 2
    width = n_vectors * lanes
    for tile in range(n_tiles):
        first = max(0, min(tile * width, row.n_columns - width))
        some_over_columns(sum, row, image + first, panel, bias, response + first, n_kernels, tile_vectors,
                          n_vectors, row.n_columns - first, zero)


cdef inline void row_over_columns(const Sum* sum, const Row* row, const real* image, const real* panel,
                                  const real* bias, real* response, vector zero) noexcept nogil:
    if row.width == 1:
        tiles_over_columns(sum, row, image, panel, bias, response, 1, TILE_VECTORS_1, zero)
    elif row.width == 2:
        tiles_over_columns(sum, row, image, panel, bias, response, 2, TILE_VECTORS_2, zero)
    else:
        tiles_over_columns(sum, row, image, panel, bias, response, 4, TILE_VECTORS_4, zero)


# --- the rows of the table ----------------------------------------------------------------------------------------


cdef void over_kernels_f32(const Sum* sum, const Row* row, const float* image, const float* panel, const float* bias,
                           float* response) noexcept nogil:
    row_over_kernels(sum, row, image, panel, bias, response, f32v_zero())


cdef void over_kernels_f64(const Sum* sum, const Row* row, const double* image, const double* panel,
                           const double* bias, double* response) noexcept nogil:
    row_over_kernels(sum, row, image, panel, bias, response, f64v_zero())


cdef void over_columns_f32(const Sum* sum, const Row* row, const float* image, const float* panel, const float* bias,
                           float* response) noexcept nogil:
    row_over_columns(sum, row, image, panel, bias, response, f32v_zero())


cdef void over_columns_f64(const Sum* sum, const Row* row, const double* image, const double* panel,
                           const double* bias, double* response) noexcept nogil:
    row_over_columns(sum, row, image, panel, bias, response, f64v_zero())
