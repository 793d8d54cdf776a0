# The second stage of peaks: of candidates that come in any order, the best that keep their distance.
#
# The selection takes candidates by falling score and accepts those that no accepted one is too near to, that is, closer
# than `distance` on every axis, until there are `n_wanted`. It never needs all candidates at once. What a pool forgets,
# it may forget at any time and of any part of a map; docs/design.md says why:
#
# - An accepted candidate is too near to `most_around` at most of those that keep their distance from each other. Where
#   most_around * (n_wanted - 1) + 1 of these are known, `n_wanted` will be accepted that are not behind the last one.
#   All that is behind it is not selected and hinders nobody.
# - A candidate is certain to be accepted when all that will ever be too near to it is known, and what of that is before
#   it is certain not to be. What is too near to a certain one, and behind it, is forgotten.
#
# A map is a volume of one plane.

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove, memset

cdef extern from "Python.h":
    const Py_ssize_t ALL "PY_SSIZE_T_MAX"

cdef enum:
    PLANE = 0
    ROW = 1
    COLUMN = 2
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
    Py_ssize_t[3] at                 # plane, row, column
    Py_ssize_t kernel
    double[3] between                # pixels, from the places on
    bint is_negative                 # what a zero's rank does not say

cdef struct Pool:                    # of the candidates that compete for the same places
    Candidate* candidates
    Py_ssize_t count, capacity
    Candidate last                   # what is behind it is not selected
    bint has_last

cdef struct Cell:                    # a cube of side `distance`, in which at most one candidate is accepted
    Py_ssize_t[3] own                # its place among cells; -1: an empty place of the table
    Py_ssize_t[3] at                 # of the accepted one
    int holds

cdef struct Selection:               # what all pools of a call have in common
    Py_ssize_t n_wanted, distance
    bint by_image                    # whether kernels compete: two may have candidates at one place
    Py_ssize_t slowest               # the axis along which parts of a map come: `PLANE` of volumes, else `ROW`
    Py_ssize_t n_cells               # there are at most
    Cell* cells                      # by their hash
    Py_ssize_t capacity, mask


cdef inline bint is_before(const Candidate* one, const Candidate* other) noexcept nogil:
    """Whether it is taken first: by falling score, then by plane, row, column and kernel."""
    cdef int axis
    if one.rank != other.rank:
        return one.rank > other.rank
    for axis in range(3):
        if one.at[axis] != other.at[axis]:
            return one.at[axis] < other.at[axis]
    return one.kernel < other.kernel


cdef inline bint keeps_distance(const Selection* selection) noexcept nogil:
    """Whether candidates of a pool can hinder each other at all."""
    return selection.distance > 1 or selection.by_image


cdef inline Py_ssize_t most_around(const Selection* selection) noexcept nogil:
    """Candidates that keep their distance from each other and not from another one: 2 on each axis."""
    return 1 if selection.distance == 1 else 8 if selection.slowest == PLANE else 4


cdef inline Py_ssize_t limit_of(const Selection* selection) noexcept nogil:
    """How many candidates that keep their distance have `n_wanted` accepted ones among them or before."""
    return (selection.n_wanted - 1) * most_around(selection) + 1


cdef int put_into(Pool* pool, Selection* selection, const Candidate* candidate, Py_ssize_t end) noexcept nogil:
    """Adds a candidate, unless it cannot be selected; all before `end` on the slowest axis are known. Negative if it
    fails."""
    cdef int status = 0
    if pool.has_last and is_before(&pool.last, candidate):
        return 0
    if pool.count == pool.capacity:
        status = make_room(pool, selection, end)
        if status < 0:
            return status
    pool.candidates[pool.count] = candidate[0]
    pool.count += 1
    return 0


cdef int make_room(Pool* pool, Selection* selection, Py_ssize_t end) noexcept nogil:
    """Forgets what a full pool does not need; where that is less than half, takes memory. Negative if it fails."""
    cdef int status
    cdef Py_ssize_t limit = limit_of(selection)
    cdef Py_ssize_t capacity = max(<Py_ssize_t> FIRST_CAPACITY, 2 * pool.capacity)
    cdef void* memory
    if pool.count // 4 >= limit or (keeps_distance(selection) and pool.count >= MANY):
        status = take_best(pool, selection, limit, end)
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
    return take_best(pool, selection, selection.n_wanted, ALL)


