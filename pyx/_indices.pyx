"""The primitives of the notebook that this began as, in typed loops: indices of windows, and windows as arrays.

Beside them, arrays are copied into others whose axes lie in another order.
"""

cimport numpy as cnp


def window_index(Py_ssize_t image_width, Py_ssize_t depth, tuple kernel, tuple dilation, Py_ssize_t[::1] index):
    """index[tap] = flat position of the tap in an image (height, image_width, depth), the window at the origin."""
    cdef Py_ssize_t kernel_height = kernel[0], kernel_width = kernel[1]
    cdef Py_ssize_t row_dilation = dilation[0], column_dilation = dilation[1]
    cdef Py_ssize_t row, column, channel, tap = 0
    if index.shape[0] != kernel_height * kernel_width * depth:
        raise ValueError(f"index: length {index.shape[0]} is not the number of taps")
    with nogil:
        for row in range(kernel_height):
            for column in range(kernel_width):
                for channel in range(depth):
                    index[tap] = (row * row_dilation * image_width + column * column_dilation) * depth + channel
                    tap += 1


def correlation_indices(Py_ssize_t step, const Py_ssize_t[::1] window, Py_ssize_t[:, ::1] indices):
    """indices[position, tap] = window[tap] + position * step: a row of windows, `step` elements apart."""
    cdef Py_ssize_t position, tap
    if indices.shape[1] != window.shape[0]:
        raise ValueError("indices: the shape is not (positions, taps)")
    with nogil:
        for position in range(indices.shape[0]):
            for tap in range(window.shape[0]):
                indices[position, tap] = window[tap] + position * step


# --- windows as arrays ------------------------------------------------------------------------------------------------

cdef extern from *:
    """
    #define XCORR_ADD(name, of_target, of_source) \\
        static void xcorr_add_##name(void *to, const void *from, ptrdiff_t n) { \\
            of_target *restrict target = (of_target *)to; \\
            const of_source *restrict source = (const of_source *)from; \\
            for (ptrdiff_t index = 0; index < n; index++) target[index] += source[index]; \\
        }
    XCORR_ADD(floats, float, float)
    XCORR_ADD(doubles, double, double)
    XCORR_ADD(wholes, long long, long long)
    XCORR_ADD(to_doubles, double, float)
    """
    void add_floats "xcorr_add_floats"(void* target, const void* source, Py_ssize_t n) noexcept nogil
    void add_doubles "xcorr_add_doubles"(void* target, const void* source, Py_ssize_t n) noexcept nogil
    void add_wholes "xcorr_add_wholes"(void* target, const void* source, Py_ssize_t n) noexcept nogil
    void add_to_doubles "xcorr_add_to_doubles"(void* target, const void* source, Py_ssize_t n) noexcept nogil


cdef extern from "string.h" nogil:
    void* memcpy(void* target, const void* source, size_t n_bytes)
    void* memset(void* target, int byte, size_t n_bytes)


cdef enum:
    AT_ONCE = 16  # bytes that are copied by one instruction


def gather(const char[::1] strip, char[::1] out, const Py_ssize_t[::1] bases, Py_ssize_t n_columns, Py_ssize_t step,
           const Py_ssize_t[::1] rows, Py_ssize_t n_pieces, Py_ssize_t n_bytes, Py_ssize_t apart):
    """The windows of a strip of padded pixels, one behind the other in `out`; all sizes in bytes.

    Window `column` of a base begins there and column * step on. Its kernel rows begin at `rows` from its beginning, and
    each has `n_pieces` of `n_bytes`, that far `apart`.
    """
    cdef Py_ssize_t base, column, row, _, byte, n_runs = bases.shape[0] * n_columns * rows.shape[0] * n_pieces
    cdef const char* window
    cdef const char* source
    cdef char* target
    cdef const char* last_source  # up to there, and to the last target, more is copied than is asked
    cdef char* last_target
    if out.shape[0] != n_runs * n_bytes:
        raise ValueError("out: it has another length than the windows")
    if n_runs * n_bytes == 0:
        return
    target = &out[0]
    last_target = target + n_runs * n_bytes - n_bytes - AT_ONCE
    last_source = &strip[0] + strip.shape[0] - n_bytes - AT_ONCE
    with nogil:
        for base in range(bases.shape[0]):
            for column in range(n_columns):
                window = &strip[0] + bases[base] + column * step
                for row in range(rows.shape[0]):
                    source = window + rows[row]
                    for _ in range(n_pieces):
                        if target <= last_target and source <= last_source:
                            byte = 0
                            while byte < n_bytes:
                                memcpy(target + byte, source + byte, AT_ONCE)
                                byte += AT_ONCE
                        else:
                            memcpy(target, source, n_bytes)
                        target += n_bytes
                        source += apart


