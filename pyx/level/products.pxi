# Products of windows with kernels as the caller holds them: lanes over taps. A tile has as many sums as a vector has
# lanes, so that their lanes are added up by exchanges in registers; nothing is packed.

from microkernels cimport Product, real
from simd cimport copy_part, prefetch, f32v_zip_high, f32v_zip_low, f64v_zip_high, f64v_zip_low
from vectors cimport broadcast, multiply_add, n_lanes, vector

cdef enum:
    AHEAD = 256  # taps that are fetched before they are read


cdef inline void halve(vector* sums, Py_ssize_t half, vector like) noexcept nogil:
    """Half as many vectors, each with the halves of two of them added up."""
    cdef Py_ssize_t index
    for index in range(half):
        if vector is f32v:
            sums[index] = f32v_zip_low(sums[index], sums[index + half]) + f32v_zip_high(sums[index], sums[index + half])
        else:
            sums[index] = f64v_zip_low(sums[index], sums[index + half]) + f64v_zip_high(sums[index], sums[index + half])


cdef inline void add_lanes(vector* sums, vector like) noexcept nogil:
    """Lane i of the first vector = the sum of the lanes of vector i, each by the same tree."""
    if n_lanes(like) >= 16:
        halve(sums, 8, like)
    if n_lanes(like) >= 8:
        halve(sums, 4, like)
    if n_lanes(like) >= 4:
        halve(sums, 2, like)
    if n_lanes(like) >= 2:
        halve(sums, 1, like)


cdef inline void add_products(const real** windows, const real** kernels, Py_ssize_t tap, Py_ssize_t n_bytes,
                              vector* sums, Py_ssize_t height, Py_ssize_t width, vector like) noexcept nogil:
    """One vector of taps, or what is left of them: zeros beyond add nothing."""
    cdef vector[4] pixels
    cdef vector taps
    cdef Py_ssize_t window, kernel
    for window in range(height):
        pixels[window] = broadcast(<real> 0, like)
        copy_part(&pixels[window], windows[window] + tap, n_bytes)
    for kernel in range(width):
        taps = broadcast(<real> 0, like)
        copy_part(&taps, kernels[kernel] + tap, n_bytes)
        for window in range(height):
            sums[window * width + kernel] = multiply_add(pixels[window], taps, sums[window * width + kernel])


cdef inline void sum_tile(const real** windows, const real** kernels, Py_ssize_t n_taps, vector* sums,
                          Py_ssize_t height, Py_ssize_t width, vector like) noexcept nogil:
    """sums[window * width + kernel] = the products of a tile, a lane for each tap of a vector."""
    cdef vector[4] pixels
    cdef vector taps
    cdef Py_ssize_t window, kernel, tap = 0
    cdef Py_ssize_t lanes = n_lanes(like)
    for window in range(lanes):
        sums[window] = broadcast(<real> 0, like)
    while tap + lanes <= n_taps:
        for window in range(height):
            pixels[window] = (<const vector*> (windows[window] + tap))[0]
        for kernel in range(width):
            prefetch(kernels[kernel] + tap + AHEAD)
            taps = (<const vector*> (kernels[kernel] + tap))[0]
            for window in range(height):
                sums[window * width + kernel] = multiply_add(pixels[window], taps, sums[window * width + kernel])
        tap += lanes
    if tap < n_taps:
        add_products(windows, kernels, tap, (n_taps - tap) * <Py_ssize_t> sizeof(real), sums, height, width, like)


cdef inline void multiply_tiles(const Product* product, const real* windows, const real* kernels, const real* bias,
                                real* responses, Py_ssize_t height, Py_ssize_t width, vector like) noexcept nogil:
    """Tile by tile, a few kernels with all windows before the next ones; what tiles have too much is not stored."""
    cdef vector[16] sums
    cdef const real* own_windows[4]
    cdef const real* own_kernels[8]
    cdef real[16] totals
    cdef Py_ssize_t first_kernel = 0, first_window, window, kernel
    cdef real* place
    while first_kernel < product.n_kernels:
        for kernel in range(width):
            own_kernels[kernel] = kernels + min(first_kernel + kernel, product.n_kernels - 1) * product.kernel_pitch
        first_window = 0
        while first_window < product.n_windows:
            for window in range(height):
                own_windows[window] = windows + min(first_window + window,
                                                    product.n_windows - 1) * product.window_pitch
            sum_tile(own_windows, own_kernels, product.n_taps, sums, height, width, like)
            add_lanes(sums, like)
            (<vector*> totals)[0] = sums[0]
            for window in range(min(height, product.n_windows - first_window)):
                for kernel in range(min(width, product.n_kernels - first_kernel)):
                    place = (responses + (first_window + window) * product.row_pitch
                             + (first_kernel + kernel) * product.column_pitch)
                    place[0] = (place[0] if bias == NULL else bias[first_kernel + kernel]) + totals[
                        window * width + kernel]
            first_window += height
        first_kernel += width


cdef void multiply(const Product* product, const real* windows, const real* kernels, const real* bias, real* responses,
                   vector like) noexcept nogil:
    """Tiles of four kernels, and of as many windows as give a sum for each lane, or eight kernels and one window.

    One window is as fast as its kernels are read, and eight streams are faster than four: of 1000 to 4000 kernels of
    2048 to 9000 taps 1.1 to 1.3 times, of fewer as fast. Of fetching 128 to 1024 taps ahead 256 is the best, none takes
    up to 1.4 times as long; the next kernels instead of what lies behind the last taps gain nothing. 2026-11-27, AMD
    EPYC (Zen 5), level v4, 1 and 2 workers, both builds in turns.
    """
    if n_lanes(like) >= 16 and product.n_windows > 1:
        multiply_tiles(product, windows, kernels, bias, responses, 4, 4, like)
    elif n_lanes(like) >= 8 and product.n_windows > 1:
        multiply_tiles(product, windows, kernels, bias, responses, 2, 4, like)
    elif n_lanes(like) >= 8:
        multiply_tiles(product, windows, kernels, bias, responses, 1, 8, like)
    else:
        multiply_tiles(product, windows, kernels, bias, responses, 1, 4 if n_lanes(like) >= 4 else n_lanes(like), like)


cdef void multiply_f32(const Product* product, const void* windows, const void* kernels, const void* bias,
                       void* responses) noexcept nogil:
    multiply(product, <const float*> windows, <const float*> kernels, <const float*> bias, <float*> responses,
             f32v_broadcast(0))


cdef void multiply_f64(const Product* product, const void* windows, const void* kernels, const void* bias,
                       void* responses) noexcept nogil:
    multiply(product, <const double*> windows, <const double*> kernels, <const double*> bias, <double*> responses,
             f64v_broadcast(0))
