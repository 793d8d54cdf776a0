# What a level has for scores of templates: passes over windows of planes, and over rows of scores. All in float64, but
# for scores that are float32.

cdef enum Combine:
    ADD
    LEAST
    GREATEST

cdef enum:
    N_LIMITS = 3
    LINE_DOUBLES = 8  # numbers of a cache line
    END_LANES = 64

# to = pixels * factor - centre, of pixels that lie next to each other.
ctypedef void (*ShiftRow)(const void* pixels, Py_ssize_t n_pixels, double factor, double centre,
                          void* to) noexcept nogil

cdef struct Walk:  # windows along one axis
    Py_ssize_t taps
    Py_ssize_t dilation
    Py_ssize_t stride
    Py_ssize_t n_windows

cdef inline Py_ssize_t row_pitch(Py_ssize_t length) noexcept nogil:
    """Numbers from row to row, an odd number of lines of the cache: no two begin at the same place of a page."""
    return ((length + LINE_DOUBLES - 1) // LINE_DOUBLES | 1) * LINE_DOUBLES


# Sums, of squares if asked for, or extremes of all windows of a plane. `spare` has room for 4 rows of pixels, and for
# twice as many rows of windows as a kernel has, and one.
ctypedef void (*PlaneWindows)(Combine how, bint squared, const double* plane, Py_ssize_t n_rows, Py_ssize_t n_columns,
                              const Walk* down, const Walk* across, double* spare, double* to) noexcept nogil

# What a window needs to be above: relative[i] times its sum of squares, and least[i] beside it; and how many are.
cdef struct Limits:
    double[N_LIMITS] relative
    double[N_LIMITS] least
    Py_ssize_t[N_LIMITS] n_above

# spread = the sum over channels of squares - sums^2 * share, of n_windows windows; a channel's are `pitch` apart.
# Without sums (NULL) they count as 0. `total` has room for the windows.
ctypedef void (*SpreadRow)(const double* sums, const double* squares, Py_ssize_t n_channels, Py_ssize_t pitch,
                           double share, Py_ssize_t n_windows, double* total, double* spread,
                           Limits* limits) noexcept nogil

# roots = 1 / sqrt(spread), 0 where that is not above 0; elements of the scores' type.
ctypedef void (*InverseRoots)(const double* spread, Py_ssize_t n_windows, void* roots) noexcept nogil

# scores *= roots * factor, within -most to most; neighbours of scores are `pitch` elements apart.
ctypedef void (*ScaleRow)(void* scores, Py_ssize_t pitch, const void* roots, double factor, double most,
                          Py_ssize_t n_scores) noexcept nogil

# The same of n_kernels scores that lie next to each other, for every window: those of one have one root.
ctypedef void (*ScaleKernels)(void* scores, Py_ssize_t pitch, const void* roots, const double* factors, double most,
                              Py_ssize_t n_windows, Py_ssize_t n_kernels) noexcept nogil

# A squared distance is own + share * squares - both * product, at least 0, times three powers of two; or over the root
# of the squares, and `root`, before.
cdef struct Distance:
    double own
    double share
    double both
    double root
    double[3] powers
    bint divides

# Of rows of products and distances whose neighbours are so many elements apart.
ctypedef void (*DistanceRow)(const double* products, Py_ssize_t apart, const double* squares, const Distance* distance,
                             Py_ssize_t n_windows, void* distances, Py_ssize_t pitch) noexcept nogil

# values = n_taps * values - the sum over channels of template_sums * sums, and scores = values * roots * factor, of
# whole numbers that float64 holds; how many scores are as good as 1 or -1.
ctypedef Py_ssize_t (*ExactRow)(double* values, const double* sums, Py_ssize_t n_channels, Py_ssize_t channel_pitch,
                                const double* template_sums, double n_taps, const double* roots, double factor,
                                Py_ssize_t n_scores, double* scores) noexcept nogil

# The least and the greatest pixel of each place in a line of END_LANES; `unknown` is 0 where all are finite.
ctypedef void (*EndsOfRow)(const float* pixels, Py_ssize_t n_pixels, float* least, float* greatest,
                           float* unknown) noexcept nogil

# Adds a row of pixels, and their squares, to the sums of columns, and takes one away (NULL for none).
ctypedef void (*SlideColumns)(const float* following, const float* leaving, Py_ssize_t n_columns, double* sums,
                              double* squares) noexcept nogil

# Sums of the windows of one row, of sums of columns and of their squares. `spare` has room for 4 rows of columns.
ctypedef void (*RowSums)(const double* sums, const double* squares, Py_ssize_t n_columns, const Walk* across,
                         double* spare, double* to_sums, double* to_squares) noexcept nogil

# total += row.
ctypedef void (*AddRow)(double* total, const double* row, Py_ssize_t n) noexcept nogil

# total += squares and spread += squares * times - sums^2 * share.
ctypedef void (*AddMoments)(const double* sums, const double* squares, double times, double share,
                            Py_ssize_t n_windows, double* total, double* spread) noexcept nogil

# What a row of windows leaves of all rows', in each lane of a vector: the least spread less relative * squares, and the
# greatest sum of squares.
ctypedef void (*CloseRow)(const double* sums, const double* squares, double share, double relative,
                          Py_ssize_t n_windows, double* lowest, double* largest, float* roots) noexcept nogil

# The same where both are known already: of several channels.
ctypedef void (*CloseRows)(const double* total, const double* spread, double relative, Py_ssize_t n_windows,
                           double* lowest, double* largest, float* roots) noexcept nogil

cdef struct Passes:
    ShiftRow shift_u8_to_f32
    ShiftRow shift_u8_to_f64
    ShiftRow shift_f32_to_f32
    ShiftRow shift_f32_to_f64
    ShiftRow shift_f64_to_f64
    PlaneWindows plane_windows
    EndsOfRow ends_of_row
    SlideColumns slide_columns
    RowSums row_sums
    AddRow add_row
    AddMoments add_moments
    CloseRow close_row
    CloseRows close_rows
    SpreadRow spread_row
    InverseRoots inverse_roots_f32
    InverseRoots inverse_roots_f64
    ScaleRow scale_row_f32
    ScaleRow scale_row_f64
    ScaleKernels scale_kernels_f32
    ScaleKernels scale_kernels_f64
    DistanceRow distance_row_f32
    DistanceRow distance_row_f64
    ExactRow exact_row

cdef extern from *:
    """
    #define XCORR_SCORES_NAME "xcorr.scores"
    """
    const char* SCORES_NAME "XCORR_SCORES_NAME"
