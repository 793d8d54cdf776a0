# Small planes, plane by plane: down all rows of one or two vectors of columns, with kernels of 3x3, 5x5 and 7x7.
#
# Each row of pixels feeds all windows that it is a kernel row of, whose sums move on by one kernel row with it. So
# there is one vector for each kernel row and vector of columns, and not one for the sum and one for the total of each
# row of a tile; taps are loaded once for both vectors. Planes are laid between their padding first, if they have any,
# as loads of some lanes alone take three times as long; with strides of 2 even and odd columns are laid apart.
#
# Where registers are few, float32 takes of the time of tiles (over_planes.pxi): 3x3 on 14x14 0.57, on 28x28 0.77, 5x5
# on 14x14 0.57, on 28x28 0.71; with strides of 2 on 28x28 0.67 and 0.52. Wider planes lose, as responses are stored to
# as many places at once as they have rows: 56x56 1.0, 112x112 1.1 to 1.3; rows shorter than a vector, too (1.1 to 2.4
# beside turned_planes.pxi). Kernels of 7x7, which were turned into a strip, take 0.48 to 0.52 on 7x7 to 56x56
# (2026-11-30, AMD EPYC (Zen 3), level v3, 1 worker, both builds in turn). All is written out row by row, so that
# float64 has 7x7 alone, and one function for planes and for channels that lie together (down_channels.pxi).

from libc.string cimport memcmp

from microkernels cimport PADDING, Pixels, Rows, Sum, real
from simd cimport REGISTERS, lines_of_vectors, opaque
from vectors cimport broadcast, in_register, n_lanes, vector

cdef enum:
    MOST_SIZE = 7              # of a kernel
    MOST_VECTORS = 2           # of columns
    LAID_LINES = 23            # of vectors, for a plane between its padding
    LAID_BYTES = 20 * 1024     # of that at most: first caches have 32 KiB, and lines of the response beside it
    SMALL_BYTES = 9 * 1024     # of it where kernels are 3x3 or 5x5


cdef struct Laid:              # a plane between its padding, or where it lies in the image
    bint in_place
    Py_ssize_t n_rows
    Py_ssize_t pitch           # elements from a row to the next
    Py_ssize_t half            # from a row's even columns to its odd ones, with a stride of 2
    Py_ssize_t first, width    # padded columns that the image has


cdef struct Down:              # windows of all rows, of one or two vectors of columns
    Py_ssize_t n_rows
    Py_ssize_t pitch           # of the pixels' rows, in elements
    Py_ssize_t step            # from a tap of a kernel row to the next; with a stride of 2 to the next but one,
    Py_ssize_t half            # and so far to the odd ones
    Py_ssize_t apart           # from the first vector of columns to the second, of pixels and of responses
    Py_ssize_t row_pitch       # of the response
    Py_ssize_t n_stored        # lanes of a single vector


cdef inline Py_ssize_t rows_of_block(Py_ssize_t size) noexcept nogil:
    """Kernel rows in a block of the sum: all of 3x3, two of 5x5, one of 7x7."""
    return 3 if size == 3 else 2 if size == 5 else 1


cdef inline Py_ssize_t most_laid_bytes() noexcept nogil:
    return min(LAID_BYTES, LAID_LINES * <Py_ssize_t> sizeof(lines_of_vectors))


cdef inline Py_ssize_t least_down(Py_ssize_t size, Py_ssize_t stride) noexcept nogil:
    """Rows of windows from which on a row of pixels is above all last kernel rows, below all first ones, or neither."""
    return size - 1 if stride == 1 else (size + 1) // 2


