# Products of windows with the kernels of a bank, in pieces that stay in a cache and between which signals are answered.

from libc.math cimport sqrt
from microkernels cimport Product, Routines
from types cimport ceiling

cdef Py_ssize_t MOST_TAPS = 4096  # of a sum that are added at once: a few windows of them stay in the first cache
cdef double TAPS_PER_ROOT = 1.5   # and for each lane and root of the taps: as many roundings has a lane's sum
cdef Py_ssize_t FEW_WINDOWS = 16, FEW_KERNELS = 16  # so few stay in a cache while those are read from end to end
cdef Py_ssize_t PRODUCT_MULTIPLY_ADDS = 1 << 24  # between two looks for a signal


cdef Py_ssize_t taps_of_product_at_once(Py_ssize_t n_taps, Py_ssize_t lanes) noexcept nogil:
    """Taps of nearly equal pieces, whole vectors; they follow from the number of taps and the level alone."""
    cdef Py_ssize_t most = min(MOST_TAPS, lanes * max(1, <Py_ssize_t> (TAPS_PER_ROOT * sqrt(n_taps))))
    return ceiling(ceiling(n_taps, ceiling(n_taps, most)), lanes) * lanes


def multiply(table, str summed, cnp.ndarray windows, cnp.ndarray kernels, cnp.ndarray bias, cnp.ndarray responses):
    """responses = bias + windows @ kernels.T, with the same bits for a window and a kernel wherever they stand.

    Parameters
    ----------
    table : capsule of the level.
    summed : type of all arrays.
    windows : (windows, taps), the taps next to each other.
    kernels : (kernels, taps), the taps next to each other.
    bias : (kernels,), next to each other.
    responses : (windows, kernels), of any strides.
    """
    cdef const Routines* routines = routines_of(table, summed)
    cdef Py_ssize_t size = routines.item_bytes, n_taps = windows.shape[1], n_kernels = kernels.shape[0]
    cdef Py_ssize_t kernel, kernels_at_once
    cdef const char* pixels = cnp.PyArray_BYTES(windows)
    cdef const char* taps = cnp.PyArray_BYTES(kernels)
    cdef const char* first = cnp.PyArray_BYTES(bias)
    cdef char* target = cnp.PyArray_BYTES(responses)
    cdef Product product
    for array, name in ((windows, "windows"), (kernels, "kernels"), (bias, "bias"), (responses, "responses")):
        if cnp.PyArray_TYPE(array) != (<cnp.dtype> cnp.dtype(summed)).num or not cnp.PyArray_ISALIGNED(array) or (
                cnp.PyArray_ISBYTESWAPPED(array)) or (
                array is not responses and array.shape[array.ndim - 1] > 1 and array.strides[array.ndim - 1] != size):
            raise ValueError(f"{name}: they are not {summed} next to each other")
    if (windows.ndim != 2 or kernels.ndim != 2 or bias.ndim != 1 or responses.ndim != 2 or kernels.shape[1] != n_taps
            or bias.shape[0] != n_kernels or responses.shape[0] != windows.shape[0]
            or responses.shape[1] != n_kernels or not cnp.PyArray_ISWRITEABLE(responses)):
        raise ValueError("responses: they are not of these windows and kernels")
    product.n_windows = windows.shape[0]
    product.window_pitch, product.kernel_pitch = windows.strides[0] // size, kernels.strides[0] // size
    product.row_pitch, product.column_pitch = responses.strides[0] // size, responses.strides[1] // size
    kernels_at_once = 4 * max(1, PRODUCT_MULTIPLY_ADDS // max(1, product.n_windows * n_taps) // 4)
    for kernel in range(0, n_kernels, kernels_at_once):
        with nogil:
            multiply_some(routines, &product, pixels, taps + kernel * product.kernel_pitch * size,
                          first + kernel * size, target + kernel * product.column_pitch * size,
                          min(kernels_at_once, n_kernels - kernel), n_taps)
        PyErr_CheckSignals()


cdef void multiply_some(const Routines* routines, Product* product, const char* windows, const char* kernels,
                        const char* bias, char* responses, Py_ssize_t n_kernels, Py_ssize_t n_taps) noexcept nogil:
    """Products of all windows and some kernels; where windows are few, a few kernels after the other."""
    cdef Py_ssize_t at_once = taps_of_product_at_once(n_taps, routines.lanes), size = routines.item_bytes
    cdef Py_ssize_t few = FEW_KERNELS if product.n_windows <= FEW_WINDOWS else n_kernels, kernel = 0, tap
    while kernel < n_kernels:
        product.n_kernels = min(few, n_kernels - kernel)
        tap = 0
        while tap < n_taps:
            product.n_taps = min(at_once, n_taps - tap)
            routines.multiply(product, windows + tap * size, kernels + (kernel * product.kernel_pitch + tap) * size,
                              bias + kernel * size if tap == 0 else NULL,
                              responses + kernel * product.column_pitch * size)
            tap += at_once
        kernel += few
