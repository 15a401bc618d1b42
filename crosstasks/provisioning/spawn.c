/* Run a foreign program under QEMU such that the programs it starts run under QEMU as well.
 *
 *     spawn EMULATOR [OPTION]... -- PROGRAM [ARGUMENT]...
 *
 * QEMU's user mode hands execve to the kernel as it is, and the kernel knows foreign programs only if binfmt_misc
 * was set up by the administrator. We need no privilege: a seccomp filter stops execve, and nothing else; a tracer
 * looks whether the file is for the machine that PROGRAM is for, and puts the emulator before it. Static programs,
 * any libc, an empty environment and native shells in between are no matter, and what is no execve runs at full speed.
 *
 * The program stays the process that was started, so that its exit code, its signals and its process id are its own.
 * The tracer is a process beside it, and nobody's child: it ends when nothing is left to trace. Where tracing is
 * forbidden (Yama's scope 3, a strict seccomp profile), PROGRAM runs under the plain emulator.
 *
 * Known limits: no set-user-id programs (no_new_privs); execveat (fexecve) is left alone, as are scripts whose own
 * interpreter is foreign, and an execve with more than 12 000 arguments. QEMU makes vfork a fork: spawned.c, which the
 * last option may have preloaded (-E LD_PRELOAD=...), mends what glibc's posix_spawn says then. Static programs load nothing,
 * and so are not given that option.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct user_regs_struct Registers;
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define FILE_REG rdi
#define ARGV_REG rsi
#define STACK_REG rsp
#define RESULT_REG rax
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#define FILE_REG regs[0]
#define ARGV_REG regs[1]
#define STACK_REG sp
#define RESULT_REG regs[0]
#else
#error "the tracer knows the registers of x86_64 and aarch64 only"
#endif

/* ptrace's events; old C libraries lack some, and spell one of them wrong. */
enum { EVENT_EXEC = 4, EVENT_SECCOMP = 7, EVENT_STOP = 128 };

enum {
    RED_ZONE = 256,           /* below the stack pointer, the program's own */
    MOST = 96 * 1024,         /* what we write there at most: QEMU's threads have 256 KiB of stack */
    MOST_ARGUMENTS = MOST / 8 - 64,
};

static char **emulator; /* the emulator and its options, ended by NULL */
static int emulator_size;
static int preload; /* how many of its last words preload something */
static unsigned char wanted[20]; /* how the file of PROGRAM begins */

/* A thread within an execve that we changed: a failed one must find its registers as they were. */
struct pending {
    struct pending *next;
    pid_t thread;
    Registers before;
};
static struct pending *pending;

static int registers(int request, pid_t thread, Registers *regs) {
    struct iovec all = {regs, sizeof *regs};
    return ptrace(request, thread, (void *)NT_PRSTATUS, &all);
}

static int begins(const char *path, unsigned char *head) {
    struct stat is;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int good = file >= 0 && !fstat(file, &is) && S_ISREG(is.st_mode) && read(file, head, 20) == 20;
    if (file >= 0)
        close(file);
    return good && !memcmp(head, ELFMAG, SELFMAG);
}

/* Whether a program asks for a dynamic linker, whose path stands near its head. */
static int is_dynamic(const char *path) {
    char head[4096];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, head, sizeof head);
    if (file >= 0)
        close(file);
    return got > 0 && memmem(head, got, "/ld", 3);
}

/* How many words of the emulator belong before a file that a thread names: none if that is not executable, or not for PROGRAM's machine. */
static int words_for(pid_t thread, const char *name) {
    char path[4200];
    unsigned char head[20];
    if (!strncmp(name, "/proc/self/", 11))
        snprintf(path, sizeof path, "/proc/%d/%s", thread, name + 11);
    else
        snprintf(path, sizeof path, "/proc/%d/%s/%s", thread, name[0] == '/' ? "root" : "cwd", name);
    int fits = !access(path, X_OK) && begins(path, head) && head[EI_CLASS] == wanted[EI_CLASS] &&
               head[EI_DATA] == wanted[EI_DATA] && !memcmp(head + 18, wanted + 18, 2);
    return fits ? emulator_size - (is_dynamic(path) ? 0 : preload) : 0;
}

