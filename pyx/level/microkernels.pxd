"""The contract between the engine, which knows images and strips, and a level, which knows tiles and lanes.

A level exports a table in a capsule named `TABLE_NAME`: `Routines` for each type that sums are kept in. Everything in
it is `noexcept nogil`, allocates nothing, cannot fail, and reads and writes only what is stated here. Pointers to
`void` point to elements of the summed type: the engine moves them by `item_bytes` and never looks at an element.

The sum. Each response is `bias + sum over the taps`, the taps in the order kernel row, kernel column, channel: one
chain of multiply-adds (fused where the level has that) for each of the sum's blocks, and one addition for each block.
The order and the blocks follow from the kernel's shape alone, so every form gives the same bits.
"""

from libc.stdint cimport int32_t, int64_t

from transforms cimport (
    Backward, CentreSums, Examine, FillTurns, FillTwiddles, FindZeros, Forward, MultiplySeen, MultiplySpectra,
    PlaneBack, PlaneColumns, PlaneLines, PlanePhases, ScoreOverlaps, ScoreSums, SumSeen, SumUpBoxes, TransformKernel,
    WindowMoments, WindowPhases, WindowProducts, WindowSums)

cdef extern from *:
    """
    #define XCORR_TABLE_NAME "xcorr.microkernels.Table"
    """
    const char* TABLE_NAME "XCORR_TABLE_NAME"

ctypedef fused real:
    float
    double

# No offset: what lies in the padding.
cdef extern from *:
    """
    #define XCORR_PADDING PTRDIFF_MIN
    """
    const Py_ssize_t PADDING "XCORR_PADDING"

# The types that sums are kept in: each has its row in a level's table.
cdef enum:
    IN_FLOAT32, IN_FLOAT64, IN_INT32
    IN_WORDS  # by words of 16 bits, whose sums are handed on in float32
    N_SUMMED

cdef enum:
    MOST_LANES = 16  # of a vector, at any level

# Taps of a block below which half a tile with its totals in registers beats a whole one whose totals are in memory.
cdef enum:
    SHORT_BLOCK = 96

# Taps of all columns of a kernel's factors: sums of as many rows are kept for a window.
cdef enum:
    MOST_OF_COLUMNS = 256

# Taps of a row, and of a column, of a kernel that is summed in words.
cdef enum:
    MOST_OF_WORDS = 64
    MOST_SPAN_OF_WORDS = 1 << 11  # from the first to the last tap of a row, in pixels where these lie

# A run of taps that lie next to each other in memory and belong to one block of the sum.
cdef struct Segment:
    Py_ssize_t offset        # of the first tap from the window's origin, in elements; over columns of the kernel row
    Py_ssize_t first         # tap of its kernel row
    Py_ssize_t n_taps
    bint closes_block        # after this segment the block's sum is added to the total
    bint closes_total        # and the total, where it is carried, to the carried total

# A block is `rows_per_block` kernel rows, or one of `pieces` nearly equal parts of a kernel row's run of taps.
cdef struct Sum:
    Py_ssize_t kernel_height
    Py_ssize_t run                   # taps of one kernel row
    Py_ssize_t rows_per_block
    Py_ssize_t pieces
    bint compensated                 # totals carry their rounding errors along (long sums)
    bint carried                     # totals of some blocks are added to others, and carry on what is lost (winograd)
    bint continues                   # lanes over kernels: totals begin as the responses, or as those that wait
    bint waits                       # over kernels, compensated: more taps follow, for which totals wait
    const Segment* segments          # the whole sum; lanes over columns read of it how long the pieces of a row are
    Py_ssize_t n_segments
    Py_ssize_t tap_pitch             # lanes over channels: from a tap of a segment to the next, in elements
    Py_ssize_t channel_pitch         # the same over kernels and columns, where kernels of one pixel read planes
    Py_ssize_t kernel_row_pitch      # from a kernel row's taps to the next row's, in elements
    Py_ssize_t first_in_block        # lanes over columns: the place of the first kernel row in its block
    const Py_ssize_t* cuts           # lanes over columns: where the pieces of a run begin, and where the last one ends
    const Py_ssize_t* tap_offsets    # of each tap in a kernel row's run, over rows of the kernel, in elements
    Py_ssize_t step                  # tap_offsets[t] is t * step; 0: no number of them

