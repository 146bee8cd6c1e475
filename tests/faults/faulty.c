/* File events of a process under one folder: counted, and at one of them something goes wrong.

   Loaded before the C library (LD_PRELOAD). An event is a call that reads or changes files: opening
   one, reading, writing, truncating, syncing, renaming, removing, making a folder, changing a mode,
   locking. What is not armed, or lies elsewhere, passes through.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum when { NEVER, BEFORE, HALF, INSTEAD, FROM_NOW_ON, AFTER }; /* as in injector.py */

static struct {
    char folder[4096];
    int armed, at, count, seen;
    enum when when;
    int signal; /* sent, where the event does not fail */
    int error;  /* the errno with which it fails, else 0 */
    FILE *log;
} plan;

void faulty_arm(const char *folder, int at, int when, int signal, int error, const char *log) {
    snprintf(plan.folder, sizeof plan.folder, "%s", folder);
    plan.at = at, plan.when = when, plan.signal = signal, plan.error = error;
    plan.count = plan.seen = 0, plan.armed = 1;
    plan.log = log && *log ? fopen(log, "w") : NULL;
}
int faulty_count(void) { return plan.count; }

/* Only what lies under the folder is ours; `path` may be relative to `at`. */
static int ours(int at, const char *path) {
    char where[9000], link[64], from[4096] = "";
    if (!plan.armed || !path) return 0;
    if (*path != '/') {
        snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
        ssize_t n = readlink(link, from, sizeof from - 1);
        if (n < 0) return 0;
        from[n] = 0;
        snprintf(where, sizeof where, "%s/%s", from, path);
        path = where;
    }
    size_t n = strlen(plan.folder);
    return !strncmp(path, plan.folder, n) && (path[n] == '/' || !path[n]);
}
static int open_under(int fd) {
    char link[64], path[4096];
    if (!plan.armed) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return ours(AT_FDCWD, path);
}

static void strike(void) {
    kill(getpid(), plan.signal);
    if (plan.signal == SIGKILL) for (;;) pause();
}
/* What becomes of this event: the call is made if NEVER or AFTER, half of it if HALF, else it fails. */
static enum when event(const char *call, const char *what) {
    int now = plan.count++;
    if (plan.log) fprintf(plan.log, "%d %s %s\n", now, call, what ? what : ""), fflush(plan.log);
    if (plan.at < 0 || now < plan.at) return NEVER;
    if (now > plan.at) return plan.when == FROM_NOW_ON || plan.seen ? INSTEAD : NEVER;
    if (plan.when == BEFORE) return strike(), NEVER;
    return plan.when;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define CALL(name, is_ours, what, arguments)                                              \
    REAL(name);                                                                           \
    enum when e = (is_ours) ? event(#name, what) : NEVER;                                 \
    if (e == HALF && !plan.error) strike();                                               \
    if (e == INSTEAD || e == FROM_NOW_ON || e == HALF) return errno = plan.error, -1;     \
    __typeof__(real arguments) got = real arguments;                                      \
    if (e == AFTER) { int kept = errno; strike(); errno = kept; }                         \
    return got

ssize_t write(int fd, const void *bytes, size_t n) {
    REAL(write);
    enum when e = open_under(fd) ? event("write", NULL) : NEVER;
    if (e == HALF) {
        ssize_t got = real(fd, bytes, n / 2);
        if (!plan.error) strike();
        plan.seen = 1; /* the other half, and all that follows, fails */
        return got;
    }
    if (e == INSTEAD || e == FROM_NOW_ON) return errno = plan.error, -1;
    ssize_t got = real(fd, bytes, n);
    if (e == AFTER) { int kept = errno; strike(); errno = kept; }
    return got;
}
ssize_t read(int fd, void *bytes, size_t n) { CALL(read, open_under(fd), NULL, (fd, bytes, n)); }
int fsync(int fd) { CALL(fsync, open_under(fd), NULL, (fd)); }
int fdatasync(int fd) { CALL(fdatasync, open_under(fd), NULL, (fd)); }
int ftruncate(int fd, off_t n) { CALL(ftruncate, open_under(fd), NULL, (fd, n)); }
int ftruncate64(int fd, off64_t n) { CALL(ftruncate64, open_under(fd), NULL, (fd, n)); }
int fchmod(int fd, mode_t m) { CALL(fchmod, open_under(fd), NULL, (fd, m)); }
int flock(int fd, int how) { CALL(flock, open_under(fd), NULL, (fd, how)); }
int chmod(const char *p, mode_t m) { CALL(chmod, ours(AT_FDCWD, p), p, (p, m)); }
int mkdir(const char *p, mode_t m) { CALL(mkdir, ours(AT_FDCWD, p), p, (p, m)); }
int mkdirat(int d, const char *p, mode_t m) { CALL(mkdirat, ours(d, p), p, (d, p, m)); }
int rmdir(const char *p) { CALL(rmdir, ours(AT_FDCWD, p), p, (p)); }
int unlink(const char *p) { CALL(unlink, ours(AT_FDCWD, p), p, (p)); }
int unlinkat(int d, const char *p, int f) { CALL(unlinkat, ours(d, p), p, (d, p, f)); }
int rename(const char *a, const char *b) { CALL(rename, ours(AT_FDCWD, b), b, (a, b)); }
int renameat(int c, const char *a, int d, const char *b) { CALL(renameat, ours(d, b), b, (c, a, d, b)); }
int link(const char *a, const char *b) { CALL(link, ours(AT_FDCWD, b), b, (a, b)); }

#define OPEN(name, declared, at, passed)                                                  \
    int name declared {                                                                   \
        va_list rest;                                                                     \
        va_start(rest, flags);                                                            \
        mode_t mode = va_arg(rest, mode_t);                                               \
        va_end(rest);                                                                     \
        CALL(name, ours(at, path), path, passed);                                         \
    }
OPEN(open, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(openat, (int d, const char *path, int flags, ...), d, (d, path, flags, mode))
OPEN(openat64, (int d, const char *path, int flags, ...), d, (d, path, flags, mode))