/* Lay the new arguments below the stack: strings, then pointers. Return 0 if there is no room. */
static int lay(int memory, Registers *regs, const uint64_t *old, int count, int words) {
    static char block[MOST];
    uint64_t *pointers;
    size_t strings = 0;
    int i, n = 0, total = words + 3 + count;
    for (i = 0; i < words; i++)
        strings += strlen(emulator[i]) + 1;
    strings = (strings + sizeof "-0" + 15) & ~15ul;
    size_t size = strings + (total * sizeof *pointers);
    uint64_t base = (regs->STACK_REG - RED_ZONE - size) & ~15ul, file = regs->FILE_REG;
    if (size > MOST)
        return 0;
    pointers = (uint64_t *)(block + strings);
    char *end = block;
    for (i = 0; i <= words; i++) {
        const char *text = i < words ? emulator[i] : "-0";
        pointers[n++] = base + (end - block);
        end = stpcpy(end, text) + 1;
    }
    pointers[n++] = count ? old[0] : file; /* what the program shall see as its argv[0] */
    pointers[n++] = file;
    for (i = 1; i < count; i++)
        pointers[n++] = old[i];
    pointers[n++] = 0;
    size = strings + n * sizeof *pointers;
    if (pwrite(memory, block, size, base) != (ssize_t)size)
        return 0;
    regs->FILE_REG = base;
    regs->ARGV_REG = base + strings;
    return 1;
}

/* Put the emulator before a foreign program. Return whether the registers were changed. */
static int put_emulator(pid_t thread) {
    static uint64_t old[MOST_ARGUMENTS + 1];
    char name[4096], path[40];
    Registers regs;
    int count = 0, changed = 0, words = 0;
    snprintf(path, sizeof path, "/proc/%d/mem", thread);
    int memory = open(path, O_RDWR | O_CLOEXEC);
    if (memory < 0 || registers(PTRACE_GETREGSET, thread, &regs))
        goto done;
    ssize_t got = pread(memory, name, sizeof name, regs.FILE_REG);
    if (got <= 0 || !memchr(name, 0, got) || !(words = words_for(thread, name)))
        goto done;
    if (regs.ARGV_REG) {
        got = pread(memory, old, sizeof old, regs.ARGV_REG);
        while (count < got / 8 && old[count])
            count++;
        if (count >= got / 8)
            goto done;
    }
    struct pending *now = malloc(sizeof *now);
    if (!now)
        goto done;
    *now = (struct pending){pending, thread, regs};
    if (lay(memory, &regs, old, count, words) && !registers(PTRACE_SETREGSET, thread, &regs)) {
        pending = now;
        changed = 1;
    } else
        free(now);
done:
    if (memory >= 0)
        close(memory);
    return changed;
}

/* The changed execve of a thread is over; put its registers back if it failed. */
static void settle(pid_t thread, int failed) {
    for (struct pending **at = &pending; *at; at = &(*at)->next) {
        struct pending *is = *at;
        Registers after;
        if (is->thread != thread)
            continue;
        if (failed && !registers(PTRACE_GETREGSET, thread, &after) && (int64_t)after.RESULT_REG < 0) {
            uint64_t result = after.RESULT_REG;
            after.FILE_REG = is->before.FILE_REG;
            after.ARGV_REG = is->before.ARGV_REG;
            after.RESULT_REG = result;
            registers(PTRACE_SETREGSET, thread, &after);
        }
        *at = is->next;
        free(is);
        return;
    }
}

