/* Let a program under QEMU learn that another did not start: preloaded into those that spawn.c runs.
 *
 * glibc's posix_spawn hears of that through memory that it shares with its child, by vfork; and QEMU's user mode makes vfork a fork
 * (linux-user/syscall.c, do_fork: "emulate vfork with fork"), so that the child's word is lost, and the call succeeds. The kernel knows
 * better: what has not begun another program is marked in /proc/<pid>/stat, after its end as well (PF_FORKNOEXEC, include/linux/sched.h).
 * musl's posix_spawn, and Rust's own way where it does not take that of glibc, tell through a pipe, and need none of this.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FORKNOEXEC = 0x40 };

typedef int Spawn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[], char *const[]);

/* Nothing that the program starts is to inherit us: for its own kind the emulator is given us anew. */
__attribute__((constructor)) static void leave(void) {
    const char *listed = getenv("LD_PRELOAD");
    const char *rest = listed ? strchr(listed, ':') : NULL;
    if (rest)
        setenv("LD_PRELOAD", rest + 1, 1);
    else
        unsetenv("LD_PRELOAD");
}

/* Return 1 if a child has begun its program, 0 if it has not yet, -1 if it ended before that; 1 as well if nobody knows. */
static int begun(pid_t child) {
    char path[40], line[512], state;
    unsigned flags;
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    FILE *file = fopen(path, "re");
    if (!file)
        return 1;
    size_t got = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[got] = 0;
    char *rest = strrchr(line, ')');
    if (!rest || sscanf(rest, ") %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2 || !(flags & FORKNOEXEC))
        return 1;
    return state == 'Z' || state == 'X' ? -1 : 0;
}

/* Why a file cannot be started, as far as looking tells: the child knew, and nobody heard. */
static int reason(const char *file, int search) {
    char path[PATH_MAX];
    int why = ENOENT;
    if (!search || strchr(file, '/'))
        return access(file, F_OK) ? errno : access(file, X_OK) ? errno : ENOENT;
    const char *dirs = getenv("PATH");
    for (const char *dir = dirs ? dirs : "/bin:/usr/bin"; dir; dir = strchr(dir, ':') ? strchr(dir, ':') + 1 : NULL) {
        snprintf(path, sizeof path, "%.*s/%s", (int)strcspn(dir, ":"), dir, file);
        if (!access(path, F_OK))
            why = EACCES;
    }
    return why;
}

static int start(const char *name, int search, pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    const struct timespec moment = {0, 500000};
    pid_t child;
    int is, status, code = ((Spawn *)dlsym(RTLD_NEXT, name))(&child, file, actions, attributes, argv, envp);
    if (code)
        return code;
    while (!(is = begun(child)))
        nanosleep(&moment, NULL);
    if (is < 0) {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        return reason(file, search);
    }
    if (pid)
        *pid = child;
    return 0;
}

int posix_spawn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                char *const argv[], char *const envp[]) {
    return start("posix_spawn", 0, pid, file, actions, attributes, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char *const argv[], char *const envp[]) {
    return start("posix_spawnp", 1, pid, file, actions, attributes, argv, envp);
}
