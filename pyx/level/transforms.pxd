"""The contract between the engine and a level's transforms: sections of images, whole planes, small windows.

As in `microkernels.pxd`, which has these in its table: nothing allocates or fails, and `void` is the summed type.
"""

# Pairs of blocks of a plane's columns that are transformed beside each other. In memory a row of one pair is a line of
# the cache, in another page than the next row: a column after the other, each line waits for its page.
cdef enum:
    MOST_PAIRS = 8

# A transform of so many points along one axis, as passes of these radices; without any the axis is left alone.
cdef struct Transform:
    Py_ssize_t n_points
    Py_ssize_t n_radices
    Py_ssize_t[16] radices           # 1 (alone, where the axis is left alone), 2, 3, 4, 5 or 8
    const void* twiddles             # cosines and sines in the order of the forward passes

# Sections of one image and the transforms that all of them have. Section s covers padded rows from
# s // across * valid_rows and padded columns from s % across * valid_columns on, and its first
# valid_rows x valid_columns windows lie inside. The lower half of a section is the imaginary part of its points, of
# which there are half as many as pixels; `turns` has the cosine and the sine by which each row of them is turned.
cdef struct Fourier:
    Transform down, across
    const void* turns
    Py_ssize_t height, width         # pixels of a section: multiples of 32 and of 16
    Py_ssize_t pitch                 # of a staged section's rows
    Py_ssize_t valid_rows, valid_columns
    Py_ssize_t sections_down, sections_across
    Py_ssize_t depth
    Py_ssize_t kernel_height, kernel_width
    Py_ssize_t row_dilation, column_dilation
    Py_ssize_t block_height, block_width  # of a block such that every window contains one that is aligned; 0: none
    bint rounded                     # responses to whole numbers

# Numbers whose sums are such numbers, too, as the taps of a kernel may be and the pixels of a section.
cdef enum Kind:
    WHOLE = 1
    NOT_NEGATIVE = 2

# What has to be known of a section before it may be transformed.
cdef struct Range:
    Py_ssize_t n_rows, n_columns     # of the section that windows reach: given, as the next ones are for AT_INSIDE
    Py_ssize_t first_row, end_row, first_column, end_column  # that lie in the image
    Py_ssize_t block_height, block_width  # of a block such that every window contains one of these that is aligned
    int exponent                     # of its norm: its scale is 2**-exponent
    bint finite
    int largest                      # exponent of the section's largest magnitude
    int least                        # the smallest, over all blocks, of the exponent of a block's largest magnitude
    Py_ssize_t n_zeros               # pixels of zeros in all channels
    int kinds                        # of all its numbers, a Kind each

# Windows of zeros alone, next to each other.
cdef struct ZeroSpan:
    short row, first, end

# One kernel's responses in a section. Element (y, x) is at target[y * pitch + x]; responses are scaled * further times
# the inverse transform, which is not divided by its number of points, plus bias. Where there are roots they are scores:
# times roots[y * roots_pitch + x] * factor, within -most to most.
cdef struct Responses:
    char* target
    Py_ssize_t n_rows, n_columns, pitch
    double scaled, further
    const void* bias                 # the element
    int kinds                        # of the responses without bias: rounded if WHOLE, 0 at least if NOT_NEGATIVE
    const char* roots                # NULL: none
    Py_ssize_t roots_pitch
    double factor, most
    ZeroSpan* zero_spans             # whose responses are the bias
    Py_ssize_t n_zero_spans

# spectrum = the transform of a staged section times scale, whose pixels are zero for columns from n_columns on. Its
# points stand in the order that the passes leave: blocks of lanes rows, in these the columns, for each the vector of
# real and that of imaginary parts. `points` holds height elements and 2 * lanes * max(height / 2, width).
ctypedef void (*Forward)(const Fourier*, const void* section, Py_ssize_t n_columns, double scale, void* spectrum,
                         void* points) noexcept nogil

# The responses whose spectrum is the sum over the channels of an image's times the conjugate of a kernel's. `plane`
# holds a spectrum.
ctypedef void (*Backward)(const Fourier*, const void* spectra, const void* kernel, const Responses*, void* plane,
                          void* points) noexcept nogil