# Some rows of responses. Pitches are in elements; nothing is assumed of alignment.
cdef struct Rows:
    Py_ssize_t n_rows
    Py_ssize_t n_columns
    Py_ssize_t n_kernels             # of the panel that exist; the panel's other kernels are zero
    Py_ssize_t width                 # kernels in the panel, the zero ones included
    Py_ssize_t window_row_pitch      # from a row of windows to the next
    Py_ssize_t window_pitch          # lanes over kernels and over channels: from a window to the next
    Py_ssize_t row_pitch             # of the response, as the next two
    Py_ssize_t column_pitch
    Py_ssize_t kernel_pitch
    void* waiting                    # what compensated totals have come to, see below; NULL: none waits
    Py_ssize_t waiting_row_pitch     # from a row of windows to the next, in elements

# response[y * row_pitch + x * column_pitch + k * kernel_pitch] =
#     bias[k] + sum over taps image[window (y, x), tap] * panel[tap * width + k]
# for y < n_rows, x < n_columns, k < n_kernels. Overwrites; the response aliases no input.
#   over kernels: kernel_pitch is 1, width 1 to 3 vectors; window (y, x) begins at
#     image + y * window_row_pitch + x * window_pitch, and a segment's taps lie at offset + 0 .. n_taps from there; in
#     planes they lie channel_pitch apart. If the sum `waits`, nothing is written but `waiting`, and if it `continues`
#     and is compensated, that is read: 2 * width elements of each window, in the order of the tiles, so that all taps
#     are done with the same rows and columns.
#   over channels: as over kernels, but kernel k has pixels of its own: its tap t of a segment lies at
#     offset + t * tap_pitch + k, readable for k < width.
#   over columns: column_pitch is 1, width 1, 2, 4 or, of a bank, the most; tap t of kernel row i for window (y, x) is
#     at image[y * window_row_pitch + i * kernel_row_pitch + tap_offsets[t] + x], readable for x < n_columns, and for
#     those of one vector.
#   over rows: as over columns of an image that is turned, so that kernel rows lie along the lanes: row i begins at
#     tap_offsets[i * run], and its tap t is t * window_row_pitch further; one channel, blocks of whole kernel rows, not
#     compensated.
ctypedef void (*CorrelateRows)(const Sum*, const Rows*, const void* image, const void* panel, const void* bias,
                               void* response) noexcept nogil

# A kernel that is the sum over `rank` of a column of taps times a row of them, a row being all taps of a kernel row.
# Its factors are the rows of each rank, one after the other, and then the columns. Either are cut into blocks.
cdef struct Factors:
    Py_ssize_t rank                  # times the kernel's height at most MOST_OF_COLUMNS; 0: kernels are taps
    Py_ssize_t row_block, column_block  # taps in a block

# As over columns, for a panel of one kernel. Rows of windows are a whole number of kernel rows apart. Whether all
# responses are finite. In words pixels are of 16 bits; factors are whole numbers in float32, of rank 1, and behind them
# are the lowest sum that they can have and what they are multiplied with; the others are at most 65,535 above it.
ctypedef bint (*CorrelateByFactors)(const Sum*, const Rows*, const Factors*, const void* image, const void* factors,
                                    const void* bias, void* response) noexcept nogil

# Pixels where they lie, of windows that may reach into the padding.
cdef struct Pixels:
    const void* origin
    const Py_ssize_t* rows           # of each padded row from the first window's on, elements from the origin; PADDING
    const Py_ssize_t* columns        # of each padded column, elements in a row; PADDING
    const void* fill                 # what lies in the padding, of each channel: as many as a position has
    Py_ssize_t row_stride, row_dilation, column_stride
    Py_ssize_t depth                 # channels of each kernel: 1; or 4 for kernels of 3x3, of groups of four of them
    Py_ssize_t first_inside          # over planes: padded columns [first_inside, end_inside), from the first window's
    Py_ssize_t end_inside            # on, lie next to each other where the rows do
    Py_ssize_t channel_pitch         # from a channel's plane to the next, in elements
    Py_ssize_t row_ahead             # over pixels: elements to the next row, where rows are fetched ahead; else 0

# As over channels, for kernels of 3x3 and 5x5 with a column stride of 1 or 2, and of 7x7 with strides and dilations of
# 1: all channels, of which k lies k elements behind a position. Vector v of the panels is of the channels from
# v * lanes on, the last one of the last channels.
#   over planes: channel k of the origin lies k * channel_pitch behind it, and column_pitch is 1. Padded planes of 7x7
#     kernels have no more than laid_bytes. Their rows are counted as long as six elements and a vector less one more
#     than the windows, or than a vector, to the end of the vector there.
ctypedef void (*CorrelatePixels)(const Sum*, const Rows*, const Pixels*, const void* panels, const void* bias,
                                 void* response) noexcept nogil

