# Waiting without sleep for what comes soon: a thread that sleeps takes tens of microseconds to wake, as long as a
# strip takes, and so does one that finds the GIL taken. Nothing waits so for long, and nothing depends on it.

from atomics cimport look

cdef extern from *:
    """
    #if defined(_WIN32)
    #include <windows.h>
    #else
    #include <time.h>
    #endif
    /* Sleeps as shortly as the system can, and returns how many microseconds that was meant to be. */
    static int xcorr_doze(void) {
    #if defined(_WIN32)
        Sleep(1);
        return 1000;
    #else
        const struct timespec moment = {0, 50000};
        nanosleep(&moment, NULL);
        return 50;
    #endif
    }
    #if defined(__x86_64__) || defined(__i386__)
    #define xcorr_pause() __builtin_ia32_pause()
    #elif defined(__aarch64__)
    #define xcorr_pause() __asm__ volatile("isb") /* as long as pause takes; yield takes no time */
    #else
    #define xcorr_pause() ((void)0)
    #endif
    """
    void pause "xcorr_pause"() nogil
    int doze "xcorr_doze"() nogil

cdef int MOST_PAUSES = 10_000  # some tenths of a millisecond

cdef unsigned int n_announced = 0  # calls that helpers were asked for, announced by callers without the GIL
cdef unsigned int n_forks = 0      # that this process comes from, as far as it knows


def forked():
    """Note that this process is the child of a fork: the threads that were in a call did not come along."""
    global n_forks
    n_forks += 1


cdef bint becomes_zero(unsigned int* counter) noexcept nogil:
    """Whether a counter has become zero, after a moment at most."""
    cdef int pauses = 0
    while look(counter) and pauses < MOST_PAUSES:
        pause()
        pauses += 1
    return look(counter) == 0


cdef bint becomes_zero_soon(unsigned int* counter) noexcept nogil:
    """Whether a counter has become zero, after some milliseconds at most and with sleep."""
    cdef int slept = 0
    while look(counter) and slept < 5_000:
        slept += doze()
    return look(counter) == 0


cdef void wait_for_call(unsigned int seen) noexcept nogil:
    """Wait for a moment, until another call than those `seen` is announced."""
    cdef int pauses = 0
    while look(&n_announced) == seen and pauses < MOST_PAUSES:
        pause()
        pauses += 1
