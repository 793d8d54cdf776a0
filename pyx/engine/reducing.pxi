# Responses that are reduced where they are final: runs of them as the array would hold them, in a type of their own,
# then what is kept of them. What is kept has no order, but for totals over kernels, which are added up in the kernels'.

from atomics cimport try_lock, unlock, write_flag
from libc.math cimport INFINITY, NAN, ldexp
from libc.stdint cimport int32_t, int64_t
from microkernels cimport (
    FLOAT32, FLOAT64, HAS_NAN, HAS_NEGATIVE_INFINITY, HAS_POSITIVE_INFINITY, LEAST_TOP, Routines, Run, Sliced, Storing,
    real
)
from types cimport (
    ASKED_ENERGY, ASKED_LARGEST, ASKED_MEAN, ASKED_PLACES, ASKED_POSITIVE, ASKED_SMALLEST, N_LOCKS, STORE,
    STORE_SATURATED, Consumer, Finished,
    KeptOfKernel, KeptOfPositions, Reduction
)

cdef enum:
    RUN = 256            # positions that are reduced at once
    KERNELS_OF_RUN = 16  # of as many kernels


cdef struct Runs:  # of some kernels and positions: those of a kernel next to each other
    char* values
    Py_ssize_t pitch   # bytes from a kernel's to the next one's
    Py_ssize_t count


cdef void reduce_finished(const Routines* routines, Consumer* consumer, const Finished* finished) noexcept nogil:
    """Takes some rows, columns and kernels of an image; where a row is refused, the call is, whatever is kept then."""
    cdef Storing storing = consumer.storing
    cdef Py_ssize_t row
    storing.n_columns, storing.n_kernels = finished.n_columns, finished.n_kernels
    storing.column_pitch, storing.kernel_pitch = finished.column_pitch, finished.kernel_pitch
    for row in range(finished.n_rows if consumer.before != STORE else 0):
        if not may_be_reduced(routines, consumer, &storing,
                              finished.responses + row * finished.row_pitch * routines.item_bytes):
            write_flag(&consumer.overflowed, 1)
            return
    if consumer.reduction.over_kernels:
        reduce_over_kernels(routines, consumer, finished)
    else:
        reduce_over_positions(routines, consumer, finished)


cdef inline bint may_be_reduced(const Routines* routines, const Consumer* consumer, const Storing* storing,
                                char* responses) noexcept nogil:
    """Whether a row's responses are within limits, or numbers; rounded and brought inside where that is asked for."""
    if consumer.before == STORE_SATURATED:
        return routines.saturate(storing, responses, consumer.low, consumer.high)
    return routines.within(storing, responses, consumer.low, consumer.high)


cdef inline Runs runs_at(const Routines* routines, const Reduction* reduction, const Finished* finished,
                         Py_ssize_t row, Py_ssize_t column, Py_ssize_t kernel, char* memory) noexcept nogil:
    """A row's responses from a column and kernel on: where they lie, or converted and turned into `memory`."""
    cdef Py_ssize_t[KERNELS_OF_RUN] kernel_bytes
    cdef const Routines* own = reduction.routines
    cdef Py_ssize_t n_kernels = min(finished.n_kernels - kernel, KERNELS_OF_RUN), index
    cdef char* first = finished.responses + (row * finished.row_pitch + column * finished.column_pitch
                                             + kernel * finished.kernel_pitch) * routines.item_bytes
    cdef Storing storing
    cdef Runs runs
    runs.count = min(finished.n_columns - column, RUN)
    storing.column_pitch, storing.kernel_pitch = finished.column_pitch, finished.kernel_pitch
    if routines.element == own.element and finished.column_pitch == 1:
        runs.values, runs.pitch = first, finished.kernel_pitch * own.item_bytes
    else:
        runs.values, runs.pitch = memory, RUN * own.item_bytes
        for index in range(n_kernels):
            kernel_bytes[index] = index * runs.pitch
        storing.element = own.element
        storing.n_columns, storing.n_kernels = runs.count, n_kernels
        storing.column_bytes, storing.kernel_bytes = own.item_bytes, kernel_bytes
        storing.adjacent, storing.equally_spaced = False, n_kernels > 1
        if reduction.halves and routines.element == FLOAT64:
            store_halves(routines, &storing, first, memory)
            return runs
        routines.store(&storing, first, memory)
    for index in range(n_kernels if reduction.halves else 0):
        own.through_half(runs.values + index * runs.pitch, runs.count)
    return runs


