# The way of a search: over images, kernels, parts of rows that lines hold, and rows; and what is found as records.


cdef int search_images(Search* search, key gate) noexcept nogil:
    """Finds and writes the peaks of all maps that have keys of this type."""
    cdef Py_ssize_t image, kernel, n_kernels = search.maps.lengths[4]
    cdef int status = 0
    for image in range(search.maps.lengths[0]):
        kernel = 0
        while kernel < n_kernels and status == 0:
            put_in_line(search, min(search.most_kernels, n_kernels - kernel))
            if kernel == 0 or not search.selection.by_image:
                empty_pools(search)
            status = search_parts(search, image, kernel, gate)
            if status == 0 and not search.selection.by_image:
                status = write_all(search, image * n_kernels + kernel)
            kernel += search.maps.kernels
        if status == 0 and search.selection.by_image:
            status = write_all(search, image)
        if status != 0:
            return status
    return 0


cdef int search_kernels(Search* search, Pool* pools, key gate) noexcept nogil:
    """Puts the candidates of some rows, of all kernels that are in memory, into their pools."""
    cdef Py_ssize_t kernel = 0
    cdef int status = 0
    while kernel < search.maps.lengths[4] and status == 0:
        put_in_line(search, min(search.most_kernels, search.maps.lengths[4] - kernel))
        search.pools = pools if search.selection.by_image else pools + kernel
        status = search_parts(search, 0, kernel, gate)
        kernel += search.maps.kernels
    return status


cdef void empty_pools(Search* search) noexcept nogil:
    cdef Py_ssize_t pool
    for pool in range(search.n_pools):
        search.pools[pool].count = 0
        search.pools[pool].has_last = False


cdef int write_all(Search* search, Py_ssize_t first_map) noexcept nogil:
    """Selects from the pools, which are complete, and writes the peaks of the maps from the first one on."""
    cdef Py_ssize_t pool
    cdef int status
    for pool in range(1 if search.selection.by_image else search.maps.kernels):
        status = select_from(&search.pools[pool], &search.selection)
        if status != 0:
            return status
        write_peaks(search, &search.pools[pool], first_map + pool)
    return 0


cdef int search_parts(Search* search, Py_ssize_t image, Py_ssize_t kernel, key gate) noexcept nogil:
    """Puts the candidates of some kernels of an image into their pools: of as many columns at a time as lines hold."""
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t first = 0, some = columns_at_once(maps), n_columns = maps.lengths[3]
    cdef int status = 0
    while first < n_columns and status == 0:
        status = search_rows(search, image, kernel, first, min(some, n_columns - first), gate)
        first += some
    return status


cdef int search_rows(Search* search, Py_ssize_t image, Py_ssize_t kernel, Py_ssize_t first, Py_ssize_t n_columns,
                     key gate) noexcept nogil:
    """Does so for some columns: looks at rows that may have candidates which the pools take in.

    The rows of the largest keys come first, if there are many beside the peaks that are wanted: then few others may.
    """
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t n_rows = maps.end_row - maps.first_row, row, seed, n_seeds = limit_of(&search.selection)
    cdef key* tops = <key*> search.tops
    cdef Lines lines = Lines(image, 0, 0, first, kernel, maps.side_by_side)
    cdef bint has_first = maps.first_row == 0 and has_first_pixel(maps, first, gate)
    cdef int status = find_tops(search, image, kernel, first, n_columns, tops)
    if n_seeds > min(n_rows, line_length(maps, n_columns)) // ROWS_OF_SEED:
        n_seeds = 0
    search.in_order = n_seeds == 0
    search.laid[0] = search.laid[1] = search.laid[2] = NO_ROW
    for seed in range(n_seeds):
        row = highest_row(tops, n_rows)
        if status != 0 or not tops[row] >= gate_of(search, gate):
            break
        status = look_at_three(search, maps.first_row + row, n_columns, &lines, gate)
        tops[row] = least(gate)
        has_first = has_first and row != 0
    for row in range(n_rows):
        if status == 0 and (tops[row] >= gate_of(search, gate) or (row == 0 and has_first)):
            status = look_at_three(search, maps.first_row + row, n_columns, &lines, gate)
    return status


cdef inline bint has_first_pixel(const Maps* maps, Py_ssize_t first_column, key gate) noexcept nogil:
    """Whether the first pixel may be a candidate although its key is `least`, from which on columns are looked at."""
    return (maps.borders[PLANE] == maps.borders[ROW] == maps.borders[COLUMN] == first_column == 0
            and gate == least(gate))