def scatter(str kind, const char[::1] windows, char[::1] sums, char[::1] totals, char[::1] lines,
            const Py_ssize_t[:, ::1] bases, Py_ssize_t in_window, Py_ssize_t step, const Py_ssize_t[:, ::1] rows,
            Py_ssize_t apart, Py_ssize_t in_row):
    """Adds windows to a strip of padded pixels: the adjoint of `gather`, with sizes in elements of a kind.

    The kinds are "f4", "f8" and "i8". A base is a row of windows, (place in the strip, place among the windows,
    columns, first row, end of rows); rows are pieces of a window, (place in the strip, place in the window, pieces,
    elements of each), pieces `apart`, and the longest takes `in_row` elements of a strip. The strip is of `sums`, or of
    `totals` in float64, if there are some: what a row adds to a pixel is then summed in one of the `lines` first, so
    that no chain of sums is long.
    """
    cdef Py_ssize_t base, column, row, _, length, n_pieces, n_elements, size = 4 if kind == "f4" else 8
    cdef bint in_lines = totals.shape[0] > 0
    cdef const char* source
    cdef char* target
    cdef void (*add)(void*, const void*, Py_ssize_t) noexcept nogil
    cdef void (*add_line)(void*, const void*, Py_ssize_t) noexcept nogil
    add = add_floats if kind == "f4" else add_doubles if kind == "f8" else add_wholes
    add_line = add_to_doubles if kind == "f4" else add_doubles
    with nogil:
        for base in range(bases.shape[0]):
            length = (bases[base, 2] - 1) * step + in_row
            if in_lines:
                memset(&lines[0], 0, (bases[base, 4] - bases[base, 3]) * length * size)
            for column in range(bases[base, 2]):
                for row in range(bases[base, 3], bases[base, 4]):
                    source = &windows[0] + (bases[base, 1] + column * in_window + rows[row, 1]) * size
                    if in_lines:
                        target = &lines[0] + ((row - bases[base, 3]) * length + column * step) * size
                    else:
                        target = &sums[0] + (bases[base, 0] + column * step + rows[row, 0]) * size
                    n_pieces, n_elements = rows[row, 2], rows[row, 3]
                    for _ in range(n_pieces):
                        add(target, source, n_elements)
                        target += apart * size
                        source += n_elements * size
            if in_lines:
                for row in range(bases[base, 3], bases[base, 4]):
                    n_elements = length - in_row + (rows[row, 2] - 1) * apart + rows[row, 3]
                    add_line(&totals[0] + (bases[base, 0] + rows[row, 0]) * <Py_ssize_t> sizeof(double),
                             &lines[0] + (row - bases[base, 3]) * length * size, n_elements)


# --- another order of axes --------------------------------------------------------------------------------------------

cdef extern from *:
    """
    #if defined(__SSE__)
    #include <xmmintrin.h>
    #define XCORR_SQUARES 1
    static void xcorr_turn_square(float *target, ptrdiff_t target_pitch, const float *source, ptrdiff_t source_pitch) {
        __m128 first = _mm_loadu_ps(source), second = _mm_loadu_ps(source + source_pitch);
        __m128 third = _mm_loadu_ps(source + 2 * source_pitch), fourth = _mm_loadu_ps(source + 3 * source_pitch);
        _MM_TRANSPOSE4_PS(first, second, third, fourth);
        _mm_storeu_ps(target, first);
        _mm_storeu_ps(target + target_pitch, second);
        _mm_storeu_ps(target + 2 * target_pitch, third);
        _mm_storeu_ps(target + 3 * target_pitch, fourth);
    }
    #else
    #define XCORR_SQUARES 0
    static void xcorr_turn_square(float *target, ptrdiff_t target_pitch, const float *source, ptrdiff_t source_pitch) {}
    #endif
    """
    const bint SQUARES "XCORR_SQUARES"  # whether 4x4 floats are turned around in registers
    void turn_square "xcorr_turn_square"(float* target, Py_ssize_t target_pitch, const float* source,
                                         Py_ssize_t source_pitch) noexcept nogil

ctypedef fused word:
    float
    double

cdef enum:
    MOST_AXES = 8
    ROWS = 16  # of a block: a cache line of floats where they lie next to each other

# An axis of two arrays: its length, and the elements from one to the next in either.
cdef struct Pair:
    Py_ssize_t length, to, of


