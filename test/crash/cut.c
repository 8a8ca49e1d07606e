/*
 * Cut: what a process does to the files of one folder, written down in order, so that a power cut can be emulated: what
 * no fsync has reached can then be taken away again (test/crash/disk.ts does that). Loaded with LD_PRELOAD.
 *
 *   SKEIN_CUT_FOLDER   the folder; files whose names end in "-shm" are left out: SQLite makes them anew from the log
 *   SKEIN_CUT_LOG      where it is written down, outside of the folder
 *
 * A record is 32 bytes and what belongs to it, in one write, after the call has succeeded: operation, file (its inode),
 * offset, length. A call that was made and not written down when the process died counts as lost, as after a cut.
 *
 *   o  opened, c  opened and created (the path follows)    w  written (the bytes follow)   t  cut to a length
 *   s  synced    d  the folder synced    u  unlinked (the path)    r  renamed (both paths, each ended by 0)
 *   x  something that this file does not follow, such as a shared mapping: the log is then of no use
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096
#define PATHS 4096

struct record {
  char operation;
  char unused[7];
  uint64_t file, offset, length;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static int log_fd = -1;
/* What a descriptor is: 0 nothing of ours, 1 a file of the folder, 2 the folder itself. */
static char kinds[FDS];
static uint64_t files[FDS];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void note(char operation, uint64_t file, uint64_t offset, const void *bytes, uint64_t length) {
  static ssize_t (*real)(int, const struct iovec *, int);
  if (real == NULL) real = REAL(writev);
  struct record record = {operation, {0}, file, offset, length};
  struct iovec parts[2] = {{&record, sizeof record}, {(void *)bytes, bytes == NULL ? 0 : length}};
  if (real(log_fd, parts, 2) < 0) abort();
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SKEIN_CUT_LOG");
  folder = getenv("SKEIN_CUT_FOLDER");
  if (path == NULL || folder == NULL) return;
  log_fd = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) abort();
}

/* 1 for a path in the folder that is followed, 2 for the folder. */
static int kind_of(const char *path) {
  if (log_fd < 0 || path == NULL) return 0;
  size_t length = strlen(folder), whole = strlen(path);
  if (strncmp(path, folder, length) != 0) return 0;
  if (path[length] == 0) return 2;
  if (path[length] != '/') return 0;
  return whole > 4 && strcmp(path + whole - 4, "-shm") == 0 ? 0 : 1;
}

static int kind_of_fd(int fd) { return fd < 0 || fd >= FDS ? 0 : kinds[fd]; }

static void opened(int fd, const char *path, int kind, int flags, int was_there) {
  struct stat stat;
  if (fd < 0) return;
  if (fd >= FDS || fstat(fd, &stat) != 0) abort();
  kinds[fd] = (char)kind;
  files[fd] = stat.st_ino;
  if (kind != 1) return;
  note(was_there ? 'o' : 'c', stat.st_ino, 0, path, strlen(path));
  if (was_there && (flags & O_TRUNC)) note('t', stat.st_ino, 0, NULL, 0);
}

#define OPEN(name, ...)                                                \
  mode_t mode = 0;                                                     \
  if (flags & (O_CREAT | O_TMPFILE)) {                                 \
    va_list more;                                                      \
    va_start(more, flags);                                             \
    mode = va_arg(more, mode_t);                                       \
    va_end(more);                                                      \
  }                                                                    \
  int kind = kind_of(path);                                            \
  if (kind == 0) return REAL(name)(__VA_ARGS__, flags, mode);          \
  pthread_mutex_lock(&mutex);                                          \
  int was_there = access(path, F_OK) == 0;                             \
  int fd = REAL(name)(__VA_ARGS__, flags, mode);                       \
  opened(fd, path, kind, flags, was_there);                            \
  pthread_mutex_unlock(&mutex);                                        \
  return fd;

int open(const char *path, int flags, ...) { OPEN(open, path) }
int open64(const char *path, int flags, ...) { OPEN(open64, path) }
int openat(int at, const char *path, int flags, ...) { OPEN(openat, at, path) }
int openat64(int at, const char *path, int flags, ...) { OPEN(openat64, at, path) }

int close(int fd) {
  if (kind_of_fd(fd) == 0) return REAL(close)(fd);
  pthread_mutex_lock(&mutex);
  kinds[fd] = 0;
  int result = REAL(close)(fd);
  pthread_mutex_unlock(&mutex);
  return result;
}

