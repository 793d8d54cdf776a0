# The second stage of peaks: of candidates that come in any order, the best that keep their distance.
#
# The selection takes candidates by falling score and accepts those that no accepted one is too near to, that is, closer
# than `distance` on every axis, until there are `n_wanted`. It never needs all candidates at once. What a pool forgets,
# it may forget at any time and of any part of a map; docs/design.md says why:
#
# - An accepted candidate is too near to `MOST_AROUND` at most of those that keep their distance from each other. Where
#   MOST_AROUND * (n_wanted - 1) + 1 of these are known, `n_wanted` will be accepted that are not behind the last one.
#   All that is behind it is not selected and hinders nobody.
# - A candidate is certain to be accepted when all that will ever be too near to it is known, and what of that is before
#   it is certain not to be. What is too near to a certain one, and behind it, is forgotten.

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove, memset

cdef extern from "Python.h":
    const Py_ssize_t EVERY_ROW "PY_SSIZE_T_MAX"

cdef enum:
    MOST_AROUND = 4   # 2 on each of two axes
    FIRST_CAPACITY = 8
    PER_LOOK = 1 << 14  # candidates between two looks for signals: some milliseconds
    MANY = 4096       # candidates, from which on it is worth while to look for what has lost for certain

# what a selection ends with, if it fails
cdef enum:
    NO_MEMORY = -1
    RAISED = -2       # by a signal's handler: the exception is set

# what a cell holds, and what is around a candidate
cdef enum:
    ACCEPTED = 1
    CERTAIN = 2
    DOUBTFUL = 4

cdef struct Candidate:
    int64_t rank                     # of the score among all scores: the greater one is before the other
    Py_ssize_t row, column, kernel
    double sub_row, sub_column
    bint is_negative                 # what a zero's rank does not say

cdef struct Pool:                    # of the candidates that compete for the same places
    Candidate* candidates
    Py_ssize_t count, capacity
    Candidate last                   # what is behind it is not selected
    bint has_last

cdef struct Cell:                    # a square of side `distance`, in which at most one candidate is accepted
    Py_ssize_t cell_row, cell_column  # -1: an empty place of the table
    Py_ssize_t row, column           # of the accepted one
    int holds

cdef struct Selection:               # what all pools of a call have in common
    Py_ssize_t n_wanted, distance
    bint by_image                    # whether kernels compete: two may have candidates at one place
    Py_ssize_t n_cells               # there are at most
    Cell* cells                      # by their hash
    Py_ssize_t capacity, mask


cdef inline bint is_before(const Candidate* one, const Candidate* other) noexcept nogil:
    """Whether it is taken first: by falling score, then by row, column and kernel."""
    if one.rank != other.rank:
        return one.rank > other.rank
    if one.row != other.row:
        return one.row < other.row
    if one.column != other.column:
        return one.column < other.column
    return one.kernel < other.kernel


cdef inline bint keeps_distance(const Selection* selection) noexcept nogil:
    """Whether candidates of a pool can hinder each other at all."""
    return selection.distance > 1 or selection.by_image


cdef inline Py_ssize_t limit_of(const Selection* selection) noexcept nogil:
    """How many candidates that keep their distance have `n_wanted` accepted ones among them or before."""
    return (selection.n_wanted - 1) * (MOST_AROUND if selection.distance > 1 else 1) + 1


cdef int put_into(Pool* pool, Selection* selection, const Candidate* candidate, Py_ssize_t end_row) noexcept nogil:
    """Adds a candidate, unless it cannot be selected; all before `end_row` are known. Negative if it fails."""
    cdef int status = 0
    if pool.has_last and is_before(&pool.last, candidate):
        return 0
    if pool.count == pool.capacity:
        status = make_room(pool, selection, end_row)
        if status < 0:
            return status
    pool.candidates[pool.count] = candidate[0]
    pool.count += 1
    return 0


cdef int make_room(Pool* pool, Selection* selection, Py_ssize_t end_row) noexcept nogil:
    """Forgets what a full pool does not need; where that is less than half, takes memory. Negative if it fails."""
    cdef int status
    cdef Py_ssize_t limit = limit_of(selection)
    cdef Py_ssize_t capacity = max(<Py_ssize_t> FIRST_CAPACITY, 2 * pool.capacity)
    cdef void* memory
    if pool.count // 4 >= limit or (keeps_distance(selection) and pool.count >= MANY):
        status = take_best(pool, selection, limit, end_row)
        if status < 0:
            return status
    if 2 * pool.count > pool.capacity or pool.capacity == 0:
        memory = realloc(pool.candidates, capacity * sizeof(Candidate))
        if memory == NULL:
            return NO_MEMORY
        pool.candidates = <Candidate*> memory
        pool.capacity = capacity
    return 0


cdef int select_from(Pool* pool, Selection* selection) noexcept nogil:
    """Leaves of a pool that is complete the selected candidates alone, the best one last. Negative if it fails."""
    return take_best(pool, selection, selection.n_wanted, EVERY_ROW)


