# The way of a search: over images, kernels, parts of rows that lines hold, and rows; and what is found as records.


cdef int search_images(Search* search, key gate) noexcept nogil:
    """Finds and writes the peaks of all maps that have keys of this type."""
    cdef Py_ssize_t image, kernel, n_kernels = search.maps.lengths[3]
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
    while kernel < search.maps.lengths[3] and status == 0:
        put_in_line(search, min(search.most_kernels, search.maps.lengths[3] - kernel))
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
    cdef Py_ssize_t first = 0, some = columns_at_once(maps), n_columns = maps.lengths[2]
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
    cdef Py_ssize_t begin = max(maps.row_border, maps.first_row), row, seed
    cdef Py_ssize_t end = min(maps.lengths[1] - maps.row_border, maps.end_row)
    cdef Py_ssize_t n_seeds = limit_of(&search.selection) if begin < end else 0
    cdef key* tops = <key*> search.tops
    cdef Lines lines = Lines(0, maps.lengths[1], first, maps.lengths[2], kernel, maps.side_by_side)
    cdef bint has_first = begin == 0 and first == 0 and gate == least(gate)  # pixel, a candidate although it is `least`
    cdef int status = find_tops(search, image, kernel, begin, end, first, n_columns, tops)
    if n_seeds > (end - begin) // ROWS_OF_SEED:
        n_seeds = 0
    search.in_order = n_seeds == 0
    search.laid[0] = search.laid[1] = search.laid[2] = NO_ROW
    for seed in range(n_seeds):
        row = highest_row(tops, begin, end)
        if status != 0 or not tops[row] >= gate_of(search, gate):
            break
        status = look_at_three(search, image, row, n_columns, &lines, gate)
        tops[row] = least(gate)
        has_first = has_first and row != 0
    for row in range(begin, end):
        if status == 0 and (tops[row] >= gate_of(search, gate) or (row == 0 and has_first)):
            status = look_at_three(search, image, row, n_columns, &lines, gate)
    return status


cdef int look_at_three(Search* search, Py_ssize_t image, Py_ssize_t row, Py_ssize_t n_columns, Lines* lines,
                       key gate) noexcept nogil:
    """Lays a row and the two beside it out, unless they lie there, and looks at it."""
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t length = line_length(maps, n_columns), index, slot, beside
    cdef key* line = <key*> search.lines
    cdef key* three[3]
    cdef int status
    for index in range(3):  # above, line, below
        beside = row - 1 + index
        slot = (beside + 3) % 3
        three[index] = line + slot * length
        if search.laid[slot] != beside:
            lay_out_row(maps, image, lines.first_kernel, beside, lines.first_column, n_columns, three[index])
            search.laid[slot] = beside
    lines.row = row
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


cdef int find_tops(Search* search, Py_ssize_t image, Py_ssize_t kernel, Py_ssize_t begin, Py_ssize_t end,
                   Py_ssize_t first, Py_ssize_t n_columns, key* tops) noexcept nogil:
    """tops[row] = the largest key, but for NaN, of some kernels and columns: looked for, or as known of the row."""
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t row, segment
    cdef int status = 0
    cdef const double* known = search.known
    for row in range(begin, end):
        tops[row] = least(tops[0])
        for segment in range(maps.segments):
            if known != NULL and not maps.are_near:
                tops[row] = max(tops[row], <key> known[(image * maps.lengths[3] + kernel + segment) * maps.lengths[1]
                                                       + row])
                continue
            tops[row] = max(tops[row], top_of_row(maps, image, kernel + segment, row, first, n_columns, tops[row]))
            status = count_keys(search, maps.side_by_side * n_columns)
            if status != 0:
                return status
    return 0


cdef key top_of_row(const Maps* maps, Py_ssize_t image, Py_ssize_t kernel, Py_ssize_t row, Py_ssize_t first,
                    Py_ssize_t n_columns, key of_type) noexcept nogil:
    """The largest key of some columns of a row of the kernels that are side by side."""
    cdef Py_ssize_t column, width = maps.side_by_side
    cdef key top = least(of_type)
    cdef const char* place = (maps.start + image * maps.pitches[0] + row * maps.pitches[1] + first * maps.pitches[2]
                              + kernel * maps.pitches[3])
    if width == 1:
        return highest_key(place, maps.pitches[2], n_columns, &maps.elements, top)
    if maps.pitches[2] == width * maps.pitches[3]:
        return highest_key(place, maps.pitches[3], n_columns * width, &maps.elements, top)
    for column in range(n_columns):
        top = larger(highest_key(place + column * maps.pitches[2], maps.pitches[3], width, &maps.elements, top), top)
    return top


