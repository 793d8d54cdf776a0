# Waiting without sleep for what comes soon: a thread that sleeps takes tens of microseconds to wake, as long as a
# strip takes, and so does one that finds the GIL taken. Nothing waits so for long, and nothing depends on it.

cdef extern from *:
    """
    #define xcorr_add(counter, n) __atomic_add_fetch(counter, n, __ATOMIC_SEQ_CST)
    #define xcorr_look(counter) __atomic_load_n(counter, __ATOMIC_SEQ_CST)
    #if defined(__x86_64__) || defined(__i386__)
    #define xcorr_pause() __builtin_ia32_pause()
    #else
    #define xcorr_pause() ((void)0)
    #endif
    """
    unsigned int add "xcorr_add"(unsigned int* counter, int n) nogil
    unsigned int look "xcorr_look"(unsigned int* counter) nogil
    void pause "xcorr_pause"() nogil

cdef int MOST_PAUSES = 10_000  # some tenths of a millisecond

cdef unsigned int n_announced = 0  # calls that helpers were asked for, announced by callers without the GIL


cdef bint becomes_zero(unsigned int* counter) noexcept nogil:
    """Whether it is, after a moment at most."""
    cdef int pauses = 0
    while look(counter) and pauses < MOST_PAUSES:
        pause()
        pauses += 1
    return look(counter) == 0


cdef void wait_for_call(unsigned int seen, unsigned int* hurry) noexcept nogil:
    """A moment, until another call than those `seen` is announced or somebody is in a hurry."""
    cdef int pauses = 0
    while look(&n_announced) == seen and not look(hurry) and pauses < MOST_PAUSES:
        pause()
        pauses += 1
