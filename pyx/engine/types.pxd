# What the engine's files share: sizes, and everything that the loops of one call read.

from libc.stdint cimport int32_t, int64_t
from microkernels cimport (
    CorrelatePixels, CorrelateRows, Factors, Pixels, Product, Quads, Routines, Rows, Sliced, Staging, Storing, Sum
)
from scoring cimport Passes
from transforms cimport Fourier

cdef struct Loops

cdef enum Form:  # where the lanes go
    OVER_KERNELS, OVER_COLUMNS, OVER_CHANNELS
    OVER_ROWS                        # as over columns, the axes of the image and of its windows exchanged
    OVER_BYTES                       # over kernels, of 8-bit operands
    WINOGRAD                         # over channels and over kernels, between its transforms
    FOURIER                          # over columns and rows of sections, in its transforms
    BY_FACTORS                       # over columns, of what rows of taps sum up to
    OVER_TAPS                        # of windows and kernels where they lie, in products

cdef enum:
    MOST_BESIDE = 256  # rows or responses that are turned at once

# One spatial axis of an image, and of the kernels that go along it; in pixels.
cdef struct Axis:
    Py_ssize_t length, kernel
    Py_ssize_t before                             # padding
    Py_ssize_t stride, dilation
    Py_ssize_t outputs                            # windows along the axis

# Sizes of one image and the bank, in real elements: a complex channel counts as two, and so does a complex kernel.
# Over channels all groups are one, of all kernels.
cdef struct Geometry:
    Axis down, across
    Py_ssize_t depth                              # channels of one group
    Py_ssize_t groups, n_kernels                  # n_kernels: of one group
    Py_ssize_t rows_per_block, pieces_per_row     # the sum's blocks
    bint compensated

cdef struct Panel:
    Py_ssize_t first        # kernel
    Py_ssize_t width
    Py_ssize_t n_kernels    # that exist
    Py_ssize_t offset       # of its first tap among the group's panels, in kernels: times taps gives elements

# Some rows and columns of one image's responses, of some of the groups: what a task of the direct method computes.
cdef struct Area:
    Py_ssize_t image
    Py_ssize_t first_group, end_group
    Py_ssize_t first_panel, end_panel
    Py_ssize_t first_row, n_rows
    Py_ssize_t first_column, n_columns

cdef struct KernelRows:
    Py_ssize_t first, end

# Some rows and columns of windows that have the same kernel rows and columns; windows that are none may lie between.
cdef struct Part:
    KernelRows kernel_rows, kernel_columns
    Sum sum                           # of these rows
    Py_ssize_t first_row, first_column  # of the responses of the image
    Py_ssize_t n_rows, n_columns
    Py_ssize_t window_row_pitch, row_pitch  # from a row of windows, and of responses, to the next
    const char* windows
    char* responses
    char* waiting                     # as of Rows

# The direct method's panels and sum for windows as winograd stages them.
cdef struct Direct:
    const Panel* panels
    Py_ssize_t n_panels, padded_kernels
    const char* packed
    const char* bias
    Sum sum

cdef enum Boundary:
    CONSTANT, EDGE, REFLECT, SYMMETRIC, WRAP

# What enters a strip (source.pxi).
cdef struct Source:
    const char* images
    Py_ssize_t image_bytes, row_bytes  # pitches
    const Py_ssize_t* channel_bytes   # groups * depth
    int row_boundary                  # of the padding above and below, a Boundary
    bint rows_join                    # the image's rows follow each other without a gap, and so do the strip's
    bint in_planes                    # rows of one column after the other, as in the strip, and of its type
    bint skips_rows                   # those that no window has a tap in are left as they are
    Py_ssize_t rows_ahead             # that are fetched while one is staged
    const Py_ssize_t* beside          # where rows lie element by element next to each other: of each, some at once
    Staging staging                   # of all padded columns

# How pixels lie that subnormal ones are looked for among (faint_pixels.pxi): runs of as many channels as lie together.
cdef struct PixelRuns:
    Py_ssize_t channels               # 0: none are looked for
    Py_ssize_t n_blocks               # of so many channels
    Py_ssize_t run_bytes, row_bytes   # from a pixel of a run to the next, and from run to run
    bint along_columns                # a run goes down a column of the image
    bint joined                       # all of an image's follow each other without a gap
    bint after                        # they are looked at after their sums, which took them from memory
    Py_ssize_t vectors_at_once, rows_at_once  # over channels, whose pixels are looked at at once

# What takes a strip that is done (consumers.pxi).
cdef enum ConsumerKind:
    STORE              # into the array, whatever they are
    STORE_CHECKED      # rows of which all responses lie within the limits
    STORE_SATURATED    # rounded, and brought inside of the limits what is outside; of rows with NaN perhaps a part
    REDUCE             # into what is kept of them (reducing.pxi), after what `before` says

# What is asked of the responses of an image and kernel, or of a position.
cdef enum:
    ASKED_LARGEST = 1
    ASKED_SMALLEST = 2
    ASKED_POSITIVE = 4
    ASKED_MEAN = 8
    ASKED_ENERGY = 16
    ASKED_PLACES = 32  # of the largest and smallest ones, too

