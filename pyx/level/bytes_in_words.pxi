# Kernels in words, from 8-bit images where they lie to arrays of integers or floats, without a strip before or behind.
#
# Columns of taps come first: a row of their sums is all that is kept, and padding on the sides is put into that row. A
# row of windows takes its rows of pixels from wherever they are, so that padding above and below is a row like others.
# Taps of 0 are left out, and nothing is multiplied with those of 1. Of many ones next to each other a sum follows from
# those before: of a column from the row above, of a row from sums of half as many.

from libc.math cimport frexpf, rint
from libc.stdint cimport int16_t, int8_t, uint16_t, uint8_t
from libc.string cimport memcpy, memset

from microkernels cimport (
    FLOAT32, INT16, INT8, MOST_OF_WORDS, MOST_SPAN_OF_WORDS, PADDING, UINT8, Element, Pixels, Rows, Sum
)

cdef extern from "words.h" nogil:
    u16v u16v_of_u8 "xcorr_u16v_of_u8"(const uint8_t*)
    u16v u16v_of_i8 "xcorr_u16v_of_i8"(const uint8_t*)
    void u16v_to_f32 "xcorr_u16v_to_f32"(u16v, int, float, float, float*)
    void u16v_to_i16 "xcorr_u16v_to_i16"(u16v, int, float, float, int16_t*)
    void u16v_to_u8 "xcorr_u16v_to_u8"(u16v, u16v, int, float, float, uint8_t*)
    void u16v_narrowed "xcorr_u16v_narrowed"(u16v, u16v, uint8_t*)
    u16v u16v_high_product "xcorr_u16v_high_product"(u16v, u16v)

cdef enum:
    WORDS_OF_ROW = 1 << 12  # sums of columns of taps
    WORDS_OF_TILE = WORD_VECTORS * U16_LANES
    WORDS_OF_ROOM = WORDS_OF_ROW + MOST_SPAN_OF_WORDS + 2 * WORDS_OF_TILE
    LEAST_RUNNING = 5       # ones of a column whose sum follows from the row above
    LEAST_DOUBLED = 12      # ones of a row whose sum follows from those of half as many
    MOST_DIVISOR = 257

# How sums become responses, of which the last three need no floats: of (low + words) * scale + bias; words over a power
# of two, and over an odd number; words themselves.
cdef enum Rounding:
    BY_FLOATS, BY_POWER, BY_QUOTIENT, AS_THEY_ARE

ctypedef const uint8_t* Line

# Taps that are not 0: the ones first.
cdef struct Nonzero:
    Py_ssize_t n_ones, n_taps
    uint16_t[MOST_OF_WORDS] values
    Py_ssize_t[MOST_OF_WORDS] places

# Some columns of windows, and the padded ones that they reach.
cdef struct Stripe:
    Nonzero down, across
    Words words
    Rounding rounding
    uint16_t start, factor, second_factor  # of quotients: what is added, and what makes them by two high products
    bint runs_down                         # a column's sum follows from the row above
    Py_ssize_t doubled                     # ones of a row that are summed up before the last step; 0: none
    Py_ssize_t n_columns, n_reached
    Py_ssize_t first_inside, end_inside  # reached columns that lie in the image, next to each other
    Py_ssize_t first_place               # of the first of these in a row of pixels
    const Py_ssize_t* columns            # where each reached column lies, or PADDING
    const uint8_t* padding               # a row of it
    uint16_t of_fill                     # the sum of a column of it
    bint is_signed


cdef void take_nonzero(Nonzero* kept, const uint16_t* taps, Py_ssize_t n_taps, Py_ssize_t step) noexcept nogil:
    """Places are `step` apart."""
    cdef Py_ssize_t tap
    kept.n_taps = 0
    for tap in range(n_taps):
        if taps[tap] == 1:
            kept.places[kept.n_taps] = tap * step
            kept.values[kept.n_taps] = 1
            kept.n_taps += 1
    kept.n_ones = kept.n_taps
    for tap in range(n_taps):
        if taps[tap] > 1:
            kept.places[kept.n_taps] = tap * step
            kept.values[kept.n_taps] = taps[tap]
            kept.n_taps += 1