# The transforms of whole planes of real numbers. A spectrum has of each group of lanes rows of frequencies, of which
# there are half of the height and one and zeros behind, the columns in the order that the passes leave, and for each of
# these the vector of real and that of imaginary parts.
cdef struct PlaneTransform:
    Transform down, across
    Py_ssize_t groups
    Py_ssize_t at_once               # pairs of blocks of columns beside each other, at most MOST_PAIRS
    const int* places                # where the passes down leave each frequency

# What is kept of a plane that is transformed back: rows and columns from the first ones on, around the ends.
cdef struct Kept:
    Py_ssize_t first_row, n_rows, first_column, n_columns
    double scale

# Of pairs of blocks of lanes columns, [first, end), the transforms down, into their places of the spectrum. The plane
# has n_rows x n_columns elements, as many as are transformed, or fewer where no mean is taken off. `points` holds
# at_once * 2 * lanes * height.
ctypedef void (*PlaneColumns)(const PlaneTransform*, const void* plane, Py_ssize_t n_rows, Py_ssize_t n_columns,
                              double mean, void* spectrum, void* points, Py_ssize_t first,
                              Py_ssize_t end) noexcept nogil

# The transforms across of groups [first, end) of rows of frequencies, or the way back.
ctypedef void (*PlaneLines)(const PlaneTransform*, void* spectrum, Py_ssize_t first, Py_ssize_t end,
                            bint backward) noexcept nogil

# The way back down of pairs of blocks of columns, into the n_rows x n_columns that are kept.
ctypedef void (*PlaneBack)(const PlaneTransform*, const void* spectrum, const Kept*, void* plane, void* points,
                           Py_ssize_t first, Py_ssize_t end) noexcept nogil

# product (+)= a * the conjugate of b, of so many vectors of points.
ctypedef void (*MultiplySpectra)(const void* a, const void* b, void* product, Py_ssize_t n_points,
                                 bint add) noexcept nogil

# A spectrum over its magnitudes, what is below a share of the largest of them 0, and the mean unless it is kept; how
# many frequencies are left.
ctypedef double (*PlanePhases)(const PlaneTransform*, void* spectrum, double share, bint keeps_mean) noexcept nogil

# The transforms of pairs of small windows, the lanes over pairs. A spectrum has half of the columns of frequencies and
# one, in order, and of each the rows in the order that the passes leave: vectors of real and of imaginary parts.
cdef struct WindowTransform:
    Transform down, across
    const int* row_places            # where the passes leave each frequency
    const int* column_places

cdef struct WindowPairs:
    Py_ssize_t n_pairs               # at most the lanes
    const void* a                    # the pixels that the first windows lie in
    const void* b
    const Py_ssize_t* a_firsts       # elements before the window of each pair
    const Py_ssize_t* b_firsts
    Py_ssize_t a_pitch, b_pitch      # elements from a row to the next
    const double* a_means            # of each pair, which are taken off
    const double* b_means
    const double* b_scales           # of each pair, powers of two: both windows are then about as bright

# The least and the greatest of so many rows and columns, the mean, and the sum of squares about it. What is not finite
# shows in the mean.
cdef struct Moments:
    double least, greatest, mean, squares

ctypedef void (*WindowMoments)(const void* pixels, Py_ssize_t pitch, Py_ssize_t n_rows, Py_ssize_t n_columns,
                               Moments*) noexcept nogil

# spectrum (+)= the transforms of the first windows times the conjugates of those of the second ones, scaled. `points`
# holds 2 * lanes * height * (width + 2).
ctypedef void (*WindowProducts)(const WindowTransform*, const WindowPairs*, bint add, void* spectrum,
                                void* points) noexcept nogil

# A spectrum as by `PlanePhases`, and its counts for each lane.
ctypedef void (*WindowPhases)(const WindowTransform*, void* spectrum, double* counts) noexcept nogil

# The way back of a spectrum, which is overwritten, times a scale for each pair, into (rows, columns) of each, `pitch`
# elements apart.
ctypedef void (*WindowSums)(const WindowTransform*, void* spectrum, const double* scales, Py_ssize_t n_pairs,
                            void* sums, Py_ssize_t pitch, void* points) noexcept nogil