cdef enum:
    N_LOCKS = 64

# What is kept of the responses of one image and one kernel. Places count positions in the order of rows; -1: none yet.
cdef struct KeptOfKernel:
    double lowest, highest
    int64_t lowest_at, highest_at, n_positive
    Sliced sum, energy

# What is kept of the responses at positions, over kernels: of each, position by position, or NULL. In the type that
# responses are reduced in; -1: none yet.
cdef struct KeptOfPositions:
    char* lowest
    char* highest
    int32_t* lowest_of
    int32_t* highest_of
    int32_t* n_positive
    double* totals                    # and what their rounding lost, as many behind them
    double* energies

# A reduction of some images' responses, which all calls that make these have in common.
cdef struct Reduction:
    const Routines* routines          # of the type that responses are reduced in
    int asked                         # ASKED_LARGEST and so on
    bint over_kernels, halves, whole  # halves: responses are float16; whole: integers
    Py_ssize_t n_images, n_kernels, n_positions
    KeptOfKernel* of_kernels          # images * kernels
    KeptOfPositions of_positions      # images * positions
    int[N_LOCKS] locks

# What makes scores of responses before they go anywhere (scaling.pxi). Of floats a response is multiplied by the
# inverse root of its window's spread and by its kernel's factor. Of whole numbers the spreads are given themselves,
# beside sums of windows and of templates for each channel that means matter for.
cdef struct Scaling:
    const Passes* passes              # NULL: responses are what goes on
    bint whole
    const char* roots                 # of the summed type; spreads in float64
    Py_ssize_t image_bytes, row_bytes, column_bytes  # pitches of these
    double most                       # magnitude of a score
    const double* factors             # groups * n_kernels
    const double* spreads             # of whole numbers: of each kernel
    const double* sums                # of windows, from row to row and column to column as the spreads
    Py_ssize_t sums_bytes             # from image to image
    Py_ssize_t channel_pitch          # in elements
    const double* template_sums       # kernels * channels
    Py_ssize_t n_channels
    double n_taps
    const Routines* doubles           # the row of float64, which stores them

cdef struct Consumer:
    int kind
    Scaling scaling
    int before                        # of REDUCE: STORE, or what is done to rows first
    Reduction* reduction
    Py_ssize_t first_image            # among those of the reduction
    Py_ssize_t first_place, row_places, column_places  # positions from row to row and from column to column
    const Py_ssize_t* reduced_kernels  # the number of each kernel; -1: its responses are others'
    char* out
    Py_ssize_t response_bytes, row_bytes  # pitches of the array
    const Py_ssize_t* kernel_bytes    # groups * n_kernels
    const Py_ssize_t* beside          # where rows, or their kernels, lie so: of each, some at once
    Storing storing                   # what is the same for all rows
    double low, high                  # limits of the array's integer type
    double* tops                      # of rows (images, kernels, rows), or NULL: the largest, or the negated least
    Py_ssize_t* noted                 # responses among which these are; written by all workers
    bint least
    Py_ssize_t n_kernels, n_rows      # of the tops
    bint clips                        # only these rows and columns are in the array, which `out` is outside of then
    Py_ssize_t first_row, end_row, first_column, end_column
    int overflowed                    # written by all workers: some rows were not stored

# Responses (row, column, kernel) at responses + row * row_pitch + column * column_pitch + kernel * kernel_pitch.
cdef struct Finished:
    Py_ssize_t image
    Py_ssize_t first_row, n_rows
    Py_ssize_t first_column, n_columns
    Py_ssize_t first_kernel, n_kernels  # of all groups
    char* responses
    Py_ssize_t row_pitch, column_pitch, kernel_pitch

# Workers of a call, or of a preparation (crew.pxi).
cdef struct Crew:
    unsigned int n_inside, closed   # workers in the loops; none may come any more
    unsigned int forks_before

cdef enum Status:  # with which loops are left
    DONE, CANCELLED, RAISED

# A task, and a group's responses in a strip; the Status to go on with. `counted` are the multiply-adds since the last
# look for a signal.
ctypedef int (*DoTask)(Loops*, Py_ssize_t task, char* workspace, Py_ssize_t* counted,
                       bint watch_signals) noexcept nogil
ctypedef int (*CorrelateGroup)(Loops*, Py_ssize_t group, const Area*, const char* windows, char* responses,
                               char* memory, Py_ssize_t* counted, bint watch_signals) noexcept nogil