# Taps of kernels where they lie: tap (i, j, c), counted from 0 along three axes, of kernel k is at
# offset + k * kernel_pitch + i * pitches[0] + j * pitches[1] + c * pitches[2], in elements, and is number
# place + i * places[0] + j * places[1] + c * places[2] in the order of the sum. Pitches along the axes are not
# negative, and the last axis with more than one tap has the smallest.
cdef struct Taps:
    Py_ssize_t kernel_pitch
    Py_ssize_t[3] counts, pitches, places
    Py_ssize_t offset, place

# packed[tap * width + kernel] = the kernel's tap of that number; 0 for kernels from n_kernels on.
ctypedef void (*Pack)(const Taps*, const void* kernels, void* packed, Py_ssize_t width,
                      Py_ssize_t n_kernels) noexcept nogil

# The same of 8-bit operands, over kernels, in int32. A strip's elements, in which image and its pitches count, have
# `pixel_bytes`: words of 16 bits, or bytes. A step is `taps_at_once` of them that lie next to each other, the 32 bits
# of a lane; a segment is a run of so many steps, each an element of the panel for each kernel. Where a run of taps ends
# within a step the rest of it are taps of zero, and pixels are readable as far.
#   Bytes: signed taps go with unsigned pixels and the other way; `over_bytes` is for the former, `over_bytes_unsigned`
#     for unsigned taps. Other pixels are staged with their sign's bit turned around, which shifts them by 128; panels'
#     biases make up for it.

# The steps of n_runs runs of taps, one after the other, for the kernels that exist; and bias[kernel] less `shift` times
# the sum of the kernel's taps.
ctypedef void (*PackSteps)(const int32_t* kernels, Py_ssize_t n_runs, Py_ssize_t run, void* packed, Py_ssize_t width,
                           Py_ssize_t n_kernels, int32_t shift, int32_t* bias) noexcept nogil

# Windows and kernels whose taps lie next to each other, so far apart; pitches are in elements.
cdef struct Product:
    Py_ssize_t n_windows, n_kernels, n_taps
    Py_ssize_t window_pitch, kernel_pitch
    Py_ssize_t row_pitch, column_pitch  # of the responses

# responses[w * row_pitch + k * column_pitch] = bias[k], or without bias itself, + sum over the taps
#     windows[w * window_pitch + tap] * kernels[k * kernel_pitch + tap]
# The sum is one for each lane over the vectors of taps, and one tree over the lanes: the same for all w and k.
ctypedef void (*Multiply)(const Product*, const void* windows, const void* kernels, const void* bias,
                          void* responses) noexcept nogil

# Some quads of winograd, in the order of rows, of one strip: each is 2x2 responses from 4x4 pixels, or from
# 6x6 pixels 4x4 responses of 3x3 kernels or 2x2 of 5x5, all of them as far apart as the dilation says. A quad has as
# many places as pixels.
cdef struct Quads:
    Py_ssize_t side                  # 2 or 4: responses of a quad down and across
    Py_ssize_t n_pixels              # 4 or 6: down and across, as many as responses and taps but one
    Py_ssize_t n_places              # 16 or 36
    Py_ssize_t first                 # quad
    Py_ssize_t n_quads
    Py_ssize_t quads_per_row
    Py_ssize_t n_rows                # responses of the strip, whose pixels are taps less one dilations more
    Py_ssize_t n_columns
    Py_ssize_t row_dilation
    Py_ssize_t column_dilation
    Py_ssize_t depth
    Py_ssize_t pixel_row_pitch
    Py_ssize_t pixel_pitch
    Py_ssize_t plane_pitch           # of the transformed pixels: a plane (quads, channels) for each place
    Py_ssize_t sums_pitch            # of the sums (panel's width): from a place to the next
    Py_ssize_t sums_quad_pitch       # and from a quad to the next
    int* zero_windows                # of 6x6 pixels: for each quad bits 4 * row + column of its windows of zeros
    Py_ssize_t width                 # of the panel
    Py_ssize_t n_kernels             # of the panel that exist
    Py_ssize_t row_pitch             # of the response, as the next one
    Py_ssize_t column_pitch

# The transformed pixels, and `zero_windows`.
ctypedef void (*WinogradIn)(const Quads*, const void* pixels, void* transformed) noexcept nogil

# Whether every response is finite.
ctypedef bint (*WinogradOut)(const Quads*, const void* sums, const void* bias, void* response) noexcept nogil

# packed[(place * depth + channel) * width + kernel] = the transforms of square kernels (kernels, taps, taps, depth),
# with these pitches, for quads of so many responses and pixels down and across; 0 for kernels from n_kernels on.
ctypedef void (*PackTransformed)(const void* kernels, const Py_ssize_t* pitches, Py_ssize_t depth, void* packed,
                                 Py_ssize_t width, Py_ssize_t n_kernels, Py_ssize_t side,
                                 Py_ssize_t n_pixels) noexcept nogil