cdef Py_ssize_t highest_row(const key* tops, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """The first row of those with the largest key."""
    cdef Py_ssize_t row, best = begin
    for row in range(begin + 1, end):
        if tops[row] > tops[best]:
            best = row
    return best


cdef int look_for_signals() noexcept nogil:
    cdef int status
    with gil:
        status = check_signals()
    return RAISED if status != 0 else 0


cdef void lay_out_row(const Maps* maps, Py_ssize_t image, Py_ssize_t kernel, Py_ssize_t row, Py_ssize_t first,
                      Py_ssize_t n_columns, key* line) noexcept nogil:
    """Lays columns [first - 1, first + n_columns + 1) of a row into a line, `least` where they are missing."""
    cdef Py_ssize_t segment, column, index, width = maps.side_by_side
    cdef Py_ssize_t begin = max(first - 1, 0), end = min(first + n_columns + 1, maps.lengths[2])
    cdef key nothing = least(line[0])
    cdef const char* place
    cdef key* target
    for segment in range(maps.segments):
        if not 0 <= row < maps.lengths[1]:
            begin = end = first
        for index in range((begin - first + 1) * width):
            line[index] = nothing
        for index in range((end - first + 1) * width, (n_columns + 2) * width):
            line[index] = nothing
        place = (maps.start + image * maps.pitches[0] + row * maps.pitches[1] + begin * maps.pitches[2]
                 + (kernel + segment) * maps.pitches[3])
        target = line + (begin - first + 1) * width
        if width == 1:
            lay_out_keys(place, maps.pitches[2], end - begin, &maps.elements, target)
        elif maps.pitches[2] == width * maps.pitches[3]:
            lay_out_keys(place, maps.pitches[3], (end - begin) * width, &maps.elements, target)
        else:
            for column in range(end - begin):
                lay_out_keys(place + column * maps.pitches[2], maps.pitches[3], width, &maps.elements,
                             target + column * width)
        line += (n_columns + 2) * width


cdef int look_at_row(Search* search, key** three, Lines* lines, Py_ssize_t n_columns, key gate) noexcept nogil:
    """Puts the candidates of a row into their pools."""
    cdef const Maps* maps = &search.maps
    cdef Py_ssize_t width = lines.pitch, segment, index, place, last, kernel = lines.first_kernel
    cdef Py_ssize_t begin = max(maps.border - lines.first_column, 0)
    cdef Py_ssize_t end = min(lines.n_columns - maps.border - lines.first_column, n_columns)
    cdef key highest = gate_of(search, gate)
    cdef int status = 0
    for segment in range(maps.segments):
        lines.first_kernel = kernel + segment
        place = segment * (n_columns + 2) * width
        if lines.row == 0 and lines.first_column == 0 and begin == 0 and gate == least(gate):
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
    """Puts the candidate at a place of the lines into its pool; all above it is known if lines hold all columns."""
    cdef Candidate candidate
    cdef Py_ssize_t of_kernel = (place - segment) % lines.pitch, pool
    cdef bint all_kernels = not search.selection.by_image or search.maps.kernels == search.maps.n_kernels
    cdef bint whole = search.in_order and all_kernels and columns_at_once(&search.maps) == lines.n_columns
    candidate.rank = rank_of(three[1][place])
    candidate.row = lines.row
    candidate.column = lines.first_column + (place - segment) // lines.pitch - 1
    candidate.kernel = search.maps.first_kernel + lines.first_kernel + of_kernel
    candidate.is_negative = is_negative_zero(three[1][place])
    pool = 0 if search.selection.by_image else of_kernel
    locate(&candidate, three[0] + place, three[1] + place, three[2] + place, lines, search.maps.how,
           &search.maps.elements)
    return put_into(&search.pools[pool], &search.selection, &candidate, lines.row if whole else 0)


# --- records ----------------------------------------------------------------------------------------------------------


cdef void write_peaks(const Search* search, const Pool* pool, Py_ssize_t index) noexcept nogil:
    """Writes what is left in a pool, the last one first, into the records of the map `index`."""
    cdef const Records* records = &search.records
    cdef const Candidate* peak
    cdef char* record = records.start + index * search.selection.n_wanted * records.n_bytes
    cdef Py_ssize_t number
    for number in range(pool.count - 1, -1, -1):
        peak = &pool.candidates[number]
        write_score(&search.maps.elements, peak.rank, peak.is_negative, record + records.places[0])
        memcpy(record + records.places[1], &peak.row, sizeof(Py_ssize_t))
        memcpy(record + records.places[2], &peak.column, sizeof(Py_ssize_t))
        memcpy(record + records.places[3], &peak.kernel, sizeof(Py_ssize_t))
        memcpy(record + records.places[4], &peak.sub_row, sizeof(double))
        memcpy(record + records.places[5], &peak.sub_column, sizeof(double))
        record += records.n_bytes
