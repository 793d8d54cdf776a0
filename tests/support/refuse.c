/* Preloaded: refuses one allocation of the process, or all from one on, and counts those that are alive.

   Those of threads without the GIL are not refused: NumPy 2.4 allocates the buffers of ufuncs without it, and crashes
   when it sets the error. */

#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
extern int PyGILState_Check(void) __attribute__((weak));

long refuse_in = 0;       /* the allocation that is refused, counted from 1; 0: none */
int refuse_more = 0;      /* whether all that follow are refused, too */
size_t refuse_least = 0;  /* bytes of those that count */
long refused = 0;
long alive = 0;

static int refuses(size_t size)
{
    long left;
    if (!__atomic_load_n(&refuse_in, __ATOMIC_RELAXED) || size < refuse_least)
        return 0;
    if (PyGILState_Check == NULL || !PyGILState_Check())
        return 0;
    left = __atomic_sub_fetch(&refuse_in, 1, __ATOMIC_RELAXED);
    if (left > 0)
        return 0;
    if (left < 0 || refuse_more)
        __atomic_store_n(&refuse_in, refuse_more, __ATOMIC_RELAXED);
    if (left < 0)
        return 0;
    __atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return 1;
}

static void *counted(void *memory)
{
    if (memory != NULL)
        __atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
    return memory;
}

void *malloc(size_t size)
{
    return refuses(size) ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return refuses(size != 0 && count > (size_t)-1 / size ? (size_t)-1 : count * size)
               ? NULL : counted(__libc_calloc(count, size));
}

void *memalign(size_t alignment, size_t size)
{
    return refuses(size) ? NULL : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *found = memalign(alignment, size);
    if (found == NULL)
        return ENOMEM;
    *memory = found;
    return 0;
}

void free(void *memory)
{
    if (memory != NULL)
        __atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED);
    __libc_free(memory);
}

void *realloc(void *memory, size_t size)
{
    if (refuses(size))
        return NULL;
    if (memory == NULL)
        return malloc(size);
    if (size == 0) {
        free(memory);
        return NULL;
    }
    return __libc_realloc(memory, size);
}