/* Calls that the emulation does not follow end its use where they concern the folder. */
static void refuse(int fd) {
  if (kind_of_fd(fd) == 1) note('x', files[fd], 0, NULL, 0);
}

int dup(int fd) {
  refuse(fd);
  return REAL(dup)(fd);
}

#define CHANGE(call, operation, offset, bytes, count)                  \
  if (kind_of_fd(fd) != 1) return call;                                \
  pthread_mutex_lock(&mutex);                                          \
  __typeof__(call) result = call;                                      \
  if (result >= 0) note(operation, files[fd], (uint64_t)(offset), bytes, (uint64_t)(count)); \
  pthread_mutex_unlock(&mutex);                                        \
  return result;

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  CHANGE(REAL(pwrite)(fd, bytes, count, offset), 'w', offset, bytes, result)
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  CHANGE(REAL(pwrite64)(fd, bytes, count, offset), 'w', offset, bytes, result)
}
ssize_t write(int fd, const void *bytes, size_t count) {
  CHANGE(REAL(write)(fd, bytes, count), 'w', lseek(fd, 0, SEEK_CUR) - result, bytes, result)
}
int ftruncate(int fd, off_t length) { CHANGE(REAL(ftruncate)(fd, length), 't', length, NULL, 0) }
int ftruncate64(int fd, off64_t length) {
  CHANGE(REAL(ftruncate64)(fd, length), 't', length, NULL, 0)
}

#define SYNC(name)                                                     \
  int name(int fd) {                                                   \
    int kind = kind_of_fd(fd);                                         \
    if (kind == 0) return REAL(name)(fd);                              \
    /* What another thread writes meanwhile is not synced for certain. */ \
    pthread_mutex_lock(&mutex);                                        \
    int result = REAL(name)(fd);                                       \
    if (result == 0) note(kind == 2 ? 'd' : 's', files[fd], 0, NULL, 0); \
    pthread_mutex_unlock(&mutex);                                      \
    return result;                                                     \
  }
SYNC(fsync)
SYNC(fdatasync)

ssize_t writev(int fd, const struct iovec *parts, int count) {
  refuse(fd);
  return REAL(writev)(fd, parts, count);
}
int truncate(const char *path, off_t length) {
  if (kind_of(path) == 1) note('x', 0, 0, NULL, 0);
  return REAL(truncate)(path, length);
}
int link(const char *from, const char *to) {
  if (kind_of(from) == 1 || kind_of(to) == 1) note('x', 0, 0, NULL, 0);
  return REAL(link)(from, to);
}

static void *map(void *(*real)(void *, size_t, int, int, int, off64_t), void *at, size_t length,
                 int protection, int flags, int fd, off64_t offset) {
  if ((flags & MAP_SHARED) && (protection & PROT_WRITE)) refuse(fd);
  return real(at, length, protection, flags, fd, offset);
}
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  return map(REAL(mmap), at, length, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
  return map(REAL(mmap64), at, length, protection, flags, fd, offset);
}

#define UNLINK(...)                                                    \
  if (kind_of(path) != 1) return __VA_ARGS__;                          \
  pthread_mutex_lock(&mutex);                                          \
  int result = __VA_ARGS__;                                            \
  if (result == 0) note('u', 0, 0, path, strlen(path));                \
  pthread_mutex_unlock(&mutex);                                        \
  return result;

int unlink(const char *path) { UNLINK(REAL(unlink)(path)) }
int remove(const char *path) { UNLINK(REAL(remove)(path)) }
int unlinkat(int at, const char *path, int flags) { UNLINK(REAL(unlinkat)(at, path, flags)) }

int rename(const char *from, const char *to) {
  if (kind_of(from) != 1 && kind_of(to) != 1) return REAL(rename)(from, to);
  char both[2 * PATHS];
  size_t first = strlen(from) + 1, second = strlen(to) + 1;
  if (first + second > sizeof both) abort();
  memcpy(both, from, first);
  memcpy(both + first, to, second);
  pthread_mutex_lock(&mutex);
  int result = REAL(rename)(from, to);
  if (result == 0) note('r', 0, 0, both, first + second);
  pthread_mutex_unlock(&mutex);
  return result;
}
