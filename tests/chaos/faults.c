/* Ends or fails one call to the file system; loaded before libc with LD_PRELOAD.
 *
 * Counts the calls of the whole process on paths below HYGGE_FAULTS_UNDER, and acts at call number
 * HYGGE_FAULTS_AT (0: never): SIGKILL before the call when HYGGE_FAULTS_ERRNO is 0, else the call
 * fails with that errno; -1 lets it succeed without doing anything. HYGGE_FAULTS_CALL counts only
 * calls of these names, separated by commas. HYGGE_FAULTS_FOR calls in a row fail; 0 means all from
 * then on. HYGGE_FAULTS_LOG receives one line for each counted call. The variables are read when
 * HYGGE_FAULTS_UNDER is first seen, so a process may set them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char under[PATH_MAX], only[256];
static size_t length;
static long at, times;
static int error, logging = -1;
static atomic_int armed;
static atomic_long calls;

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text && *text ? atol(text) : otherwise;
}

static int is_armed(void) {
    int state = atomic_load(&armed);
    if (state == 2) return 1;
    const char *place = getenv("HYGGE_FAULTS_UNDER");
    if (!place || state || atomic_exchange(&armed, 1)) return 0;
    const char *call = getenv("HYGGE_FAULTS_CALL"), *path = getenv("HYGGE_FAULTS_LOG");
    length = strlen(strncpy(under, place, sizeof under - 1));
    if (call && *call) snprintf(only, sizeof only, ",%s,", call);
    at = number("HYGGE_FAULTS_AT", 0);
    times = number("HYGGE_FAULTS_FOR", 1);
    error = (int)number("HYGGE_FAULTS_ERRNO", 0);
    if (path && *path)
        logging = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    atomic_store(&armed, 2);
    return 1;
}

/* Return the errno to fail with, 0 to go on. */
static int judge(const char *call, int folder, const char *path) {
    char whole[2 * PATH_MAX] = "";
    char listed[48];
    snprintf(listed, sizeof listed, ",%s,", call);
    if (!is_armed() || (*only && !strstr(only, listed))) return 0;
    int kept = errno;
    if (!path || *path != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(whole, PATH_MAX)) *whole = 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, whole, PATH_MAX - 1);
            if (size > 0) whole[size] = 0;
        }
        if (path) strncat(strcat(whole, "/"), path, PATH_MAX - 1);
    } else {
        strncpy(whole, path, PATH_MAX - 1);
    }
    errno = kept;
    if (strncmp(whole, under, length)) return 0;
    long count = atomic_fetch_add(&calls, 1) + 1;
    int acts = at && count >= at && (!times || count < at + times);
    if (logging >= 0) {
        char line[2 * PATH_MAX + 80];
        int size = snprintf(line, sizeof line, "%ld %s %s%s\n", count, call, whole,
                            acts ? " !" : "");
        syscall(SYS_write, logging, line, size);
    }
    if (!acts) return 0;
    if (!error) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    return error;
}

static void *real(void **kept, const char *name) {
    if (!*kept) *kept = dlsym(RTLD_NEXT, name);
    return *kept;
}

#define FAIL(call, folder, path, failed)               \
    do {                                               \
        int code_ = judge(call, folder, path);         \
        if (code_ == -1) return 0;                     \
        if (code_) {                                   \
            errno = code_;                             \
            return failed;                             \
        }                                              \
    } while (0)

/* A function of libc: return type, name, what it is called in reports, parameters, arguments,
 * the descriptor and the path that it is about, and what it returns when it fails. */
