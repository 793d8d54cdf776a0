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


def correlation_indices(Py_ssize_t step, const Py_ssize_t[::1] window, Py_ssize_t[:, ::1] indices):
    """indices[position, tap] = window[tap] + position * step: a row of windows, `step` elements apart."""
    cdef Py_ssize_t position, tap
    if indices.shape[1] != window.shape[0]:
        raise ValueError("indices: the shape is not (positions, taps)")
    with nogil:
        for position in range(indices.shape[0]):
            for tap in range(window.shape[0]):
                indices[position, tap] = window[tap] + position * step