cdef inline void lay_out_plane(const Rows* rows, const Pixels* pixels, Laid* laid, Py_ssize_t size,
                               Py_ssize_t lanes) noexcept nogil:
    """Find where a plane's pixels will lie, in rows that go on to the end of a vector (`Pixels` says how far)."""
    cdef Py_ssize_t stride = pixels.column_stride, step = pixels.column_stride * lanes, of_half, row
    cdef Py_ssize_t reached = (rows.n_columns - 1) * stride + size
    laid.first = min(max(0, pixels.first_inside), reached)
    laid.width = max(0, min(pixels.end_inside, reached) - laid.first)
    laid.n_rows = (rows.n_rows - 1) * stride + size
    of_half = max(max(rows.n_columns, lanes) + (size - 1) // stride,  # as far as vectors are read, and laid
                  (laid.first + stride - 1) // stride + (laid.width + step - 1) // step * lanes)
    laid.half = (of_half + lanes - 1) // lanes * lanes
    laid.pitch = laid.half * stride
    laid.in_place = (stride == 1 and pixels.first_inside <= 0 and pixels.end_inside >= reached
                     and rows.n_columns >= lanes)
    row = 0
    while laid.in_place and row < laid.n_rows:
        laid.in_place = pixels.rows[row] != PADDING and (
            row == 0 or pixels.rows[row] - pixels.rows[row - 1] == pixels.rows[1] - pixels.rows[0])
        row += 1
    if laid.in_place:
        laid.pitch = pixels.rows[1] - pixels.rows[0]


cdef inline bint goes_down(const Sum* sum, const Rows* rows, const Pixels* pixels, Laid* laid,
                           Py_ssize_t element_bytes, Py_ssize_t lanes) noexcept nogil:
    """Whether planes go down their columns, which are laid out then.

    Those of 7x7 always do; of other sizes they are of float32, and small.
    """
    cdef Py_ssize_t size = sum.run, stride = pixels.column_stride
    if size < 7 and (element_bytes > 4 or REGISTERS == 32 or pixels.row_stride != stride or pixels.row_dilation > 1
                     or rows.n_columns < lanes or rows.n_rows < least_down(size, stride)):
        return False
    lay_out_plane(rows, pixels, laid, size, lanes)
    return (size == 7
            or laid.n_rows * laid.half * stride * element_bytes <= min(SMALL_BYTES, most_laid_bytes()))


cdef inline void lay_fill(const Laid* laid, real* memory, vector fill) noexcept nogil:
    """The padding's number in all of a plane, as its pixels are laid over it."""
    cdef Py_ssize_t part
    for part in range(laid.n_rows * laid.pitch // n_lanes(fill)):
        (<vector*> (memory + part * n_lanes(fill)))[0] = fill


cdef inline void lay_pixels(const real* source, real* target, Py_ssize_t second, Py_ssize_t stride,
                            Py_ssize_t n_pixels, vector fill) noexcept nogil:
    """A vector of pixels, or two, each second one `second` elements from the first; `fill` behind so many of them."""
    cdef Py_ssize_t lanes = n_lanes(fill)
    cdef vector low, high = fill
    if n_pixels == stride * lanes:
        low = (<const vector*> source)[0]
        if stride == 2:
            high = (<const vector*> (source + lanes))[0]
    else:
        low = inside(source, lanes_between(0, n_pixels, lanes, fill), fill)
        if stride == 2:
            high = inside(source + lanes, lanes_between(0, n_pixels - lanes, lanes, fill), fill)
    if stride == 2:
        (<vector*> target)[0], (<vector*> (target + second))[0] = evens(low, high), odds(low, high)
    else:  # no call that copies a few bytes
        (<vector*> target)[0] = in_register(low)


cdef inline void lay_row(const real* source, Py_ssize_t width, real* target, Py_ssize_t second, Py_ssize_t stride,
                         vector fill) noexcept nogil:
    """A row's pixels; the last vectors may lie over those before, or go on into the padding."""
    cdef Py_ssize_t x = 0, step = stride * n_lanes(fill)
    while x + step <= width:
        lay_pixels(source + x, target + x // stride, second, stride, step, fill)
        x += step
    if x < width and step <= width and width % stride == 0:
        x = width - step
        lay_pixels(source + x, target + x // stride, second, stride, step, fill)
    elif x < width:
        lay_pixels(source + x, target + x // stride, second, stride, width - x, fill)


cdef inline void lay_plane(const Laid* laid, const Pixels* pixels, const real* plane, real* memory,
                           Py_ssize_t stride, vector fill) noexcept nogil:
    """A plane's pixels between the padding; the first one is in an odd column if there are as many before it."""
    cdef Py_ssize_t row, second = laid.half
    cdef real* target = memory + laid.first // stride
    if laid.first % stride != 0:
        target, second = target + laid.half, 1 - laid.half
    plane += laid.first - pixels.first_inside
    for row in range(laid.n_rows):
        if pixels.rows[row] != PADDING:
            lay_row(plane + pixels.rows[row], laid.width, target, second, stride, fill)
        target += laid.pitch


cdef inline void add_pixels(const Down* down, const real* row, const vector* taps, vector* sums, Py_ssize_t size,
                            Py_ssize_t stride, Py_ssize_t first, Py_ssize_t end,
                            Py_ssize_t n_vectors) noexcept nogil:
    """A row of pixels as each `stride`-th kernel row of [first, end)."""
    cdef Py_ssize_t tap, part, kernel_row, place, block = rows_of_block(size)
    cdef vector[MOST_VECTORS] columns
    cdef vector own
    for tap in range(size):
        for part in range(n_vectors):
            columns[part] = (<const vector*> (row + part * down.apart + tap // stride * down.step
                                              + tap % stride * down.half))[0]
            if size > 3:
                columns[part] = in_register(columns[part])
        for kernel_row in range(first, end):
            if (kernel_row - first) % stride != 0:
                continue
            own = taps[kernel_row * size + tap]
            if size > 3 and n_vectors > 1:
                own = in_register(own)
            for part in range(n_vectors):
                place = kernel_row * n_vectors + part
                if tap == 0 and kernel_row % block == 0:  # rounded, or compilers choose the product that they fuse
                    sums[place] = in_register(columns[part] * own)
                else:
                    sums[place] = sums[place] + columns[part] * own
                if size > 3:  # in the order of the taps, or compilers add up one sum after the other
                    sums[place] = in_register(sums[place])


cdef inline void move_on(vector* sums, vector* totals, vector bias, Py_ssize_t size, Py_ssize_t stride,
                         Py_ssize_t first, Py_ssize_t end, Py_ssize_t n_vectors) noexcept nogil:
    """Sums and totals of these kernel rows go on to the next ones; those behind the last one are finished."""
    cdef Py_ssize_t kernel_row, part, place, block = rows_of_block(size)
    cdef vector total
    for kernel_row in range(end - 1, first - 1, -1):
        if (kernel_row - first) % stride != 0:
            continue
        for part in range(n_vectors):
            place = kernel_row * n_vectors + part
            if kernel_row == size - 1 or kernel_row % block == block - 1:
                total = bias if kernel_row < block else totals[place]
                totals[place + n_vectors] = total + sums[place]
            else:
                sums[place + n_vectors] = sums[place]
                if kernel_row >= block:
                    totals[place + n_vectors] = totals[place]


cdef inline void store_columns(const Down* down, const vector* finished, real* response,
                               Py_ssize_t n_vectors) noexcept nogil:
    cdef Py_ssize_t part
    if n_vectors == 1 and down.n_stored < n_lanes(finished[0]):
        store_first(response, finished[0], down.n_stored)
        return
    for part in range(n_vectors):
        (<vector*> (response + part * down.apart))[0] = finished[part]


cdef inline const vector* add_row(const Down* down, const real* pixels, const vector* taps, vector* sums,
                                  vector* totals, vector bias, Py_ssize_t size, Py_ssize_t stride, Py_ssize_t first,
                                  Py_ssize_t end, Py_ssize_t n_vectors) noexcept nogil:
    """A row of pixels as these kernel rows. Gives the taps for the next row.

    Where taps do not fit the registers, they are not kept in other memory either: to the compiler they are new ones.
    """
    add_pixels(down, pixels, taps, sums, size, stride, first, end, n_vectors)
    move_on(sums, totals, bias, size, stride, first, end, n_vectors)
    return taps if size == 3 else <const vector*> opaque(taps)


cdef inline const vector* row_above(const Down* down, const real* pixels, const vector* taps, vector* sums,
                                    vector* totals, vector bias, Py_ssize_t size, Py_ssize_t stride, Py_ssize_t row,
                                    Py_ssize_t n_vectors) noexcept nogil:
    """A row of pixels above the last kernel row of the first window, if it is one."""
    if row >= size - 1:
        return taps
    return add_row(down, pixels + row * down.pitch, taps, sums, totals, bias, size, stride, row % stride, row + 1,
                   n_vectors)


cdef inline const vector* row_below(const Down* down, const real* pixels, const vector* taps, vector* sums,
                                    vector* totals, vector bias, real* response, Py_ssize_t size, Py_ssize_t stride,
                                    Py_ssize_t row, Py_ssize_t n_vectors) noexcept nogil:
    """The row of pixels that is so many below the first kernel row of the last window, if it is one of its own."""
    if row >= size:
        return taps
    taps = add_row(down, pixels + (row - 1) * down.pitch, taps, sums, totals, bias, size, stride, row, size, n_vectors)
    if (size - 1 - row) % stride == 0:
        store_columns(down, totals + size * n_vectors, response + (row - 1) // stride * down.row_pitch, n_vectors)
    return taps


cdef inline void down_columns(const Down* down, const real* pixels, const vector* taps, vector bias, real* response,
                              Py_ssize_t size, Py_ssize_t stride, Py_ssize_t n_vectors) noexcept nogil:
    """Windows of all rows, `least_down` at least."""
    cdef vector[MOST_VECTORS * (MOST_SIZE + 1)] sums, totals  # by kernel row
    cdef Py_ssize_t row, n_whole = down.n_rows - (size - 1) // stride
    # row by row, as compilers do not unroll a loop of so much
    taps = row_above(down, pixels, taps, sums, totals, bias, size, stride, 0, n_vectors)
    taps = row_above(down, pixels, taps, sums, totals, bias, size, stride, 1, n_vectors)
    taps = row_above(down, pixels, taps, sums, totals, bias, size, stride, 2, n_vectors)
    taps = row_above(down, pixels, taps, sums, totals, bias, size, stride, 3, n_vectors)
    taps = row_above(down, pixels, taps, sums, totals, bias, size, stride, 4, n_vectors)
    taps = row_above(down, pixels, taps, sums, totals, bias, size, stride, 5, n_vectors)
    pixels += (size - 1) * down.pitch
    for row in range(n_whole):
        taps = add_row(down, pixels, taps, sums, totals, bias, size, stride, 0, size, n_vectors)
        store_columns(down, totals + size * n_vectors, response, n_vectors)
        pixels, response = pixels + down.pitch, response + down.row_pitch
        if stride == 2 and row + 1 < n_whole:
            taps = add_row(down, pixels, taps, sums, totals, bias, size, stride, 1, size, n_vectors)
            pixels += down.pitch
    taps = row_below(down, pixels, taps, sums, totals, bias, response, size, stride, 1, n_vectors)
    taps = row_below(down, pixels, taps, sums, totals, bias, response, size, stride, 2, n_vectors)
    taps = row_below(down, pixels, taps, sums, totals, bias, response, size, stride, 3, n_vectors)
    taps = row_below(down, pixels, taps, sums, totals, bias, response, size, stride, 4, n_vectors)
    taps = row_below(down, pixels, taps, sums, totals, bias, response, size, stride, 5, n_vectors)
    taps = row_below(down, pixels, taps, sums, totals, bias, response, size, stride, 6, n_vectors)


cdef void few_rows_of_7x7(const Down* down, const real* pixels, const vector* taps, vector bias,
                          real* response) noexcept nogil:
    """Windows of fewer rows than `least_down`, of one vector of columns: row by row."""
    cdef Py_ssize_t row, kernel_row, tap
    cdef const real* own
    cdef vector[1] total
    cdef vector sum
    for row in range(down.n_rows):
        total[0] = bias
        for kernel_row in range(7):
            own = pixels + (row + kernel_row) * down.pitch
            sum = in_register((<const vector*> own)[0] * taps[kernel_row * 7])
            for tap in range(1, 7):
                sum = sum + (<const vector*> (own + tap * down.step))[0] * taps[kernel_row * 7 + tap]
            total[0] = total[0] + sum
        store_columns(down, total, response + row * down.row_pitch, 1)


cdef void column_of_7x7(const Down* down, const real* pixels, const vector* taps, vector bias,
                        real* response) noexcept nogil:
    """Windows of one vector of columns, or of channels.

    Callers hide what they know of `down`, or compilers make a copy of the function for each.
    """
    if down.n_rows < least_down(7, 1):
        few_rows_of_7x7(down, pixels, taps, bias, response)
    else:
        down_columns(down, pixels, taps, bias, response, 7, 1, 1)


cdef inline void columns_of_plane(Down* down, const real* plane, const vector* taps, vector bias, real* response,
                                  Py_ssize_t n_columns, Py_ssize_t size, Py_ssize_t stride) noexcept nogil:
    """All columns; the last vectors end where the rows end and may lie over those before."""
    cdef Py_ssize_t lanes = n_lanes(bias), last = max(0, n_columns - n_lanes(bias)), x = 0
    while x < n_columns:
        x = min(x, last)
        down.apart = min(x + lanes, last) - x
        if size == 7:
            column_of_7x7(<const Down*> opaque(down), plane + x, taps, bias, response + x)
        elif down.apart > 0:
            down_columns(down, plane + x, taps, bias, response + x, size, stride, 2)
            x += down.apart
        else:
            down_columns(down, plane + x, taps, bias, response + x, size, stride, 1)
        x += lanes


cdef inline void planes_down(const Rows* rows, const Pixels* pixels, const Laid* laid, const real* panels,
                             const real* bias, real* response, Py_ssize_t size, Py_ssize_t stride,
                             vector like) noexcept nogil:
    """All channels, one after the other."""
    cdef lines_of_vectors[LAID_LINES] memory
    cdef lines_of_vectors[2] tap_memory
    cdef vector* taps = <vector*> tap_memory
    cdef vector fill
    cdef const real* origin = <const real*> pixels.origin
    cdef const real* fills = <const real*> pixels.fill
    cdef const real* plane
    cdef Py_ssize_t lanes = n_lanes(like), n_taps = size * size, channel, place, tap
    cdef Down down
    down.n_rows, down.row_pitch, down.n_stored = rows.n_rows, rows.row_pitch, rows.n_columns
    down.pitch, down.half, down.step = laid.pitch, laid.half, 1
    for channel in range(rows.n_kernels):
        place = place_of_channel(channel, rows.n_kernels, lanes, n_taps)
        for tap in range(n_taps):
            taps[tap] = broadcast(panels[place + tap * lanes], like)
        if laid.in_place:
            plane = origin + pixels.rows[0] - pixels.first_inside
        else:
            plane, fill = <const real*> memory, broadcast(fills[channel], like)
            if channel == 0 or memcmp(fills + channel, fills + channel - 1, sizeof(fills[0])) != 0:
                lay_fill(laid, <real*> memory, fill)
            lay_plane(laid, pixels, origin, <real*> memory, stride, fill)
        columns_of_plane(&down, plane, taps, broadcast(bias_of(bias, place, n_taps, lanes), like), response,
                         rows.n_columns, size, stride)
        origin, response = origin + pixels.channel_pitch, response + rows.kernel_pitch


cdef void planes_of_3x3_down(const Rows* rows, const Pixels* pixels, const Laid* laid, const real* panels,
                             const real* bias, real* response, vector like) noexcept nogil:
    planes_down(rows, pixels, laid, panels, bias, response, 3, 1, like)


cdef void planes_of_3x3_apart_down(const Rows* rows, const Pixels* pixels, const Laid* laid, const real* panels,
                                   const real* bias, real* response, vector like) noexcept nogil:
    planes_down(rows, pixels, laid, panels, bias, response, 3, 2, like)


cdef void planes_of_5x5_down(const Rows* rows, const Pixels* pixels, const Laid* laid, const real* panels,
                             const real* bias, real* response, vector like) noexcept nogil:
    planes_down(rows, pixels, laid, panels, bias, response, 5, 1, like)


cdef void planes_of_5x5_apart_down(const Rows* rows, const Pixels* pixels, const Laid* laid, const real* panels,
                                   const real* bias, real* response, vector like) noexcept nogil:
    planes_down(rows, pixels, laid, panels, bias, response, 5, 2, like)


cdef void planes_of_7x7_down(const Rows* rows, const Pixels* pixels, const Laid* laid, const real* panels,
                             const real* bias, real* response, vector like) noexcept nogil:
    planes_down(rows, pixels, laid, panels, bias, response, 7, 1, like)


cdef inline void laid_planes(const Sum* sum, const Rows* rows, const Pixels* pixels, const Laid* laid,
                             const real* panels, const real* bias, real* response, vector like) noexcept nogil:
    """The loops of the kernels' size and stride."""
    if sum.run == 7:
        planes_of_7x7_down(rows, pixels, laid, panels, bias, response, like)
    elif real is float:  # `goes_down` refuses float64
        if sum.run == 3 and pixels.column_stride == 1:
            planes_of_3x3_down(rows, pixels, laid, panels, bias, response, like)
        elif sum.run == 3:
            planes_of_3x3_apart_down(rows, pixels, laid, panels, bias, response, like)
        elif pixels.column_stride == 1:
            planes_of_5x5_down(rows, pixels, laid, panels, bias, response, like)
        else:
            planes_of_5x5_apart_down(rows, pixels, laid, panels, bias, response, like)