#define WRAP(type, name, call, parameters, arguments, folder, path, failed) \
    static void *real_##name;                                               \
    type name parameters {                                                  \
        FAIL(call, folder, path, failed);                                   \
        return ((type(*) parameters)real(&real_##name, #name))arguments;    \
    }

#define OPEN(name)                                                                       \
    static void *real_##name;                                                            \
    int name(const char *path, int flags, ...) {                                         \
        va_list more;                                                                    \
        va_start(more, flags);                                                           \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;          \
        va_end(more);                                                                    \
        FAIL("open", AT_FDCWD, path, -1);                                                \
        return ((int (*)(const char *, int, ...))real(&real_##name, #name))(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                     \
    static void *real_##name;                                                            \
    int name(int folder, const char *path, int flags, ...) {                             \
        va_list more;                                                                    \
        va_start(more, flags);                                                           \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;          \
        va_end(more);                                                                    \
        FAIL("open", folder, path, -1);                                                  \
        return ((int (*)(int, const char *, int, ...))real(&real_##name, #name))(        \
            folder, path, flags, mode);                                                  \
    }
OPENAT(openat)
OPENAT(openat64)

WRAP(ssize_t, read, "read", (int f, void *b, size_t n), (f, b, n), f, NULL, -1)
WRAP(ssize_t, pread, "read", (int f, void *b, size_t n, off_t o), (f, b, n, o), f, NULL, -1)
WRAP(ssize_t, pread64, "read", (int f, void *b, size_t n, off64_t o), (f, b, n, o), f, NULL, -1)
WRAP(ssize_t, write, "write", (int f, const void *b, size_t n), (f, b, n), f, NULL, -1)
WRAP(ssize_t, writev, "write", (int f, const struct iovec *v, int n), (f, v, n), f, NULL, -1)
WRAP(ssize_t, pwrite, "write", (int f, const void *b, size_t n, off_t o), (f, b, n, o), f, NULL, -1)
WRAP(ssize_t, pwrite64, "write", (int f, const void *b, size_t n, off64_t o), (f, b, n, o), f, NULL, -1)
WRAP(int, fsync, "fsync", (int f), (f), f, NULL, -1)
WRAP(int, fdatasync, "fsync", (int f), (f), f, NULL, -1)
WRAP(int, ftruncate, "ftruncate", (int f, off_t n), (f, n), f, NULL, -1)
WRAP(int, ftruncate64, "ftruncate", (int f, off64_t n), (f, n), f, NULL, -1)
WRAP(int, flock, "flock", (int f, int how), (f, how), f, NULL, -1)
WRAP(int, fchmod, "chmod", (int f, mode_t m), (f, m), f, NULL, -1)
WRAP(int, chmod, "chmod", (const char *p, mode_t m), (p, m), AT_FDCWD, p, -1)
WRAP(int, rename, "rename", (const char *o, const char *n), (o, n), AT_FDCWD, n, -1)
WRAP(int, renameat, "rename", (int a, const char *o, int b, const char *n), (a, o, b, n), b, n, -1)
WRAP(int, renameat2, "renameat2", (int a, const char *o, int b, const char *n, unsigned f),
     (a, o, b, n, f), b, n, -1)
WRAP(int, link, "link", (const char *o, const char *n), (o, n), AT_FDCWD, n, -1)
WRAP(int, linkat, "link", (int a, const char *o, int b, const char *n, int f), (a, o, b, n, f), b, n, -1)
WRAP(int, unlink, "unlink", (const char *p), (p), AT_FDCWD, p, -1)
WRAP(int, unlinkat, "unlink", (int a, const char *p, int f), (a, p, f), a, p, -1)
WRAP(int, rmdir, "rmdir", (const char *p), (p), AT_FDCWD, p, -1)
WRAP(int, mkdir, "mkdir", (const char *p, mode_t m), (p, m), AT_FDCWD, p, -1)
WRAP(int, mkdirat, "mkdir", (int a, const char *p, mode_t m), (a, p, m), a, p, -1)
WRAP(int, stat, "stat", (const char *p, struct stat *s), (p, s), AT_FDCWD, p, -1)
WRAP(int, stat64, "stat", (const char *p, struct stat64 *s), (p, s), AT_FDCWD, p, -1)
WRAP(int, lstat, "stat", (const char *p, struct stat *s), (p, s), AT_FDCWD, p, -1)
WRAP(int, lstat64, "stat", (const char *p, struct stat64 *s), (p, s), AT_FDCWD, p, -1)
WRAP(int, fstatat, "stat", (int a, const char *p, struct stat *s, int f), (a, p, s, f), a, p, -1)
WRAP(int, fstatat64, "stat", (int a, const char *p, struct stat64 *s, int f), (a, p, s, f), a, p, -1)
WRAP(DIR *, opendir, "opendir", (const char *p), (p), AT_FDCWD, p, NULL)
WRAP(DIR *, fdopendir, "opendir", (int f), (f), f, NULL, NULL)

/* Locks of SQLite and DuckDB; everything else that fcntl does is no call to the file system. */
#define FCNTL(name)                                                              \
    static void *real_##name;                                                    \
    int name(int file, int command, ...) {                                       \
        va_list more;                                                            \
        va_start(more, command);                                                 \
        void *argument = va_arg(more, void *);                                   \
        va_end(more);                                                            \
        if (command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK) \
            FAIL("fcntl", file, NULL, -1);                                       \
        return ((int (*)(int, int, ...))real(&real_##name, #name))(file, command, argument); \
    }
FCNTL(fcntl)
FCNTL(fcntl64)