cdef void turn_plane(word* target, const word* source, const Pair* rows, const Pair* columns) noexcept nogil:
    """target[row, column] = source[row, column]; rows are nearest in the target: 16 of them for all columns."""
    cdef Py_ssize_t first = 0, end, row, column
    cdef bint together = rows.to == 1 and columns.of == 1
    if rows.to == 1 and rows.of == 1:
        for column in range(columns.length):
            memcpy(target + column * columns.to, source + column * columns.of, rows.length * sizeof(word))
        return
    while first < rows.length:
        end = min(first + ROWS, rows.length) if columns.length > 1 else rows.length
        column = 0
        if word is float:
            while SQUARES and together and column + 4 <= columns.length:
                row = first
                while row + 4 <= end:
                    turn_square(target + row + column * columns.to, columns.to,
                                source + row * rows.of + column, rows.of)
                    row += 4
                turn_rest(target, source, rows, columns, row, end, column, column + 4)
                column += 4
        turn_rest(target, source, rows, columns, first, end, column, columns.length)
        first = end


cdef inline void turn_rest(word* target, const word* source, const Pair* rows, const Pair* columns, Py_ssize_t first,
                           Py_ssize_t end, Py_ssize_t first_column, Py_ssize_t end_column) noexcept nogil:
    cdef Py_ssize_t row, column
    for column in range(first_column, end_column):
        for row in range(first, end):
            target[column * columns.to + row * rows.to] = source[column * columns.of + row * rows.of]


cdef void turn_all(word* target, const word* source, const Pair* axes, Py_ssize_t n_axes) noexcept nogil:
    """Planes of the first two axes, one after the other."""
    cdef Py_ssize_t[MOST_AXES] places
    cdef Py_ssize_t axis
    for axis in range(n_axes):
        places[axis] = 0
    while True:
        turn_plane(target, source, &axes[0], &axes[1])
        axis = 2
        while axis < n_axes:
            target += axes[axis].to
            source += axes[axis].of
            places[axis] += 1
            if places[axis] < axes[axis].length:
                break
            target -= axes[axis].to * axes[axis].length
            source -= axes[axis].of * axes[axis].length
            places[axis] = 0
            axis += 1
        if axis >= n_axes:
            return


cdef Py_ssize_t order_axes(Pair* axes, Py_ssize_t n_axes) noexcept:
    """Nearest in the target first, behind it the nearest in the source, and those that are one in both as one."""
    cdef Py_ssize_t axis, other, n_kept = 0
    for axis in range(1, n_axes):
        other = axis
        while other > 0 and abs(axes[other].to) < abs(axes[other - 1].to):
            axes[other], axes[other - 1] = axes[other - 1], axes[other]
            other -= 1
    for axis in range(1, n_axes):
        if (axes[axis].to == axes[n_kept].to * axes[n_kept].length
                and axes[axis].of == axes[n_kept].of * axes[n_kept].length):
            axes[n_kept].length *= axes[axis].length
        else:
            n_kept += 1
            axes[n_kept] = axes[axis]
    n_axes = n_kept + 1
    other = 1
    for axis in range(2, n_axes):
        if abs(axes[axis].of) < abs(axes[other].of):
            other = axis
    while other > 1:
        axes[other], axes[other - 1] = axes[other - 1], axes[other]
        other -= 1
    return n_axes


def turn(cnp.ndarray target, cnp.ndarray source):
    """target[...] = source, of one shape and one type of 4 or 8 bytes, in whatever order their axes lie."""
    cdef Pair[MOST_AXES] axes
    cdef Py_ssize_t axis, n_axes = 0, size = cnp.PyArray_ITEMSIZE(target)
    cdef char* to = cnp.PyArray_BYTES(target)
    cdef const char* of = cnp.PyArray_BYTES(source)
    if (target.ndim > MOST_AXES or target.ndim != source.ndim or size not in (4, 8)
            or cnp.PyArray_TYPE(target) != cnp.PyArray_TYPE(source) or not cnp.PyArray_ISWRITEABLE(target)
            or not cnp.PyArray_ISALIGNED(target) or not cnp.PyArray_ISALIGNED(source)
            or cnp.PyArray_ISBYTESWAPPED(target) or cnp.PyArray_ISBYTESWAPPED(source)):
        raise ValueError("target: the two are not of one type of 4 or 8 bytes")
    for axis in range(target.ndim):
        if target.shape[axis] != source.shape[axis] or target.strides[axis] % size or source.strides[axis] % size:
            raise ValueError("target: the two are not of one shape, in whole elements")
        if target.shape[axis] == 0:
            return
        if target.shape[axis] > 1:
            axes[n_axes].length = target.shape[axis]
            axes[n_axes].to, axes[n_axes].of = target.strides[axis] // size, source.strides[axis] // size
            n_axes += 1
    if n_axes > 0:
        n_axes = order_axes(axes, n_axes)
    while n_axes < 2:
        axes[n_axes].length, axes[n_axes].to, axes[n_axes].of = 1, 1, 1
        n_axes += 1
    with nogil:
        if size == 4:
            turn_all(<float*> to, <const float*> of, axes, n_axes)
        else:
            turn_all(<double*> to, <const double*> of, axes, n_axes)