cdef int look_at_three(Search* search, Py_ssize_t number, Py_ssize_t n_columns, Lines* lines, key gate) noexcept nogil:
    """Lays a row and the two beside it out, unless they lie there, and looks at it."""
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t length = line_length(maps, n_columns), index, slot, beside
    cdef key* line = <key*> search.lines
    cdef key* three[3]
    cdef int status
    lines.plane, lines.row = number // maps.lengths[2], number % maps.lengths[2]
    for index in range(3):  # above, line, below
        beside = lines.plane * (maps.lengths[2] + 2) + lines.row + index  # with the two that are missing
        slot = beside % 3
        three[index] = line + slot * length
        if search.laid[slot] != beside:
            lay_out_row(maps, lines, lines.row + index - 1, n_columns, three[index])
            search.laid[slot] = beside
    status = look_at_row(search, three, lines, n_columns, gate)
    return status if status != 0 else count_keys(search, length)


cdef int count_keys(Search* search, Py_ssize_t count) noexcept nogil:
    """Looks for signals once in so many keys."""
    search.until_look -= count
    if search.until_look > 0:
        return 0
    search.until_look = KEYS_PER_LOOK
    return look_for_signals()


# --- the largest key of each row --------------------------------------------------------------------------------------


cdef int find_tops(Search* search, Py_ssize_t image, Py_ssize_t kernel, Py_ssize_t first, Py_ssize_t n_columns,
                   key* tops) noexcept nogil:
    """tops[row] = the largest key, but for NaN, of some kernels and columns: looked for, or as known of the row.

    Rows in the border have no candidate.
    """
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t number, plane, row, segment, index = -1
    cdef int status = 0
    for number in range(maps.first_row, maps.end_row):
        index += 1
        tops[index] = least(tops[0])
        plane, row = number // maps.lengths[2], number % maps.lengths[2]
        if not (maps.borders[PLANE] <= plane < maps.lengths[1] - maps.borders[PLANE]
                and maps.borders[ROW] <= row < maps.lengths[2] - maps.borders[ROW]):
            continue
        for segment in range(maps.segments):
            if search.known != NULL and not maps.are_near:
                tops[index] = max(tops[index], <key> search.known[
                    ((image * maps.lengths[1] + plane) * maps.lengths[4] + kernel + segment) * maps.lengths[2] + row])
                continue
            tops[index] = max(tops[index], top_of_row(maps, place_in(maps, image, plane, row, first, kernel + segment),
                                                      n_columns, tops[index]))
            status = count_keys(search, maps.side_by_side * n_columns)
            if status != 0:
                return status
    return 0


cdef inline const char* place_in(const Maps* maps, Py_ssize_t image, Py_ssize_t plane, Py_ssize_t row,
                                 Py_ssize_t column, Py_ssize_t kernel) noexcept nogil:
    """The place of a response in memory."""
    return (maps.start + image * maps.pitches[0] + plane * maps.pitches[1] + row * maps.pitches[2]
            + column * maps.pitches[3] + kernel * maps.pitches[4])


cdef key top_of_row(const Maps* maps, const char* place, Py_ssize_t n_columns, key of_type) noexcept nogil:
    """The largest key of some columns of a row of the kernels that are side by side."""
    cdef Py_ssize_t column, width = maps.side_by_side
    cdef key top = least(of_type)
    if width == 1:
        return highest_key(place, maps.pitches[3], n_columns, &maps.elements, top)
    if maps.pitches[3] == width * maps.pitches[4]:
        return highest_key(place, maps.pitches[4], n_columns * width, &maps.elements, top)
    for column in range(n_columns):
        top = larger(highest_key(place + column * maps.pitches[3], maps.pitches[4], width, &maps.elements, top), top)
    return top


cdef Py_ssize_t highest_row(const key* tops, Py_ssize_t count) noexcept nogil:
    """The first row of those with the largest key."""
    cdef Py_ssize_t row, best = 0
    for row in range(1, count):
        if tops[row] > tops[best]:
            best = row
    return best


cdef int look_for_signals() noexcept nogil:
    cdef int status
    with gil:
        status = check_signals()
    return RAISED if status != 0 else 0


