# The passes of a transform along one axis: their radices, and the elements of their twiddles.

from transforms cimport Transform


cdef void plan_transform(Transform* transform, Py_ssize_t n_points, bint left_alone, Py_ssize_t largest_radix) noexcept:
    """Radices of the passes, few and the largest ones last: the last forward pass turns nothing."""
    cdef Py_ssize_t rest = n_points, twos = 0, n_eights = 0, n_fours
    transform.n_points = n_points
    transform.n_radices = 0
    if left_alone:
        add_radices(transform, 1, 1)
        return
    while rest % 2 == 0:
        rest //= 2
        twos += 1
    if largest_radix == 8:
        n_eights = twos // 3 - (1 if twos % 3 == 1 and twos > 1 else 0)
    n_fours = (twos - 3 * n_eights) // 2
    while rest % 5 == 0:
        rest //= 5
        add_radices(transform, 5, 1)
    while rest % 3 == 0:
        rest //= 3
        add_radices(transform, 3, 1)
    add_radices(transform, 2, twos - 3 * n_eights - 2 * n_fours)
    add_radices(transform, 4, n_fours)
    add_radices(transform, 8, n_eights)


cdef void add_radices(Transform* transform, Py_ssize_t radix, Py_ssize_t count) noexcept:
    cdef Py_ssize_t _
    for _ in range(count):
        transform.radices[transform.n_radices] = radix
        transform.n_radices += 1


cdef Py_ssize_t twiddles_of(const Transform* transform) noexcept:
    """Elements of the twiddles."""
    cdef Py_ssize_t n = transform.n_points, count = 0, index
    for index in range(transform.n_radices):
        count += 2 * (n // transform.radices[index] - 1) * (transform.radices[index] - 1)
        n //= transform.radices[index]
    return count
