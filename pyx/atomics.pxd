# Numbers that several threads read and write, without a lock and without the GIL.

cdef extern from *:
    """
    /* of workers that share nothing else by these */
    #define xcorr_claim(counter, count) __atomic_fetch_add(counter, count, __ATOMIC_RELAXED)
    #define xcorr_read_flag(flag) __atomic_load_n(flag, __ATOMIC_RELAXED)
    #define xcorr_write_flag(flag, value) __atomic_store_n(flag, value, __ATOMIC_RELAXED)
    static inline void xcorr_raise_to(double *place, double number) {
        double before;
        __atomic_load(place, &before, __ATOMIC_RELAXED);
        while (number > before
               && !__atomic_compare_exchange(place, &before, &number, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
    }
    /* of what was written before the flag was set */
    #define xcorr_is_published(flag) __atomic_load_n(flag, __ATOMIC_ACQUIRE)
    #define xcorr_publish(flag) __atomic_store_n(flag, 1, __ATOMIC_RELEASE)
    /* of threads that wait for each other */
    #define xcorr_add(counter, n) __atomic_add_fetch(counter, n, __ATOMIC_SEQ_CST)
    #define xcorr_look(counter) __atomic_load_n(counter, __ATOMIC_SEQ_CST)
    #define xcorr_try_lock(flag) (!__atomic_exchange_n(flag, 1, __ATOMIC_ACQUIRE))
    #define xcorr_unlock(flag) __atomic_store_n(flag, 0, __ATOMIC_RELEASE)
    """
    Py_ssize_t claim "xcorr_claim"(Py_ssize_t* counter, Py_ssize_t count) nogil
    int read_flag "xcorr_read_flag"(int* flag) nogil
    void write_flag "xcorr_write_flag"(int* flag, int value) nogil
    void raise_to "xcorr_raise_to"(double* place, double number) nogil
    bint is_published "xcorr_is_published"(int* flag) nogil
    void publish "xcorr_publish"(int* flag) nogil
    unsigned int add "xcorr_add"(unsigned int* counter, int n) nogil
    unsigned int look "xcorr_look"(unsigned int* counter) nogil
    bint try_lock "xcorr_try_lock"(int* flag) nogil
    void unlock "xcorr_unlock"(int* flag) nogil