cdef void take_ones(Stripe* own, const Pixels* pixels, Py_ssize_t step) noexcept nogil:
    """What follows from sums before, of kernels that are boxes."""
    cdef Nonzero* across = &own.across
    cdef Py_ssize_t height = own.words.height, run = own.words.run
    own.runs_down = (own.down.n_ones == height >= LEAST_RUNNING and pixels.row_stride == pixels.row_dilation)
    own.doubled = 0
    if across.n_ones < run or run < LEAST_DOUBLED:
        return
    own.doubled = run // 2
    across.n_ones = across.n_taps = 2 + run % 2
    across.places[0], across.places[1] = WORDS_OF_ROOM, WORDS_OF_ROOM + own.doubled * step
    across.places[2] = 2 * own.doubled * step


cdef inline u16v words_of_pixels(const uint8_t* pixels, bint is_signed) noexcept nogil:
    return u16v_of_i8(pixels) if is_signed else u16v_of_u8(pixels)


cdef inline void sum_lines(const Nonzero* down, Line* lines, Py_ssize_t place, bint is_signed,
                           uint16_t* target, Py_ssize_t n_vectors) noexcept nogil:
    """Sums of columns of taps, for a literal number of vectors, from a place in the lines of pixels on."""
    cdef u16v[WORD_VECTORS] sums
    cdef u16v own = u16v_broadcast(0)
    cdef Py_ssize_t tap, part
    cdef const uint8_t* pixels
    for part in range(n_vectors):
        sums[part] = own
    for tap in range(down.n_ones):
        pixels = lines[tap] + place
        for part in range(n_vectors):
            sums[part] = sums[part] + words_of_pixels(pixels + part * U16_LANES, is_signed)
    for tap in range(down.n_ones, down.n_taps):
        own = u16v_broadcast(down.values[tap])
        pixels = lines[tap] + place
        for part in range(n_vectors):
            sums[part] = u16v_multiply_add(sums[part], own, words_of_pixels(pixels + part * U16_LANES, is_signed))
    for part in range(n_vectors):
        (<u16v*> (target + part * U16_LANES))[0] = sums[part]


cdef inline uint16_t word_at(const Stripe* own, Line* lines, Py_ssize_t place) noexcept nogil:
    """The sum of one column of taps; rows of padding have one value everywhere."""
    cdef Py_ssize_t tap
    cdef const uint8_t* pixel
    cdef unsigned int total = 0
    for tap in range(own.down.n_taps):
        pixel = lines[tap] if lines[tap] == own.padding else lines[tap] + place
        total += own.down.values[tap] * <unsigned int> (<int> (<const int8_t*> pixel)[0] if own.is_signed
                                                        else <int> pixel[0])
    return <uint16_t> total


cdef inline void sum_inside(const Stripe* own, Line* lines, uint16_t* sums, bint is_signed) noexcept nogil:
    """Sums of the columns that the image has: no pixel beyond them is read."""
    cdef Py_ssize_t n_columns = own.end_inside - own.first_inside, x = 0
    while x + WORDS_OF_TILE <= n_columns:
        sum_lines(&own.down, lines, x, is_signed, sums + x, WORD_VECTORS)
        x += WORDS_OF_TILE
    while x + U16_LANES <= n_columns:
        sum_lines(&own.down, lines, x, is_signed, sums + x, 1)
        x += U16_LANES
    if x < n_columns and n_columns >= U16_LANES:  # some of them once more
        x = n_columns - U16_LANES
        sum_lines(&own.down, lines, x, is_signed, sums + x, 1)
        x = n_columns
    while x < n_columns:
        sums[x] = word_at(own, lines, x)
        x += 1


cdef inline void sum_outside(const Stripe* own, Line* lines, uint16_t* sums, Py_ssize_t first,
                             Py_ssize_t end) noexcept nogil:
    """Sums of reached columns in the padding: those of the columns that lie there, or of fill values."""
    cdef Py_ssize_t column, place
    for column in range(first, end):
        place = own.columns[column]
        if place == PADDING:
            sums[column] = own.of_fill
        elif own.first_place <= place < own.first_place + own.end_inside - own.first_inside:
            sums[column] = sums[own.first_inside + place - own.first_place]
        else:
            sums[column] = word_at(own, lines, place - own.first_place)