# Codes of the element types that staging reads and storing writes; complex types are two of these.
cdef enum Element:
    BOOL, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64, FLOAT16, FLOAT32, FLOAT64
    NO_ELEMENT  # of any array

# Of kernels in words: rows of responses from 8-bit pixels where they lie, a row's being next to each other, into an
# array of UINT8, INT16 (rounded, and kept within the type) or FLOAT32, whose columns are neighbours. Places of pixels
# and rows.row_pitch are in bytes; pixels are UINT8 or INT8; scale and bias are finite.
ctypedef void (*CorrelateInWords)(const Sum*, const Rows*, const Pixels*, Element pixel, Element response,
                                  const void* factors, const void* bias, char* target) noexcept nogil

# One row of an image as it is laid into a strip: padded, converted, its columns dealt out by phase.
cdef struct Staging:
    Element element
    Py_ssize_t columns               # of the padded row that are wanted
    Py_ssize_t first_inside          # columns [first_inside, end_inside) are the image's from first_source on
    Py_ssize_t end_inside
    Py_ssize_t first_source
    const Py_ssize_t* before         # source of each column before them, -1 for the fill value
    const Py_ssize_t* behind         # and of each behind them
    Py_ssize_t depth
    Py_ssize_t column_bytes          # pitch of the source's columns
    const Py_ssize_t* channel_bytes  # offset of each channel in the source
    bint adjacent                    # the source's channels lie next to each other
    bint swapped                     # the source's bytes are in the other order
    int turned_bits                  # bits of a byte that are turned around on the way into a strip of bytes
    Py_ssize_t n_phases              # padded column x goes to phase x % n_phases, position x // n_phases
    Py_ssize_t phase_pitch           # of the strip, in elements, as the next two
    Py_ssize_t position_pitch
    Py_ssize_t channel_pitch
    const double* fill               # of each channel

# source is the row's first column, or NULL for a row of fill values.
ctypedef void (*Stage)(const Staging*, const char* source, void* strip) noexcept nogil

# `n_rows` rows of images of the summed type, with at most two phases, channel by channel.
ctypedef void (*StagePlanes)(const Staging*, const char* source, Py_ssize_t row_bytes, Py_ssize_t n_rows, void* strip,
                             Py_ssize_t row_pitch) noexcept nogil

# One row of responses as it leaves the strip for an array of another dtype or order.
cdef struct Storing:
    Element element
    Py_ssize_t n_columns
    Py_ssize_t n_kernels
    Py_ssize_t column_pitch          # of the strip, in elements
    Py_ssize_t kernel_pitch
    Py_ssize_t column_bytes          # of the array
    const Py_ssize_t* kernel_bytes   # offset of each kernel in the array
    bint adjacent                    # the array's kernels lie next to each other
    bint equally_spaced              # from each kernel of a group to the next it is as far

ctypedef void (*Store)(const Storing*, const void* strip, char* target) noexcept nogil

# One row of responses in place: rounded to the nearest whole numbers, ties to even, and kept within [low, high].
# Whether all of them are numbers.
ctypedef bint (*Saturate)(const Storing*, void* strip, double low, double high) noexcept nogil

# As `Store` after `Saturate`, whose answer it gives; a row with what is no number may be stored in part. `high` may be
# the power of two after the type's largest value.
ctypedef bint (*StoreSaturated)(const Storing*, void* strip, double low, double high, char* target) noexcept nogil

# Whether one row of responses lies within [low, high]: what is no number does not.
ctypedef bint (*Within)(const Storing*, const void* strip, double low, double high) noexcept nogil

# Whether so many responses that lie next to each other are finite.
ctypedef bint (*AllFinite)(const void* responses, Py_ssize_t count) noexcept nogil

# Whether one of so many numbers that lie next to each other is better summed in a wider type: float32 subnormals.
ctypedef bint (*AnySubnormal)(const void* numbers, Py_ssize_t count) noexcept nogil

# As `Store`, of an array of the summed type, but only where it holds what is not finite.
ctypedef void (*ReplaceInfinite)(const Storing*, const void* strip, char* target) noexcept nogil

# Reductions, of runs of numbers that lie next to each other: responses as the array would hold them, in float32 or
# float64. `whole` says that they are whole numbers, whose squares are then exact.

# Extremes of a run of at least one number; of zeros with either sign the negative one is the lower. Where one is no
# number they are any.
cdef struct Run:
    double lowest, highest
    bint has_nan