cdef void store_halves(const Routines* routines, const Storing* storing, const char* responses,
                       char* memory) noexcept nogil:
    """Stores responses in float64 as float32, after they are rounded once, to float16."""
    cdef double[KERNELS_OF_RUN * RUN] wide
    cdef Py_ssize_t[KERNELS_OF_RUN] kernel_bytes
    cdef Storing rounded = storing[0]
    cdef Py_ssize_t index
    for index in range(storing.n_kernels):
        kernel_bytes[index] = index * RUN * routines.item_bytes
    rounded.element = FLOAT64
    rounded.column_bytes, rounded.kernel_bytes = routines.item_bytes, kernel_bytes
    routines.store(&rounded, responses, <char*> wide)
    for index in range(storing.n_kernels):
        routines.through_half(wide + index * RUN, storing.n_columns)
    rounded = storing[0]
    rounded.column_pitch, rounded.kernel_pitch = 1, RUN
    routines.store(&rounded, <const char*> wide, memory)


cdef inline void lock_one(int* lock) noexcept nogil:
    while not try_lock(lock):
        pass


# --- over positions ---------------------------------------------------------------------------------------------------


cdef inline void begin_kernel(KeptOfKernel* kept) noexcept nogil:
    memset(kept, 0, sizeof(KeptOfKernel))
    kept.lowest_at = kept.highest_at = -1
    kept.sum.top = kept.energy.top = LEAST_TOP


cdef inline int* lock_of(Reduction* reduction, Py_ssize_t image, Py_ssize_t number) noexcept nogil:
    """The lock of a kernel of an image, whatever other kernels it comes with."""
    return &reduction.locks[(image + number) % N_LOCKS]


cdef inline void begin_runs(Reduction* reduction, Py_ssize_t image, Py_ssize_t number,
                            KeptOfKernel* kept) noexcept nogil:
    """Nothing, but for the best there is where places are asked for: only a better one's has to be looked for."""
    cdef const KeptOfKernel* before = &reduction.of_kernels[image * reduction.n_kernels + max(number, 0)]
    cdef int* lock
    begin_kernel(kept)
    if number < 0 or not reduction.asked & ASKED_PLACES:
        return
    lock = lock_of(reduction, image, number)
    lock_one(lock)
    kept.highest, kept.highest_at = before.highest, before.highest_at
    kept.lowest, kept.lowest_at = before.lowest, before.lowest_at
    unlock(lock)


cdef void reduce_over_positions(const Routines* routines, const Consumer* consumer,
                                const Finished* finished) noexcept nogil:
    """What is kept of some kernels at once, from all rows of theirs, then joined to what is kept of the image."""
    cdef double[KERNELS_OF_RUN * RUN] memory
    cdef KeptOfKernel[KERNELS_OF_RUN] kept
    cdef Reduction* reduction = consumer.reduction
    cdef Py_ssize_t kernel = 0, n_kernels, row, column, index, place
    cdef Py_ssize_t image = consumer.first_image + finished.image
    cdef const Py_ssize_t* numbers
    cdef Runs runs
    while kernel < finished.n_kernels:
        n_kernels = min(finished.n_kernels - kernel, KERNELS_OF_RUN)
        numbers = consumer.reduced_kernels + finished.first_kernel + kernel
        for index in range(n_kernels):
            begin_runs(reduction, image, numbers[index], &kept[index])
        for row in range(finished.n_rows):
            column = 0
            while column < finished.n_columns:
                runs = runs_at(routines, reduction, finished, row, column, kernel, <char*> memory)
                place = (consumer.first_place + (finished.first_row + row) * consumer.row_places
                         + (finished.first_column + column) * consumer.column_places)
                for index in range(n_kernels):
                    keep_run(reduction, runs.values + index * runs.pitch, runs.count, place, consumer.column_places,
                             &kept[index])
                column += runs.count
        for index in range(n_kernels):
            if numbers[index] >= 0:
                join(reduction, image, numbers[index], &kept[index])
        kernel += n_kernels


cdef inline void keep_run(const Reduction* reduction, const char* values, Py_ssize_t count, Py_ssize_t place,
                          Py_ssize_t places, KeptOfKernel* kept) noexcept nogil:
    """A kernel's responses at so many positions, so far apart in their order."""
    cdef const Routines* routines = reduction.routines
    cdef Run run
    if not reduction.asked & ASKED_PLACES:
        places = 0
    if reduction.asked & (ASKED_LARGEST | ASKED_SMALLEST):
        routines.extremes(values, count, &run)
        if run.has_nan:
            run.lowest = run.highest = NAN
        if reduction.asked & ASKED_LARGEST:
            keep_best(routines, values, count, place, places, run.highest, True, &kept.highest, &kept.highest_at)
        if reduction.asked & ASKED_SMALLEST:
            keep_best(routines, values, count, place, places, run.lowest, False, &kept.lowest, &kept.lowest_at)
    if reduction.asked & ASKED_POSITIVE:
        kept.n_positive += routines.n_positive(values, count)
    if reduction.asked & ASKED_MEAN:
        routines.sum_slices(values, count, False, reduction.whole, &kept.sum)
    if reduction.asked & ASKED_ENERGY:
        routines.sum_slices(values, count, True, reduction.whole, &kept.energy)