cdef void choose_rounding(Stripe* own, Element response) noexcept nogil:
    """How floats round, in words where it can be: with a bias, or sums below 0 that are not kept, it is by floats.

    1. A power of two: what is halfway goes to the even one, as a shifted sum's lowest bit says.
    2. The reciprocal of an odd n, rounded to float32: no quotient of n lies within 1 / (2 n) of halfway, and floats err
       by less than 2**-15 of the at most 257. So it is floor((word + n // 2) / n), which a product with m / 2**(16 + k)
       gives where m n - 2**(16 + k) = e > 0 and e times the largest dividend are below 2**(16 + k) (Granlund and
       Montgomery, Division by invariant integers using multiplication, 1994).
    """
    cdef const Words* words = &own.words
    cdef Py_ssize_t tap, of_row = 0, of_column = 0, most, n, shift
    cdef int exponent
    for tap in range(words.run):
        of_row += abs(<int> <int16_t> words.row[tap])
    for tap in range(words.height):
        of_column += abs(<int> <int16_t> words.column[tap])
    most = 255 * of_row * of_column  # above the lowest
    own.rounding, own.start = BY_FLOATS, <uint16_t> -words.low
    if words.bias != 0 or most > 65535:
        return
    if response == INT16 and words.scale == 1 and -32768 <= words.low and words.low + most <= 32767:
        own.rounding, own.start = AS_THEY_ARE, 0
    if response != UINT8 or words.low != 0 or not 1 / <float> MOST_DIVISOR <= words.scale <= 0.5:
        return
    n = <Py_ssize_t> rint(1 / <double> words.scale)
    if frexpf(words.scale, &exponent) == 0.5:
        shift = 1 - exponent
        if most + (n // 2) <= 65535:
            own.rounding, own.start = BY_POWER, <uint16_t> (n // 2 - 1)
            own.factor = <uint16_t> (1 << (16 - shift))
    elif n % 2 == 1 and words.scale == <float> (1 / <double> n):
        shift = 1
        while 2 << shift < n:
            shift += 1
        own.factor, own.second_factor = <uint16_t> ((65536 << shift) // n + 1), <uint16_t> (65536 >> shift)
        most += n // 2
        if most <= 65535 and (own.factor * n - (65536 << shift)) * most < 65536 << shift:
            own.rounding, own.start = BY_QUOTIENT, <uint16_t> (n // 2)


cdef inline u16v rounded(const Stripe* own, u16v words, Rounding rounding) noexcept nogil:
    """Quotients of words that begin with `start`."""
    cdef u16v factor = u16v_broadcast(own.factor)
    if rounding == BY_POWER:
        words = words + (u16v_high_product(words - u16v_broadcast(own.start), factor) & u16v_broadcast(1))
        return u16v_high_product(words, factor)
    return u16v_high_product(u16v_high_product(words, factor), u16v_broadcast(own.second_factor))


cdef inline void store_sums(const Stripe* own, const u16v* sums, Element response, Rounding rounding, char* target,
                            Py_ssize_t n_vectors) noexcept nogil:
    """Sums as they are responses of a literal type, an even number of vectors."""
    cdef const Words* words = &own.words
    cdef Py_ssize_t part
    for part in range(0, n_vectors, 2):
        if response == UINT8 and rounding == BY_FLOATS:
            u16v_to_u8(sums[part], sums[part + 1], words.low, words.scale, words.bias,
                       <uint8_t*> target + part * U16_LANES)
        elif response == UINT8:
            u16v_narrowed(rounded(own, sums[part], rounding), rounded(own, sums[part + 1], rounding),
                          <uint8_t*> target + part * U16_LANES)
        elif rounding == AS_THEY_ARE:
            (<u16v*> (<int16_t*> target + part * U16_LANES))[0] = sums[part]
            (<u16v*> (<int16_t*> target + (part + 1) * U16_LANES))[0] = sums[part + 1]
        elif response == INT16:
            u16v_to_i16(sums[part], words.low, words.scale, words.bias, <int16_t*> target + part * U16_LANES)
            u16v_to_i16(sums[part + 1], words.low, words.scale, words.bias,
                        <int16_t*> target + (part + 1) * U16_LANES)
        else:
            u16v_to_f32(sums[part], words.low, words.scale, words.bias, <float*> target + part * U16_LANES)
            u16v_to_f32(sums[part + 1], words.low, words.scale, words.bias, <float*> target + (part + 1) * U16_LANES)


cdef inline void responses_of_words(const Stripe* own, const uint16_t* between, Element response, Rounding rounding,
                                    char* target, Py_ssize_t n_vectors) noexcept nogil:
    """Sums of rows of taps over the columns', as responses, for a literal number of vectors."""
    cdef u16v[WORD_VECTORS] sums
    cdef u16v tap_of_all = u16v_broadcast(own.start)
    cdef const Nonzero* across = &own.across
    cdef const uint16_t* place
    cdef Py_ssize_t tap, part
    for part in range(n_vectors):
        sums[part] = tap_of_all
    for tap in range(across.n_ones):
        place = between + across.places[tap]
        for part in range(n_vectors):
            sums[part] = sums[part] + (<const u16v*> (place + part * U16_LANES))[0]
    for tap in range(across.n_ones, across.n_taps):
        tap_of_all = u16v_broadcast(across.values[tap])
        place = between + across.places[tap]
        for part in range(n_vectors):
            sums[part] = u16v_multiply_add(sums[part], tap_of_all, (<const u16v*> (place + part * U16_LANES))[0])
    store_sums(own, sums, response, rounding, target, n_vectors)


cdef inline void row_of_responses(const Stripe* own, const uint16_t* between, Element response, Rounding rounding,
                                  Py_ssize_t size, char* target) noexcept nogil:
    """A row of windows, of a literal type; fewer than a tile lie beside what is not stored."""
    cdef float[WORDS_OF_TILE] few
    cdef Py_ssize_t x = 0, n_columns = own.n_columns
    while x + WORDS_OF_TILE <= n_columns:
        responses_of_words(own, between + x, response, rounding, target + x * size, WORD_VECTORS)
        x += WORDS_OF_TILE
    while x + 2 * U16_LANES <= n_columns:
        responses_of_words(own, between + x, response, rounding, target + x * size, 2)
        x += 2 * U16_LANES
    if x < n_columns and n_columns >= 2 * U16_LANES:
        x = n_columns - 2 * U16_LANES
        responses_of_words(own, between + x, response, rounding, target + x * size, 2)
    elif x < n_columns:
        responses_of_words(own, between, response, rounding, <char*> few, 2)
        memcpy(target, few, n_columns * size)


cdef void store_row(const Stripe* own, const uint16_t* between, Element response, char* target) noexcept nogil:
    """The same of any type."""
    if response == UINT8 and own.rounding == BY_POWER:
        row_of_responses(own, between, UINT8, BY_POWER, sizeof(uint8_t), target)
    elif response == UINT8 and own.rounding == BY_QUOTIENT:
        row_of_responses(own, between, UINT8, BY_QUOTIENT, sizeof(uint8_t), target)
    elif response == UINT8:
        row_of_responses(own, between, UINT8, BY_FLOATS, sizeof(uint8_t), target)
    elif own.rounding == AS_THEY_ARE:
        row_of_responses(own, between, INT16, AS_THEY_ARE, sizeof(int16_t), target)
    elif response == INT16:
        row_of_responses(own, between, INT16, BY_FLOATS, sizeof(int16_t), target)
    else:
        row_of_responses(own, between, FLOAT32, BY_FLOATS, sizeof(float), target)


cdef inline void run_line(const uint8_t* entering, const uint8_t* leaving, bint is_signed, uint16_t* sums,
                          Py_ssize_t n_vectors) noexcept nogil:
    """A literal number of vectors of sums of columns of ones, a row further down."""
    cdef Py_ssize_t part
    for part in range(n_vectors):
        (<u16v*> (sums + part * U16_LANES))[0] = (
            (<u16v*> (sums + part * U16_LANES))[0] + words_of_pixels(entering + part * U16_LANES, is_signed)
            - words_of_pixels(leaving + part * U16_LANES, is_signed))


cdef inline void run_inside(const Stripe* own, const uint8_t* entering, const uint8_t* leaving, uint16_t* sums,
                            bint is_signed) noexcept nogil:
    """Sums of the columns that the image has, a row further down."""
    cdef Py_ssize_t n_columns = own.end_inside - own.first_inside, x = 0
    while x + WORDS_OF_TILE <= n_columns:
        run_line(entering + x, leaving + x, is_signed, sums + x, WORD_VECTORS)
        x += WORDS_OF_TILE
    while x + U16_LANES <= n_columns:
        run_line(entering + x, leaving + x, is_signed, sums + x, 1)
        x += U16_LANES
    while x < n_columns:
        if is_signed:
            sums[x] = <uint16_t> (sums[x] + (<const int8_t*> entering)[x] - (<const int8_t*> leaving)[x])
        else:
            sums[x] = <uint16_t> (sums[x] + entering[x] - leaving[x])
        x += 1


cdef inline void double_sums(const uint16_t* sums, const uint16_t* further, const uint16_t* one_more, uint16_t* target,
                             Py_ssize_t n_words) noexcept nogil:
    """Sums of twice as many ones next to each other, or of one more: whole tiles, which may be where `sums` are."""
    cdef u16v[WORD_VECTORS] own
    cdef Py_ssize_t x = 0, part
    while x < n_words:
        for part in range(WORD_VECTORS):
            own[part] = ((<const u16v*> (sums + x + part * U16_LANES))[0]
                         + (<const u16v*> (further + x + part * U16_LANES))[0])
        if one_more != NULL:
            for part in range(WORD_VECTORS):
                own[part] = own[part] + (<const u16v*> (one_more + x + part * U16_LANES))[0]
        for part in range(WORD_VECTORS):
            (<u16v*> (target + x + part * U16_LANES))[0] = own[part]
        x += WORDS_OF_TILE


cdef void double_row(const Stripe* own, Py_ssize_t step, const uint16_t* between, uint16_t* doubled) noexcept nogil:
    """Sums of `own.doubled` ones of a row, by twice as many at each step, from the number's first binary digit on."""
    cdef Py_ssize_t n_ones = 1, digit = 1
    cdef const uint16_t* sums = between
    while digit * 2 <= own.doubled:
        digit *= 2
    while digit > 1:
        digit //= 2
        double_sums(sums, sums + n_ones * step, between + 2 * n_ones * step if own.doubled & digit else NULL, doubled,
                    own.n_reached)
        n_ones = 2 * n_ones + (1 if own.doubled & digit else 0)
        sums = doubled


cdef void rows_by_lines(Stripe* own, const Rows* rows, const Pixels* pixels, Py_ssize_t step, Element response,
                        char* target) noexcept nogil:
    """All rows of windows of some columns. What lies behind a row's sums may be read, and makes sums not stored."""
    cdef uint16_t[2 * WORDS_OF_ROOM] between
    cdef Line[MOST_OF_WORDS] lines
    cdef Line leaving = NULL
    cdef uint16_t* inside = between + own.first_inside
    cdef Py_ssize_t row, tap, place
    for row in range(rows.n_rows):
        for tap in range(own.down.n_taps):
            place = pixels.rows[row * pixels.row_stride + own.down.places[tap]]
            lines[tap] = (own.padding if place == PADDING
                          else <const uint8_t*> pixels.origin + place + own.first_place)
        if row > 0 and own.runs_down and own.is_signed:
            run_inside(own, lines[own.down.n_taps - 1], leaving, inside, True)
        elif row > 0 and own.runs_down:
            run_inside(own, lines[own.down.n_taps - 1], leaving, inside, False)
        elif own.is_signed:
            sum_inside(own, lines, inside, True)
        else:
            sum_inside(own, lines, inside, False)
        leaving = lines[0]
        sum_outside(own, lines, between, 0, own.first_inside)
        sum_outside(own, lines, between, own.end_inside, own.n_reached)
        if own.doubled:
            double_row(own, step, between, between + WORDS_OF_ROOM)
        store_row(own, between, response, target)
        target += rows.row_pitch


cdef void bytes_in_words(const Sum* sum, const Rows* rows, const Pixels* pixels, Element pixel, Element response,
                         const void* factors, const void* bias, char* target) noexcept nogil:
    """Stripes whose sums stay in the first cache."""
    cdef Stripe own
    cdef uint8_t[WORDS_OF_ROW] padding
    cdef Py_ssize_t span = (sum.run - 1) * sum.step, x = 0, most = WORDS_OF_ROW - span, tap
    cdef Py_ssize_t size = (sizeof(uint8_t) if response == UINT8 else sizeof(int16_t) if response == INT16
                            else sizeof(float))
    take_words(&own.words, sum, <const float*> factors, <const float*> bias)
    take_nonzero(&own.down, own.words.column, own.words.height, pixels.row_dilation)
    take_nonzero(&own.across, own.words.row, own.words.run, sum.step)
    choose_rounding(&own, response)
    take_ones(&own, pixels, sum.step)
    own.is_signed, own.padding, own.of_fill = pixel == INT8, padding, 0
    memset(padding, (<const uint8_t*> pixels.fill)[0], sizeof(padding))
    for tap in range(own.down.n_taps):
        own.of_fill += <uint16_t> (own.down.values[tap] * (
            <int> (<const int8_t*> padding)[0] if own.is_signed else <int> padding[0]))
    while x < rows.n_columns:
        own.n_columns = min(most, rows.n_columns - x)
        own.n_reached = own.n_columns + span
        own.columns = pixels.columns + x
        own.first_inside = max(0, min(pixels.first_inside - x, own.n_reached))
        own.end_inside = max(own.first_inside, min(pixels.end_inside - x, own.n_reached))
        own.first_place = own.columns[own.first_inside] if own.end_inside > own.first_inside else 0
        rows_by_lines(&own, rows, pixels, sum.step, response, target + x * size)
        x += own.n_columns