cdef void lay_out_row(const Maps* maps, const Lines* lines, Py_ssize_t row, Py_ssize_t n_columns,
                      key* line) noexcept nogil:
    """Lays columns from one before the lines' first one on into a line, `least` where they or the row are missing."""
    cdef Py_ssize_t segment, column, index, width = maps.side_by_side, first = lines.first_column
    cdef Py_ssize_t begin = max(first - 1, 0), end = min(first + n_columns + 1, maps.lengths[3])
    cdef key nothing = least(line[0])
    cdef const char* place
    cdef key* target
    for segment in range(maps.segments):
        if not 0 <= row < maps.lengths[2]:
            begin = end = first
        for index in range((begin - first + 1) * width):
            line[index] = nothing
        for index in range((end - first + 1) * width, (n_columns + 2) * width):
            line[index] = nothing
        place = place_in(maps, lines.image, lines.plane, row, begin, lines.first_kernel + segment)
        target = line + (begin - first + 1) * width
        if width == 1:
            lay_out_keys(place, maps.pitches[3], end - begin, &maps.elements, target)
        elif maps.pitches[3] == width * maps.pitches[4]:
            lay_out_keys(place, maps.pitches[4], (end - begin) * width, &maps.elements, target)
        else:
            for column in range(end - begin):
                lay_out_keys(place + column * maps.pitches[3], maps.pitches[4], width, &maps.elements,
                             target + column * width)
        line += (n_columns + 2) * width


cdef int look_at_row(Search* search, key** three, Lines* lines, Py_ssize_t n_columns, key gate) noexcept nogil:
    """Puts the candidates of a row into their pools."""
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t width = lines.pitch, segment, index, place, last, kernel = lines.first_kernel
    cdef Py_ssize_t begin = max(maps.borders[COLUMN] - lines.first_column, 0)
    cdef Py_ssize_t end = min(maps.lengths[3] - maps.borders[COLUMN] - lines.first_column, n_columns)
    cdef bint has_first = lines.plane == lines.row == 0 and has_first_pixel(maps, lines.first_column, gate)
    cdef key highest = gate_of(search, gate)
    cdef int status = 0
    for segment in range(maps.segments):
        lines.first_kernel = kernel + segment
        place = segment * (n_columns + 2) * width
        if has_first:
            for index in range(place + width, place + 2 * width):
                if status == 0 and first_is_candidate(three[1] + index, three[2] + index, width):
                    status = put(search, three, place, index, lines)
        index = place + (begin + 1) * width
        last = place + (end + 1) * width
        while index < last and status == 0:
            status = look_at_some(search, three, place, index, min(<Py_ssize_t> AT_ONCE, last - index), highest, lines)
            index += AT_ONCE
    lines.first_kernel = kernel
    return status


cdef key gate_of(const Search* search, key gate) noexcept nogil:
    """The least key that a candidate must have to be taken in by any of the pools."""
    cdef int64_t rank = rank_of(gate), lowest = rank
    cdef Py_ssize_t pool
    for pool in range(1 if search.selection.by_image else search.maps.kernels):
        if not search.pools[pool].has_last:
            lowest = rank
            break
        if pool == 0 or search.pools[pool].last.rank < lowest:
            lowest = search.pools[pool].last.rank
    return max(key_of(max(lowest, rank), gate), least_but_one(gate))