cdef int take_best(Pool* pool, Selection* selection, Py_ssize_t limit, Py_ssize_t end_row) noexcept nogil:
    """Accepts by falling score until there are `limit`; keeps these and whatever may be accepted yet, the best last.

    All candidates before `end_row` are known. Negative if it fails, and the pool is then of no use.
    """
    cdef Candidate* heap = pool.candidates
    cdef Py_ssize_t n_left = pool.count, kept = pool.count, n_accepted = 0, index
    cdef int around = 0
    if pool.count == 0:  # and perhaps no memory
        return 0
    if keeps_distance(selection) and clear_cells(selection, pool.count, limit) < 0:
        return NO_MEMORY
    for index in range(n_left // 2 - 1, -1, -1):
        sink(heap, index, n_left)
    while n_left > 0 and n_accepted < limit:
        n_left -= 1
        if n_left % PER_LOOK == 0 and n_left > 0 and look_for_signals() != 0:
            return RAISED
        heap[0], heap[n_left] = heap[n_left], heap[0]
        sink(heap, 0, n_left)
        if keeps_distance(selection):
            around = look_around(selection, &heap[n_left])
            if around & ACCEPTED and around & CERTAIN:
                continue
            note(selection, &heap[n_left], around, end_row)
        n_accepted += not around & ACCEPTED
        kept -= 1
        heap[kept] = heap[n_left]
    if n_accepted == limit:
        pool.last = heap[kept]
        pool.has_last = True
    pool.count -= kept
    memmove(heap, heap + kept, pool.count * sizeof(Candidate))
    return 0


cdef void sink(Candidate* heap, Py_ssize_t index, Py_ssize_t count) noexcept nogil:
    """Moves a candidate down until both below it are behind it."""
    cdef Candidate moved = heap[index]
    cdef Py_ssize_t below
    while 2 * index + 1 < count:
        below = 2 * index + 1
        if below + 1 < count and is_before(&heap[below + 1], &heap[below]):
            below += 1
        if not is_before(&heap[below], &moved):
            break
        heap[index] = heap[below]
        index = below
    heap[index] = moved


# --- what lies around a candidate -------------------------------------------------------------------------------------


cdef int clear_cells(Selection* selection, Py_ssize_t count, Py_ssize_t limit) noexcept nogil:
    """Empties the table, of twice as many places as there may be cells with something in them. Negative if it fails."""
    cdef Py_ssize_t most = min(min(count, selection.n_cells), 9 * min(count, limit)), n_places = 2
    cdef void* memory
    while n_places < 2 * most:
        n_places *= 2
    if n_places > selection.capacity:
        memory = realloc(selection.cells, n_places * sizeof(Cell))
        if memory == NULL:
            return NO_MEMORY
        selection.cells = <Cell*> memory
        selection.capacity = n_places
    selection.mask = n_places - 1
    memset(selection.cells, 0xff, n_places * sizeof(Cell))
    return 0


cdef inline Cell* place_of(const Selection* selection, Py_ssize_t cell_row, Py_ssize_t cell_column) noexcept nogil:
    """The place of a cell in the table, which is empty where nothing is in the cell."""
    cdef uint64_t mixed = (<uint64_t> cell_row * 0x9E3779B97F4A7C15U + <uint64_t> cell_column) * 0xC2B2AE3D27D4EB4FU
    cdef Py_ssize_t index = <Py_ssize_t> (mixed >> 32) & selection.mask
    cdef Cell* cell = &selection.cells[index]
    while cell.cell_row >= 0 and (cell.cell_row != cell_row or cell.cell_column != cell_column):
        index = (index + 1) & selection.mask
        cell = &selection.cells[index]
    return cell


cdef int look_around(const Selection* selection, const Candidate* candidate) noexcept nogil:
    """What is before a candidate: `ACCEPTED` within its distance, all the same whatever comes if `CERTAIN`; `DOUBTFUL`
    near it."""
    cdef Py_ssize_t reach = 1 if selection.distance > 1 else 0, cell_row, cell_column
    cdef Py_ssize_t of_row = candidate.row // selection.distance, of_column = candidate.column // selection.distance
    cdef const Cell* cell
    cdef int found = 0
    for cell_row in range(max(of_row - reach, 0), of_row + reach + 1):
        for cell_column in range(max(of_column - reach, 0), of_column + reach + 1):
            cell = place_of(selection, cell_row, cell_column)
            if cell.cell_row < 0:
                continue
            found |= cell.holds & DOUBTFUL
            if (cell.holds & ACCEPTED and -selection.distance < cell.row - candidate.row < selection.distance
                    and -selection.distance < cell.column - candidate.column < selection.distance):
                found |= cell.holds & (ACCEPTED | CERTAIN)
    return found


cdef void note(Selection* selection, const Candidate* candidate, int around, Py_ssize_t end_row) noexcept nogil:
    """Puts a candidate into its cell: accepted, or perhaps to be accepted."""
    cdef Py_ssize_t cell_row = candidate.row // selection.distance
    cdef Py_ssize_t cell_column = candidate.column // selection.distance
    cdef Cell* cell = place_of(selection, cell_row, cell_column)
    cdef bint is_known = end_row - candidate.row >= selection.distance
    if cell.cell_row < 0:
        cell.cell_row = cell_row
        cell.cell_column = cell_column
        cell.holds = 0
    if around & ACCEPTED:
        cell.holds |= DOUBTFUL
        return
    cell.row = candidate.row
    cell.column = candidate.column
    cell.holds |= ACCEPTED | (CERTAIN if is_known and not around & DOUBTFUL else DOUBTFUL)