# One of two images, all of whose pixels count, in float64, and its sums of what is above and before each place, of
# pixels and of squares: n_rows + 1 and n_columns + 1 each.
cdef struct Boxes:
    const double* pixels
    Py_ssize_t n_rows, n_columns
    double* sums
    double* squares
    double* along                    # room for n_columns + 1
    double* in_boxes                 # room for the columns' shifts, twice

# The shifts of two images, from the first ones on, each of which has some pixels in common; what of a row counts.
cdef struct Overlaps:
    Boxes a, b
    Py_ssize_t first_row, n_rows, first_column, n_columns
    const double* shares             # one over the columns in common, by the shift
    double least_count               # pixels in common, at least 1
    double least_a, least_b          # what variances have to be over

ctypedef void (*SumUpBoxes)(const Boxes*) noexcept nogil

# Turns the sums of products of all shifts into scores in place, -inf where there is none.
ctypedef void (*ScoreOverlaps)(const Overlaps*, double* scores) noexcept nogil

# Sums over what the masks of two images leave, by the shift, in float64. At first they are of what counts, of products,
# and of the pixels of either image (a and b). `CentreSums` takes off products what the means make of them, and leaves
# in a and b what these make of squares, negative; its caller adds the sums of squares; `ScoreSums` finds variances.
cdef struct MaskedSums:
    double* counts
    double* products
    double* a
    double* b

# Of shifts [first, end). Counts are rounded first if they are whole, and are at least the least.
ctypedef void (*CentreSums)(const MaskedSums*, Py_ssize_t first, Py_ssize_t end, bint are_whole,
                            double least) noexcept nogil

# Turns products into scores, -inf where what counts does not reach the least, or a variance is not over its least.
ctypedef void (*ScoreSums)(const MaskedSums*, Py_ssize_t first, Py_ssize_t end, double least_count, double least_a,
                           double least_b) noexcept nogil

# Pixels of two images that lie on each other, in float64, and what counts of them: NULL for all.
cdef struct SeenPixels:
    const double* shares
    const double* a
    const double* b
    Py_ssize_t n

# What counts of such pixels, and of either image their sum, the least and the greatest.
cdef struct SeenSums:
    double count
    double[2] sums
    double[2] least
    double[2] greatest

# Adds to sums, and takes the least and the greatest further.
ctypedef void (*SumSeen)(const SeenPixels*, SeenSums*) noexcept nogil

# Adds to the sums of products, and of squares of either, of pixels less their means, scaled.
ctypedef void (*MultiplySeen)(const SeenPixels*, const double* means, const double* scales,
                              double* found) noexcept nogil

# The turns of a transform's passes, from twiddles on, as many as `Transform` says.
ctypedef void (*FillTwiddles)(const Transform*, void* twiddles) noexcept nogil

# The turns of a section's rows of points, from `turns` on: by a quarter of a circle over all of them, by nothing where
# they are not transformed.
ctypedef void (*FillTurns)(const Transform*, void* turns) noexcept nogil

# The spectra of a kernel's channels, divided by 2**exponent, from its taps (rows, columns, channels). An axis that is
# not transformed repeats what it holds. `section` holds a staged one: zeros at first, and then what the kernel before
# left; `points` as above.
ctypedef void (*TransformKernel)(const Fourier*, const void* taps, void* section, void* points, void* spectra,
                                 int* exponent) noexcept nogil

cdef enum Look:
    AT_RANGE, AT_INSIDE, AT_WINDOWS, AT_KINDS

# The range of a staged section; `room` for twice its pixels is overwritten. Inside of the image only `least` is found,
# of blocks there, and at windows of the windows' own largest magnitudes, those of windows of zeros left out; at kinds
# only these.
ctypedef void (*Examine)(const Fourier*, const void* section, void* room, int look, Range*) noexcept nogil

# occupied[y, x] = 0 where all pixels of the window from pixel (y, x) of a staged section on are zeros in all channels,
# for windows that lie inside.
ctypedef void (*FindZeros)(const Fourier*, const void* section, int* occupied) noexcept nogil
