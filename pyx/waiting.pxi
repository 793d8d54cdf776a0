# Waiting without sleep for what comes soon: a thread that sleeps takes tens of microseconds to wake, as long as a
# strip takes, and so does one that finds the GIL taken. Nothing waits so for long, and nothing depends on it.

from posix.time cimport nanosleep, timespec

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
cdef unsigned int n_forks = 0      # that this process comes from, as far as it knows


def forked():
    """In the child of a fork: the threads that were in a call did not come along."""
    global n_forks
    n_forks += 1


cdef bint becomes_zero(unsigned int* counter) noexcept nogil:
    """Whether it is, after a moment at most."""
    cdef int pauses = 0
    while look(counter) and pauses < MOST_PAUSES:
        pause()
        pauses += 1
    return look(counter) == 0


cdef bint becomes_zero_soon(unsigned int* counter) noexcept nogil:
    """Whether it is, after some milliseconds at most and with sleep."""
    cdef timespec moment
    cdef int n_moments = 0
    moment.tv_sec, moment.tv_nsec = 0, 50_000
    while look(counter) and n_moments < 100:
        nanosleep(&moment, NULL)
        n_moments += 1
    return look(counter) == 0


cdef void wait_for_call(unsigned int seen) noexcept nogil:
    """A moment, until another call than those `seen` is announced."""
    cdef int pauses = 0
    while look(&n_announced) == seen and pauses < MOST_PAUSES:
        pause()
        pauses += 1