cdef inline bint leads(double value, int64_t place, double best, int64_t best_at, bint larger) noexcept nogil:
    """Whether a value takes the best one's place: none comes before any, and of equal ones the first."""
    if best_at < 0:
        return True
    if value != value or best != best:
        return value != value and (best == best or place < best_at)
    if value == best:
        return place < best_at
    return value > best if larger else value < best


cdef inline void keep_best(const Routines* routines, const char* values, Py_ssize_t count, Py_ssize_t place,
                           Py_ssize_t places, double value, bint larger, double* best, int64_t* best_at) noexcept nogil:
    """Takes a run's best value, whose place is looked for if it may come before the one there is.

    With `places` of 0 nobody asks for them.
    """
    if places == 0:
        place = 0
    elif leads(value, place, best[0], best_at[0], larger):
        place += routines.place_of(values, count, value) * places
    else:
        place = best_at[0] + 1
    join_best(best, best_at, value, place, larger)


cdef inline void join(Reduction* reduction, Py_ssize_t image, Py_ssize_t number,
                      const KeptOfKernel* more) noexcept nogil:
    """Adds what was kept of some responses to what is kept of an image and a kernel."""
    cdef KeptOfKernel* kept = &reduction.of_kernels[image * reduction.n_kernels + number]
    cdef int* lock = lock_of(reduction, image, number)
    lock_one(lock)
    if reduction.asked & ASKED_LARGEST:
        join_best(&kept.highest, &kept.highest_at, more.highest, more.highest_at, True)
    if reduction.asked & ASKED_SMALLEST:
        join_best(&kept.lowest, &kept.lowest_at, more.lowest, more.lowest_at, False)
    kept.n_positive += more.n_positive
    add_sliced(&kept.sum, &more.sum)
    add_sliced(&kept.energy, &more.energy)
    unlock(lock)


cdef inline void join_best(double* best, int64_t* best_at, double value, int64_t place, bint larger) noexcept nogil:
    """The better one of two; of zeros with either sign the positive one is the larger, wherever it is."""
    if best_at[0] >= 0 and value == 0 and best[0] == 0:
        best[0] = value + best[0] if larger else -(-value - best[0])
        best_at[0] = min(best_at[0], place)
    elif leads(value, place, best[0], best_at[0], larger):
        best[0], best_at[0] = value, place


cdef inline void add_sliced(Sliced* sum, const Sliced* more) noexcept nogil:
    """Adds what was cut from its own power of two on, at the higher one of both."""
    cdef int top = max(sum.top, more.top)
    cdef Sliced other = more[0]
    cdef int slice
    cut_from(sum, top)
    cut_from(&other, top)
    for slice in range(3):
        sum.slices[slice] += other.slices[slice]
    sum.flags |= other.flags


cdef inline void cut_from(Sliced* sum, int top) noexcept nogil:
    cdef int steps = top - sum.top, slice
    for slice in range(2, -1, -1):
        sum.slices[slice] = sum.slices[slice - steps] if slice >= steps else 0
    sum.top = top


# --- over kernels -----------------------------------------------------------------------------------------------------


cdef struct Line:  # of positions: what is kept of some kernels there
    double[RUN] lowest, highest
    int32_t[RUN] lowest_of, highest_of, n_positive
    bint begun


cdef void reduce_over_kernels(const Routines* routines, const Consumer* consumer,
                              const Finished* finished) noexcept nogil:
    """Runs of positions, each with all kernels there are."""
    cdef double[KERNELS_OF_RUN * RUN] memory
    cdef Line line
    cdef Reduction* reduction = consumer.reduction
    cdef Py_ssize_t row, column, kernel, place, n_columns
    cdef Py_ssize_t before = (consumer.first_image + finished.image) * reduction.n_positions
    cdef Runs runs
    cdef int* lock
    for row in range(finished.n_rows):
        column = 0
        while column < finished.n_columns:
            n_columns = min(finished.n_columns - column, RUN)
            place = before + (consumer.first_place + (finished.first_row + row) * consumer.row_places
                              + (finished.first_column + column) * consumer.column_places)
            line.begun = False
            if reduction.asked & ASKED_POSITIVE:
                memset(line.n_positive, 0, sizeof(line.n_positive))
            lock = &reduction.locks[(consumer.first_image + finished.image + finished.first_row + row) % N_LOCKS]
            kernel = 0
            while kernel < finished.n_kernels:
                runs = runs_at(routines, reduction, finished, row, column, kernel, <char*> memory)
                keep_kernels(consumer, &runs, finished.first_kernel + kernel,
                             min(finished.n_kernels - kernel, KERNELS_OF_RUN), place, &line)
                kernel += KERNELS_OF_RUN
            if line.begun:
                lock_one(lock)
                join_line(consumer, &line, place, n_columns)
                unlock(lock)
            column += n_columns


