// The clock on the wall, ten years back; time that passes is left as it is. Put before the C library by `LD_PRELOAD`.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t which, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(which, now);
    if (!failed && which == CLOCK_REALTIME) now->tv_sec -= 3652L * 24 * 60 * 60;
    return failed;
}
