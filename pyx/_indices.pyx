"""The primitives of the notebook that this began as: flat indices of windows, in typed loops."""

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


def correlation_indices(Py_ssize_t image_width, Py_ssize_t depth, tuple stride, tuple positions,
                        const Py_ssize_t[::1] window, Py_ssize_t[:, ::1] indices):
    """indices[position, tap] = flat position of the tap under the window at that position, row by row."""
    cdef Py_ssize_t rows = positions[0], columns = positions[1], row_stride = stride[0], column_stride = stride[1]
    cdef Py_ssize_t row, column, tap, origin, position = 0
    if indices.shape[0] != rows * columns or indices.shape[1] != window.shape[0]:
        raise ValueError("indices: the shape is not (positions, taps)")
    with nogil:
        for row in range(rows):
            for column in range(columns):
                origin = (row * row_stride * image_width + column * column_stride) * depth
                for tap in range(window.shape[0]):
                    indices[position, tap] = origin + window[tap]
                position += 1
