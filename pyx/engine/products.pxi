# Products of windows with the kernels of a bank, in pieces that stay in a cache and between which signals are answered.

from atomics cimport read_flag, write_flag
from libc.math cimport sqrt
from microkernels cimport Product, Routines
from types cimport CANCELLED, DONE, Geometry, Loops, ceiling

cdef Py_ssize_t MOST_TAPS = 4096  # of a sum that are added at once: a few windows of them stay in the first cache
cdef double TAPS_PER_ROOT = 1.5   # and for each lane and root of the taps: as many roundings has a lane's sum
cdef Py_ssize_t FEW_WINDOWS = 16, FEW_KERNELS = 16  # so few stay in a cache while those are read from end to end
cdef Py_ssize_t PRODUCT_MULTIPLY_ADDS = 1 << 24  # between two looks for a signal
cdef Py_ssize_t LOOKED_AT_MULTIPLY_ADDS = 1 << 20, TAPS_BYTES = cache_bytes(1)  # with taps that are looked at
cdef Py_ssize_t WINDOWS_BYTES = 1 << 19  # of a task, at most: they stay in the second-level cache while kernels pass by
# multiply-adds of a task: far more than a claim takes, and not more than milliseconds of them
cdef Py_ssize_t LEAST_OF_PRODUCT = 1 << 18, MOST_OF_PRODUCT = 1 << 26


cdef Py_ssize_t taps_of_product_at_once(Py_ssize_t n_taps, Py_ssize_t lanes) noexcept nogil:
    """Taps of nearly equal pieces, whole vectors; they follow from the number of taps and the level alone."""
    cdef Py_ssize_t most = min(MOST_TAPS, lanes * max(1, <Py_ssize_t> (TAPS_PER_ROOT * sqrt(n_taps))))
    return ceiling(ceiling(n_taps, ceiling(n_taps, most)), lanes) * lanes


cdef Py_ssize_t kernels_between_signals(const Product* product) noexcept nogil:
    """Kernels that are multiplied with all windows before it is looked for a signal."""
    return 4 * max(1, PRODUCT_MULTIPLY_ADDS // max(1, product.n_windows * product.n_taps) // 4)


cdef int do_product(Loops* loops, Py_ssize_t task, char* workspace, Py_ssize_t* counted,
                    bint watch_signals) noexcept nogil:
    """Some kernels with some windows; windows change first."""
    cdef Product product = loops.product
    cdef Py_ssize_t n_blocks = ceiling(product.n_windows, loops.windows_at_once), size = loops.item_bytes
    cdef Py_ssize_t window = task % n_blocks * loops.windows_at_once, kernel = task // n_blocks * loops.kernels_at_once
    cdef Py_ssize_t end = min(kernel + loops.kernels_at_once, product.n_kernels), at_once, some
    cdef int status
    product.n_windows = min(loops.windows_at_once, product.n_windows - window)
    at_once = kernels_between_signals(&product)
    if loops.looks:  # kernels are in a cache, and few are multiplied before a subnormal tap is found
        some = min(LOOKED_AT_MULTIPLY_ADDS // product.n_windows, TAPS_BYTES // size) // product.n_taps
        at_once = min(at_once, 8 * max(1, some // 8))
    while kernel < end:
        some = min(at_once, end - kernel)
        multiply_some(loops.routines, &product, loops.source.images + window * product.window_pitch * size,
                      loops.packed + kernel * product.kernel_pitch * size, loops.bias + kernel * size,
                      loops.consumer.out + (window * product.row_pitch + kernel * product.column_pitch) * size, some,
                      loops.product.n_taps)
        if (loops.looks and window == 0
                and loops.routines.any_subnormal(loops.packed + kernel * product.kernel_pitch * size,
                                                 some * product.kernel_pitch)):
            write_flag(&loops.has_faint, 1)
            write_flag(&loops.cancelled, 1)
            return CANCELLED
        kernel += some
        counted[0] += product.n_windows * some * loops.product.n_taps
        status = looked_for_signals(loops, counted, watch_signals)
        if status != DONE:
            return status
    return DONE


cdef class Products(Call):
    """Windows that are whole images each, or pixels of images in C order, with the rows of taps that a bank is.

    Responses of windows that are pixels are in C order, too.
    """

    cdef lay_out(self, Py_ssize_t n_workers, Py_ssize_t workspace_limit, list areas):
        cdef Loops* loops = &self.loops
        cdef Product* product = &loops.product
        cdef const Geometry* geometry = &self.engine.geometry
        cdef Py_ssize_t size = self.engine.routines.item_bytes
        cdef Py_ssize_t of_image = geometry.down.outputs * geometry.across.outputs
        if not (self.images_as_summed and self.out_as_summed and geometry.groups == 1):
            raise ValueError("images: products are of windows in the summed type, without groups")
        loops.routines, loops.item_bytes, loops.geometry = self.engine.routines, size, geometry
        loops.do_task = do_product
        loops.direct_store = loops.in_place = self.fits = True
        loops.strip_rows = loops.tasks_per_claim = 1
        product.n_windows, product.n_kernels = loops.n_images * of_image, geometry.n_kernels
        product.n_taps = product.kernel_pitch = self.engine.n_taps
        product.window_pitch = loops.source.image_bytes // size if of_image == 1 else product.n_taps
        product.row_pitch = loops.consumer.response_bytes // size if of_image == 1 else product.n_kernels
        product.column_pitch = self.out_kernel_bytes // size
        self.deal_products(n_workers)

    def look_at_taps(self):
        """Look for subnormal taps in passing: of each kernel when its windows have just been multiplied with it."""
        self.loops.looks = True

    @property
    def has_faint(self):
        """Whether a subnormal tap was found, and responses are missing."""
        return read_flag(&self.loops.has_faint) != 0

    cdef deal_products(self, Py_ssize_t n_workers):
        """Tasks of some windows and some kernels each, that neither the windows nor the kernels are read anew for."""
        cdef Loops* loops = &self.loops
        cdef const Product* product = &loops.product
        cdef Py_ssize_t multiply_adds = product.n_windows * product.n_taps * product.n_kernels
        cdef Py_ssize_t n_tasks = max(tasks_for(n_workers), multiply_adds // MOST_OF_PRODUCT), n_blocks, n_parts
        loops.windows_at_once = max(FEW_WINDOWS, WINDOWS_BYTES // (min(product.n_taps, MOST_TAPS) * loops.item_bytes))
        n_blocks = ceiling(product.n_windows, loops.windows_at_once)
        n_parts = max(1, min(n_tasks, multiply_adds // LEAST_OF_PRODUCT) // n_blocks)
        loops.kernels_at_once = ceiling(ceiling(product.n_kernels, n_parts), 4) * 4
        loops.n_tasks = n_blocks * ceiling(product.n_kernels, loops.kernels_at_once)

    cdef Py_ssize_t elements_of(self, Py_ssize_t rows):
        return 0


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
    product.n_taps = n_taps
    kernels_at_once = kernels_between_signals(&product)
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
