"""The primitives of the notebook that this began as, in typed loops: indices of windows, and windows as arrays."""


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