cdef int take_best(Pool* pool, Selection* selection, Py_ssize_t limit, Py_ssize_t end) noexcept nogil:
    """Accepts by falling score until there are `limit`; keeps these and whatever may be accepted yet, the best last.

    All candidates before `end` on the slowest axis are known. Negative if it fails, and the pool is then of no use.
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
            note(selection, &heap[n_left], around, end)
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
    cdef Py_ssize_t around = 27 if selection.slowest == PLANE else 9
    cdef Py_ssize_t most = min(min(count, selection.n_cells), around * min(count, limit)), n_places = 2
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


cdef inline Cell* place_of(const Selection* selection, Py_ssize_t plane, Py_ssize_t row,
                           Py_ssize_t column) noexcept nogil:
    """The place of a cell in the table, which is empty where nothing is in the cell."""
    cdef uint64_t mixed = <uint64_t> plane * 0xD6E8FEB86659FD93U + <uint64_t> row
    mixed = (mixed * 0x9E3779B97F4A7C15U + <uint64_t> column) * 0xC2B2AE3D27D4EB4FU
    cdef Py_ssize_t index = <Py_ssize_t> (mixed >> 32) & selection.mask
    cdef Cell* cell = &selection.cells[index]
    while cell.own[PLANE] >= 0 and (cell.own[PLANE] != plane or cell.own[ROW] != row or cell.own[COLUMN] != column):
        index = (index + 1) & selection.mask
        cell = &selection.cells[index]
    return cell


cdef inline bint is_near(const Selection* selection, const Py_ssize_t* one, const Py_ssize_t* other) noexcept nogil:
    """Whether two places are closer than the distance on every axis."""
    cdef int axis
    for axis in range(3):
        if not -selection.distance < one[axis] - other[axis] < selection.distance:
            return False
    return True


cdef int look_around(const Selection* selection, const Candidate* candidate) noexcept nogil:
    """What is before a candidate: `ACCEPTED` within its distance, all the same whatever comes if `CERTAIN`; `DOUBTFUL`
    near it."""
    cdef Py_ssize_t reach = 1 if selection.distance > 1 else 0, plane, row, column, distance = selection.distance
    cdef Py_ssize_t of_plane = candidate.at[PLANE] // distance, of_row = candidate.at[ROW] // distance
    cdef Py_ssize_t of_column = candidate.at[COLUMN] // distance
    cdef Py_ssize_t beside = reach if selection.slowest == PLANE else 0
    cdef const Cell* cell
    cdef int found = 0
    for plane in range(max(of_plane - beside, 0), of_plane + beside + 1):
        for row in range(max(of_row - reach, 0), of_row + reach + 1):
            for column in range(max(of_column - reach, 0), of_column + reach + 1):
                cell = place_of(selection, plane, row, column)
                if cell.own[PLANE] < 0:
                    continue
                found |= cell.holds & DOUBTFUL
                if cell.holds & ACCEPTED and is_near(selection, cell.at, candidate.at):
                    found |= cell.holds & (ACCEPTED | CERTAIN)
    return found


cdef void note(Selection* selection, const Candidate* candidate, int around, Py_ssize_t end) noexcept nogil:
    """Puts a candidate into its cell: accepted, or perhaps to be accepted."""
    cdef Py_ssize_t[3] own
    cdef int axis
    for axis in range(3):
        own[axis] = candidate.at[axis] // selection.distance
    cdef Cell* cell = place_of(selection, own[PLANE], own[ROW], own[COLUMN])
    cdef bint is_known = end - candidate.at[selection.slowest] >= selection.distance
    if cell.own[PLANE] < 0:
        memcpy(&cell.own, &own, sizeof(own))
        cell.holds = 0
    if around & ACCEPTED:
        cell.holds |= DOUBTFUL
        return
    memcpy(&cell.at, &candidate.at, sizeof(cell.at))
    cell.holds |= ACCEPTED | (CERTAIN if is_known and not around & DOUBTFUL else DOUBTFUL)