ctypedef void (*Extremes)(const void* values, Py_ssize_t count, Run*) noexcept nogil

# The first number equal to the value, which is there; of no number the first that is none.
ctypedef Py_ssize_t (*PlaceOf)(const void* values, Py_ssize_t count, double value) noexcept nogil

ctypedef Py_ssize_t (*NPositive)(const void* values, Py_ssize_t count) noexcept nogil

# Rounded to float16, in place.
ctypedef void (*ThroughHalf)(void* values, Py_ssize_t count) noexcept nogil

# A sum that is the same in whatever order numbers are added: slices[i] * 2**(32 * (top - 1 - i)), and what was not
# finite. No number has been 2**(32 * top) or more. It begins as zeros with the least top.
cdef enum:
    HAS_NAN = 1
    HAS_POSITIVE_INFINITY = 2
    HAS_NEGATIVE_INFINITY = 4
    LEAST_TOP = -40

cdef struct Sliced:
    int64_t[3] slices
    int top, flags

# Adds the numbers or their squares; fewer than 2**31 in all.
ctypedef void (*SumSlices)(const void* values, Py_ssize_t count, bint squared, bint whole, Sliced*) noexcept nogil

# Over kernels: where values[i] is larger (or smaller) than best[i], or is no number and that is one, it takes its
# place, and kernel that of kernels[i].
ctypedef void (*TakeBetter)(const void* values, Py_ssize_t count, int32_t kernel, bint larger, void* best,
                            int32_t* kernels) noexcept nogil

# totals[i] + errors[i] += values[i], or its square, for count <= 256.
ctypedef void (*AddToTotals)(const void* values, Py_ssize_t count, bint squared, bint whole, double* totals,
                             double* errors) noexcept nogil

# counts[i] += values[i] > 0
ctypedef void (*AddPositive)(const void* values, Py_ssize_t count, int32_t* counts) noexcept nogil

# What a level has for sums of one type.
cdef struct Routines:
    Element element                  # of arrays that need not be converted
    Py_ssize_t item_bytes
    Py_ssize_t lanes                 # elements of a vector
    Py_ssize_t most_kernels          # of a panel over columns
    Py_ssize_t tile_columns          # of a tile over kernels, two vectors of them wide
    Py_ssize_t pixel_bytes           # of an element of a strip
    Py_ssize_t taps_at_once          # of a step
    Py_ssize_t laid_bytes            # of a plane of 7x7 kernels over planes
    CorrelateRows over_kernels
    CorrelateRows planes_over_kernels  # the same of channels in planes
    CorrelateRows over_columns
    CorrelateRows over_rows
    CorrelateRows bank_over_columns  # lanes over columns, too, for panels of 4 kernels and the most, not compensated
    CorrelateByFactors by_factors
    CorrelateInWords bytes_in_words
    CorrelateRows over_channels
    CorrelatePixels over_pixels
    CorrelatePixels over_planes
    CorrelateRows over_bytes         # of 8-bit operands, as the next two
    CorrelateRows over_bytes_unsigned
    PackSteps pack_steps
    Pack pack
    Multiply multiply
    WinogradIn winograd_in
    WinogradOut winograd_out
    PackTransformed pack_transformed
    Py_ssize_t largest_radix
    int most_exponents               # between the largest magnitude of a section and that of any window
    int largest_exponent             # of a section's norm and of a kernel: their sums are finite
    Forward forward
    Backward backward
    FillTwiddles fill_twiddles
    FillTurns fill_turns
    TransformKernel transform_kernel
    Examine examine
    FindZeros find_zeros
    PlaneColumns plane_columns
    PlaneLines plane_lines
    PlaneBack plane_back
    MultiplySpectra multiply_spectra
    PlanePhases plane_phases
    WindowMoments window_moments
    WindowProducts window_products
    WindowPhases window_phases
    WindowSums window_sums
    SumUpBoxes sum_up_boxes
    ScoreOverlaps score_overlaps
    CentreSums centre_sums
    ScoreSums score_sums
    SumSeen sum_seen
    MultiplySeen multiply_seen
    Stage stage
    StagePlanes stage_planes          # NULL of bytes
    Store store
    Saturate saturate
    StoreSaturated store_saturated
    Within within
    AllFinite all_finite
    AnySubnormal any_subnormal
    ReplaceInfinite replace_infinite
    Extremes extremes                # from here on of float32 and float64 alone
    PlaceOf place_of
    NPositive n_positive
    ThroughHalf through_half
    SumSlices sum_slices
    TakeBetter take_better
    AddToTotals add_to_totals
    AddPositive add_positive