cdef int look_at_some(Search* search, key** three, Py_ssize_t segment, Py_ssize_t first, Py_ssize_t count, key gate,
                      const Lines* lines) noexcept nogil:
    """Does so for some places of a segment, most of which are found to have none at a glance."""
    cdef uint8_t[AT_ONCE] marks
    cdef uint64_t eight
    cdef Py_ssize_t index, begin
    cdef int status = 0
    if not may_have(three[0] + first, three[1] + first, three[2] + first, count, gate):
        return 0
    mark(three[0] + first, three[1] + first, three[2] + first, lines.pitch, count, gate, marks)
    for index in range(count, (count + 7) // 8 * 8):
        marks[index] = 0
    for begin in range(0, count, 8):
        memcpy(&eight, &marks[begin], 8)
        if eight == 0:
            continue
        for index in range(begin, begin + 8):
            if marks[index] and status == 0:
                status = put(search, three, segment, first + index, lines)
    return status


cdef int put(Search* search, key** three, Py_ssize_t segment, Py_ssize_t place, const Lines* lines) noexcept nogil:
    """Puts the candidate at a place of the lines into its pool, unless it is none beside the planes before and behind.

    All above it is known if lines hold all columns.
    """
    cdef const Maps* maps = &search.maps
    cdef Candidate candidate
    cdef Py_ssize_t of_kernel = (place - segment) % lines.pitch, pool = 0 if search.selection.by_image else of_kernel
    cdef Py_ssize_t kernel = lines.first_kernel + of_kernel
    cdef bint all_kernels = not search.selection.by_image or maps.kernels == maps.n_kernels
    cdef bint whole = search.in_order and all_kernels and columns_at_once(maps) == maps.lengths[3]
    candidate.rank = rank_of(three[1][place])
    candidate.at[PLANE], candidate.at[ROW] = lines.plane, lines.row
    candidate.at[COLUMN] = lines.first_column + (place - segment) // lines.pitch - 1
    candidate.kernel = maps.first_kernel + kernel
    candidate.is_negative = is_negative_zero(three[1][place])
    if maps.lengths[1] > 1 and not stands_out(maps, lines.image, candidate.at, kernel, three[1][place]):
        return 0
    memset(&candidate.between, 0, sizeof(candidate.between))
    if maps.how != WHOLE:
        locate(maps, lines.image, &candidate, kernel, three[0] + place, three[1] + place, three[2] + place, lines.pitch)
    return put_into(&search.pools[pool], &search.selection, &candidate,
                    candidate.at[search.selection.slowest] if whole else 0)


cdef bint stands_out(const Maps* maps, Py_ssize_t image, const Py_ssize_t* at, Py_ssize_t kernel,
                     key number) noexcept nogil:
    """Whether the nine in the plane before are not at or over a candidate's key, and the nine behind not over it."""
    cdef key[3] beside
    cdef Py_ssize_t first = max(at[COLUMN] - 1, 0), count = min(at[COLUMN] + 2, maps.lengths[3]) - first
    cdef Py_ssize_t plane, row, index
    for plane in range(max(at[PLANE] - 1, 0), min(at[PLANE] + 2, maps.lengths[1])):
        if plane == at[PLANE]:
            continue
        for row in range(max(at[ROW] - 1, 0), min(at[ROW] + 2, maps.lengths[2])):
            lay_out_keys(place_in(maps, image, plane, row, first, kernel), maps.pitches[3], count, &maps.elements,
                         beside)
            for index in range(count):
                if beside[index] > number or (plane < at[PLANE] and beside[index] == number):
                    return False
    return True


cdef void locate(const Maps* maps, Py_ssize_t image, Candidate* candidate, Py_ssize_t kernel, const key* above,
                 const key* line, const key* below, Py_ssize_t pitch) noexcept nogil:
    """Writes where between pixels the candidate is, the pointers being at its column."""
    cdef key[2] beside
    cdef int axis
    cdef const Py_ssize_t* at = candidate.at
    for axis in range(3):
        if not 0 < at[axis] < maps.lengths[axis + 1] - 1:
            continue
        if axis == COLUMN:
            candidate.between[axis] = offset(line[-pitch], line[0], line[pitch], maps.how, &maps.elements)
        elif axis == ROW:
            candidate.between[axis] = offset(above[0], line[0], below[0], maps.how, &maps.elements)
        else:
            lay_out_keys(place_in(maps, image, at[PLANE] - 1, at[ROW], at[COLUMN], kernel), 2 * maps.pitches[1], 2,
                         &maps.elements, beside)
            candidate.between[axis] = offset(beside[0], line[0], beside[1], maps.how, &maps.elements)


# --- records ----------------------------------------------------------------------------------------------------------


cdef void write_peaks(const Search* search, const Pool* pool, Py_ssize_t index) noexcept nogil:
    """Writes what is left in a pool, the last one first, into the records of the map `index`."""
    cdef const Records* records = &search.records
    cdef const Candidate* peak
    cdef char* record = records.start + index * search.selection.n_wanted * records.n_bytes
    cdef Py_ssize_t number
    cdef double place
    cdef int axis
    for number in range(pool.count - 1, -1, -1):
        peak = &pool.candidates[number]
        write_score(&search.maps.elements, peak.rank, peak.is_negative, record + records.score)
        memcpy(record + records.kernel, &peak.kernel, sizeof(Py_ssize_t))
        for axis in range(3):
            if records.at[axis] >= 0:
                place = <double> peak.at[axis] + peak.between[axis]
                memcpy(record + records.at[axis], &peak.at[axis], sizeof(Py_ssize_t))
                memcpy(record + records.between[axis], &place, sizeof(double))
        record += records.n_bytes
