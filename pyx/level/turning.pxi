# Orders of axes. What lies stream by stream on one side and interleaved on the other goes through a block on the stack:
# converted where it is contiguous, turned around by `transpose` as 4x4 blocks in registers, or as whole vectors.

from microkernels cimport real
from simd cimport F32_LANES, f32v_broadcast, prefetch_to_write, transpose_4x4_f32, transpose_4x4_f64
from vectors cimport n_lanes, transpose_vectors, vector

cdef enum:
    BLOCK_STREAMS = 8
    BLOCK_POSITIONS = 64
    BLOCK = 512
    CHUNK = 64   # columns that are turned around for all rows before the next ones
    AHEAD = 128  # so many columns before one is turned around, the memory for it is fetched
    CROWDED = 256       # elements apart, by whose multiples few columns share the places of a cache
    STREAM_AHEAD = 128  # and so many rows, where each column is a stream of its own

# Fetching ahead takes 8 kernels of 3x3 on 10,000 digits from 25 to 18 ms, where the stores would wait for memory one
# after the other. 2026-11-25, AMD EPYC (Zen 5), level v4, 1 worker, both builds in turn.
#
# As many streams as a vector has lanes, and not 64 of which each gets one line at a time, take turning 64 planes of
# 112x112 responses from 0.75 to 0.25 ms, and 64 planes of 32x32, which lie a multiple of 4096 bytes apart, from 5 to
# 2 ms for 128 images. 2026-11-27, the same processor; 32 to 256 rows ahead do alike. With vectors of 8 blocks of 8x8
# turn 1024 planes of 14x14 in 0.6 cycles a number where rows are no power of two apart, in 4x4 in twice that; there
# streams are for such rows alone (AMD EPYC (Zen 3), level v3).


cdef inline void turn_few(const real* source, Py_ssize_t source_pitch, real* target, Py_ssize_t target_pitch,
                          Py_ssize_t n_rows, Py_ssize_t n_columns) noexcept nogil:
    cdef Py_ssize_t row, column
    for column in range(n_columns):
        for row in range(n_rows):
            target[column * target_pitch + row] = source[row * source_pitch + column]


cdef inline void turn_block(const real* source, Py_ssize_t source_pitch, real* target, Py_ssize_t target_pitch,
                            Py_ssize_t first, Py_ssize_t end, vector like) noexcept nogil:
    """Turn as many rows as a vector has lanes, of columns [first, end): whole cache lines where vectors are so long.

    There are as many columns at least; the last block ends with them, and may lie over the one before.
    """
    cdef vector[16] rows
    cdef Py_ssize_t column = first, index, lanes = n_lanes(like)
    while column < end:
        column = min(column, end - lanes)
        for index in range(lanes):
            rows[index] = (<const vector*> (source + index * source_pitch + column))[0]
        transpose_vectors(rows, like)
        for index in range(lanes):
            (<vector*> (target + (column + index) * target_pitch))[0] = rows[index]
        column += lanes


cdef inline void turn_into_streams(const real* source, Py_ssize_t source_pitch, real* target, Py_ssize_t target_pitch,
                                   Py_ssize_t n_rows, Py_ssize_t n_columns, vector like) noexcept nogil:
    """`transpose` of whole blocks, as many columns at once as a vector has lanes, whose lines follow each other.

    The last blocks may lie over those before. Lines are fetched ahead, but not those that another worker may write.
    """
    cdef vector[16] rows
    cdef Py_ssize_t column = 0, row, index, lanes = n_lanes(like)
    cdef const real* place
    cdef real* turned
    while column < n_columns:
        column = min(column, n_columns - lanes)
        row = 0
        while row < n_rows:
            row = min(row, n_rows - lanes)
            place, turned = source + row * source_pitch + column, target + column * target_pitch + row
            for index in range(lanes):
                rows[index] = (<const vector*> (place + index * source_pitch))[0]
            transpose_vectors(rows, like)
            if row + STREAM_AHEAD < n_rows:
                for index in range(lanes):
                    prefetch_to_write(turned + index * target_pitch + STREAM_AHEAD)
            for index in range(lanes):
                (<vector*> (turned + index * target_pitch))[0] = rows[index]
            row += lanes
        column += lanes


cdef void transpose(const real* source, Py_ssize_t source_pitch, real* target, Py_ssize_t target_pitch,
                    Py_ssize_t n_rows, Py_ssize_t n_columns) noexcept nogil:
    """target[column * target_pitch + row] = source[row * source_pitch + column]; lines are whole when they are left."""
    cdef Py_ssize_t row, column, first = 0, end
    if n_rows == target_pitch and 2 <= n_rows <= 3:
        while first < n_columns:
            end = min(first + CHUNK, n_columns)
            for column in range(4 * n_rows):
                prefetch_to_write(target + (first + AHEAD) * n_rows + column * 16)
            if n_rows == 2:
                turn_few(source + first, source_pitch, target + first * 2, 2, 2, end - first)
            else:
                turn_few(source + first, source_pitch, target + first * 3, 3, 3, end - first)
            first = end
        return
    if n_columns == 2 and source_pitch == 2:
        turn_few(source, 2, target, target_pitch, n_rows, 2)
        return
    if n_columns == 3 and source_pitch == 3:
        turn_few(source, 3, target, target_pitch, n_rows, 3)
        return
    if real is float:
        if (F32_LANES >= 8 and min(n_rows, n_columns) >= F32_LANES
                and (source_pitch < target_pitch if F32_LANES == 16 else target_pitch % CROWDED == 0)):
            turn_into_streams(source, source_pitch, target, target_pitch, n_rows, n_columns, f32v_broadcast(0))
            return
    while first < n_columns:
        end = first + CHUNK if first + CHUNK + 16 <= n_columns else n_columns
        row = 0
        if real is float:
            while F32_LANES >= 8 and row + F32_LANES <= n_rows and first + F32_LANES <= end:
                turn_block(source + row * source_pitch, source_pitch, target + row, target_pitch, first, end,
                           f32v_broadcast(0))
                row += F32_LANES
        while n_rows >= 4 and end - first >= 4 and row < n_rows:
            row = min(row, n_rows - 4)  # the last block ends with the rows, and one of these with the columns
            column = first
            while column < end:
                column = min(column, end - 4)
                if row == 0:
                    prefetch_to_write(target + (column + AHEAD) * target_pitch)
                    prefetch_to_write(target + (column + AHEAD + 2) * target_pitch)
                if real is float:
                    transpose_4x4_f32(source + row * source_pitch + column, source_pitch,
                                      target + column * target_pitch + row, target_pitch)
                else:
                    transpose_4x4_f64(source + row * source_pitch + column, source_pitch,
                                      target + column * target_pitch + row, target_pitch)
                column += 4
            row += 4
        if row < n_rows:
            turn_few(source + row * source_pitch + first, source_pitch, target + first * target_pitch + row,
                     target_pitch, n_rows - row, end - first)
        first = end