# Everything that the loops of one call read.
cdef struct Loops:
    const Routines* routines          # of the summed type
    Py_ssize_t item_bytes             # of an element of it
    Py_ssize_t pixel_bytes            # of an element of an image's strip
    DoTask do_task                    # of the form, as the next three
    CorrelateGroup correlate_group
    CorrelateRows correlate           # the micro-kernels
    CorrelatePixels correlate_pixels  # over channels, where pixels are found one by one
    CorrelateRows correlate_wide      # those of panels of 4 kernels and more over columns
    Py_ssize_t own_pixels             # of each kernel at a position: 1 over channels, else 0
    const Geometry* geometry
    const Panel* panels
    Py_ssize_t n_panels
    Py_ssize_t padded_kernels         # widths of a group's panels together
    bint in_place                     # windows are read from the image itself, without a strip
    bint sides_staged                 # those that lie inside are, and the others from a strip
    bint runs_down                    # tiles lie along columns of windows, not along rows
    bint direct_store                 # responses are written to `out` without a strip
    Py_ssize_t piece_rows, piece_columns  # of a strip, whose pixels all panels are multiplied with, one after the other
    Py_ssize_t sharing_rows           # rows of windows from one that shares rows of pixels with the next such one
    Py_ssize_t chunk_taps             # of all kernels of a panel, whose taps are in a cache at once
    Py_ssize_t waiting_windows        # whose compensated totals have a place to wait for the next chunk in
    bint flattens                     # rows of windows that follow on each other are one: tiles share no pixels of rows
    bint by_panel                     # a panel's responses in a piece are consumed before the next one's are made
    bint by_part                      # the strip holds those of winograd's part of the panels alone
    bint across_images                # of a task's images one row each is done together, and each is a row
    Py_ssize_t window_image_pitch, image_pitch  # from these, and from their responses, to the next, in elements
    bint joined                       # rows of windows, with what lies between them, are one row of them
    bint skips                        # kernel rows that lie in the padding alone are left out
    bint skips_columns                # and kernel columns, so that images with padding may be read in place
    const char* packed                # panels
    const char* bias
    Source source
    PixelRuns pixel_runs
    Consumer consumer
    Sum sum
    Factors factors                   # of all kernels
    Rows rows
    Pixels pixels                     # over channels
    Product product                   # over taps: of all windows and kernels
    Py_ssize_t windows_at_once       # of a task
    Py_ssize_t kernels_at_once       # of a task; of the frequency domain, in the response's strip
    Quads quads
    Py_ssize_t quads_at_once
    Py_ssize_t panel_parts            # of winograd's panels, which are tasks of their own where strips are few
    Py_ssize_t panels_at_once         # of winograd's sums
    Py_ssize_t sums_elements          # of the quads that are done at once and one panel
    bint looks                        # where kernels are transformed just before their sums: for subnormal taps, too
    Py_ssize_t[4] kernel_pitches      # of these kernels: from a kernel, row, column, channel to the next, in elements
    bint channels_follow              # each other, and not all of a channel's taps
    Py_ssize_t lowest_tap             # in memory, of a channel: counted from its first tap
    Fourier fourier                   # from here on of the frequency domain alone
    Py_ssize_t first_chosen, n_chosen  # the kernels of each group that this call does
    const int* kernel_exponents       # groups * n_chosen, as the next ones
    const int* kernel_kinds           # of their taps, NULL: of no use
    Py_ssize_t n_parts                # of the chosen kernels: a task does one part of them in a section
    Py_ssize_t n_positions_down, n_positions_across  # windows without stride
    Py_ssize_t reached_rows
    Scaling section_scaling           # of responses where they are put into the section's place; or none
    double over_points                # 1 over the points of a transform
    const Py_ssize_t* sections        # that are done; NULL: all of an image's
    char* handed_back                 # of each image's sections and groups, whether the direct method has to do them
    const char* redone                # the same of a call before, whose sections these are; NULL: all are
    Py_ssize_t row_pitch              # of the strip (or of the image in place), in elements
    Py_ssize_t strip_elements         # an image strip's size
    Py_ssize_t response_elements      # a response strip's size
    Py_ssize_t n_images, strip_rows, strips_across, n_strips, n_tasks, tasks_per_claim
    Py_ssize_t images_at_once         # that a task does together, with all of their rows; 1 where strips are cut
    const Area* areas                 # one for each task; NULL: tasks are strips of whole images
    Direct direct                     # winograd: there once `has_direct` is set
    void* call                        # winograd: the Call, which is asked for them
    Py_ssize_t next_task              # from here on what all workers read and write
    int cancelled, has_direct, too_large  # too_large: there is no room for the direct method's panels
    int has_faint                     # a subnormal tap was seen
    int has_faint_pixels              # a subnormal pixel was seen, and tasks are left undone


cdef inline Py_ssize_t effective(const Axis* axis) noexcept nogil:
    """The extent of a kernel with its dilation."""
    return (axis.kernel - 1) * axis.dilation + 1


cdef inline Py_ssize_t reach(const Axis* axis, Py_ssize_t outputs) noexcept nogil:
    """Pixels from the first to the last that so many windows next to each other hold."""
    return (outputs - 1) * axis.stride + effective(axis)


cdef inline Py_ssize_t span(const Axis* axis) noexcept nogil:
    """Windows that there would be without stride, from the first to the last that is taken."""
    return (axis.outputs - 1) * axis.stride + 1


cdef inline Py_ssize_t ceiling(Py_ssize_t value, Py_ssize_t divisor) noexcept nogil:
    return value // divisor + (value % divisor != 0)