cdef inline void keep_kernels(const Consumer* consumer, const Runs* runs, Py_ssize_t first_kernel,
                              Py_ssize_t n_kernels, Py_ssize_t place, Line* line) noexcept nogil:
    """Some kernels' responses in a run of positions. Totals are nobody else's: they are added to at once."""
    cdef const Reduction* reduction = consumer.reduction
    cdef const Routines* routines = reduction.routines
    cdef Py_ssize_t index, number
    cdef const char* values
    for index in range(n_kernels):
        number = consumer.reduced_kernels[first_kernel + index]
        if number < 0:
            continue
        values = runs.values + index * runs.pitch
        if not line.begun:
            begin_line(line, values, runs.count * routines.item_bytes, runs.count, <int32_t> number)
        else:
            if reduction.asked & ASKED_LARGEST:
                routines.take_better(values, runs.count, <int32_t> number, True, line.highest, line.highest_of)
            if reduction.asked & ASKED_SMALLEST:
                routines.take_better(values, runs.count, <int32_t> number, False, line.lowest, line.lowest_of)
        if reduction.asked & ASKED_POSITIVE:
            routines.add_positive(values, runs.count, line.n_positive)
        if reduction.asked & ASKED_MEAN:
            add_at(consumer, reduction.of_positions.totals, values, runs.count, place, False)
        if reduction.asked & ASKED_ENERGY:
            add_at(consumer, reduction.of_positions.energies, values, runs.count, place, True)


cdef inline void begin_line(Line* line, const char* values, Py_ssize_t n_bytes, Py_ssize_t count,
                            int32_t number) noexcept nogil:
    cdef Py_ssize_t index
    memcpy(line.lowest, values, n_bytes)
    memcpy(line.highest, values, n_bytes)
    for index in range(count):
        line.lowest_of[index] = line.highest_of[index] = number
    line.begun = True


cdef void add_at(const Consumer* consumer, double* totals, const char* values, Py_ssize_t count, Py_ssize_t place,
                 bint squared) noexcept nogil:
    """Adds a run of responses to the totals of their positions."""
    cdef double[RUN] sums, lost
    cdef const Reduction* reduction = consumer.reduction
    cdef double* errors = totals + reduction.n_images * reduction.n_positions
    cdef Py_ssize_t index, places = consumer.column_places
    if places == 1:
        reduction.routines.add_to_totals(values, count, squared, reduction.whole, totals + place, errors + place)
        return
    for index in range(count):
        sums[index], lost[index] = totals[place + index * places], errors[place + index * places]
    reduction.routines.add_to_totals(values, count, squared, reduction.whole, sums, lost)
    for index in range(count):
        totals[place + index * places], errors[place + index * places] = sums[index], lost[index]


cdef void join_line(const Consumer* consumer, const Line* line, Py_ssize_t place, Py_ssize_t count) noexcept nogil:
    cdef const Reduction* reduction = consumer.reduction
    cdef const KeptOfPositions* kept = &reduction.of_positions
    cdef Py_ssize_t index
    if reduction.routines.element == FLOAT32:
        join_best_of(<float*> kept.highest, kept.highest_of, <const float*> line.highest, line.highest_of, count, place,
                     consumer.column_places, True)
        join_best_of(<float*> kept.lowest, kept.lowest_of, <const float*> line.lowest, line.lowest_of, count, place,
                     consumer.column_places, False)
    else:
        join_best_of(<double*> kept.highest, kept.highest_of, <const double*> line.highest, line.highest_of, count,
                     place, consumer.column_places, True)
        join_best_of(<double*> kept.lowest, kept.lowest_of, <const double*> line.lowest, line.lowest_of, count, place,
                     consumer.column_places, False)
    for index in range(count if kept.n_positive != NULL else 0):
        kept.n_positive[place + index * consumer.column_places] += line.n_positive[index]


cdef inline void join_best_of(real* best, int32_t* kernels, const real* values, const int32_t* numbers,
                              Py_ssize_t count, Py_ssize_t place, Py_ssize_t places, bint larger) noexcept nogil:
    """The better one of two at each position, which of equal ones is the earlier kernel's."""
    cdef Py_ssize_t index, at
    if best == NULL:
        return
    for index in range(count):
        at = place + index * places
        if leads(values[index], numbers[index], best[at], kernels[at], larger):
            best[at], kernels[at] = values[index], numbers[index]