/* One stop of a traced thread: do what is to do, and let it go on. */
static void go_on(pid_t thread, int status) {
    int event = status >> 16, signal = WSTOPSIG(status), how = PTRACE_CONT;
    unsigned long former = thread;
    switch (event) {
    case 0:
        if (signal == (SIGTRAP | 0x80)) {
            settle(thread, 1);
            signal = 0;
        }
        break;
    case EVENT_STOP: /* a new thread, or a group stop that must last */
        how = signal == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN;
        signal = 0;
        break;
    case EVENT_EXEC: /* an execve of any thread ends as the leader's */
        ptrace(PTRACE_GETEVENTMSG, thread, 0, &former);
        settle(former, 0);
        signal = 0;
        break;
    case EVENT_SECCOMP:
        how = put_emulator(thread) ? PTRACE_SYSCALL : PTRACE_CONT;
        signal = 0;
        break;
    default:
        signal = 0;
    }
    ptrace(how, thread, 0, (long)signal);
}

static void trace(pid_t program, int tell) {
    const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                         PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD;
    sigset_t all;
    setsid();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    if (ptrace(PTRACE_SEIZE, program, 0, options))
        _exit(1);
    if (write(tell, "y", 1) != 1)
        _exit(1);
    /* Who waits for the end of a pipe must not wait for us. */
#ifdef SYS_close_range
    if (syscall(SYS_close_range, 0, ~0u, 0))
#endif
        for (int fd = sysconf(_SC_OPEN_MAX) - 1; fd >= 0; fd--)
            close(fd);
    for (;;) {
        int status;
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0 && errno == EINTR)
            continue;
        if (thread < 0)
            _exit(0);
        if (WIFSTOPPED(status))
            go_on(thread, status);
        else
            settle(thread, 0);
    }
}

/* Have a tracer beside us. Return whether it holds us. */
static int be_traced(void) {
    pid_t self = getpid(), between;
    int tell[2];
    char answer = 'n';
    if (pipe2(tell, O_CLOEXEC))
        return 0;
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* Yama's scope 1 */
    between = fork();
    if (!between) {
        if (!fork())
            trace(self, tell[1]);
        _exit(0);
    }
    close(tell[1]);
    if (between > 0)
        while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
            ;
    while (read(tell[0], &answer, 1) < 0 && errno == EINTR)
        ;
    close(tell[0]);
    return answer == 'y';
}

static int stop_execve(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

/* The emulator's path: an execve of ours searches no PATH. */
static char *found(char *name) {
    static char path[4200];
    char *dirs = strdup(getenv("PATH") ? getenv("PATH") : "/usr/local/bin:/usr/bin:/bin");
    if (!dirs || strchr(name, '/'))
        return name;
    for (char *dir = strtok(dirs, ":"); dir; dir = strtok(NULL, ":")) {
        snprintf(path, sizeof path, "%s/%s", dir, name);
        if (!access(path, X_OK))
            return path;
    }
    return name;
}

int main(int argc, char **argv) {
    char **dashes = argv + 1;
    while (*dashes && strcmp(*dashes, "--"))
        dashes++;
    if (argc < 4 || !*dashes || dashes == argv + 1 || !dashes[1]) {
        fputs("usage: spawn EMULATOR [OPTION]... -- PROGRAM [ARGUMENT]...\n", stderr);
        return 2;
    }
    emulator = argv + 1;
    emulator_size = dashes - emulator;
    emulator[0] = found(emulator[0]);
    preload = emulator_size > 2 && !strncmp(dashes[-1], "LD_PRELOAD=", 11) ? 2 : 0;
    struct rlimit core = {0, RLIM_INFINITY};
    getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = 0; /* QEMU would leave a qemu_*.core in the folder of the project */
    setrlimit(RLIMIT_CORE, &core);
    if (begins(dashes[1], wanted) && be_traced())
        stop_execve();
    char **end = dashes - (is_dynamic(dashes[1]) ? 0 : preload);
    memmove(end, dashes + 1, (argv + argc - dashes) * sizeof *dashes);
    execv(emulator[0], emulator);
    fprintf(stderr, "spawn: %s: %s\n", emulator[0], strerror(errno));
    return errno == ENOENT ? 127 : 126;
}
