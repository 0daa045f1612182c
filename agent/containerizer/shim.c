/* Starts one command, waits for it, and writes down how it ended; outlives the agent that started it.
 *
 *   shim META SANDBOX BOOT UID GID GROUPS COMMAND [ARG]...
 *
 * Descriptors: 1 and 2 are the task's output, 3 takes one line for the agent: `PID STARTTIME`, or `!` and what
 * failed. The task's environment arrives with `T:` before each name, so that no loader and no library obeys it
 * here, where it may run as root. UID `-` keeps the user. See record.ts for the files in META.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE};

static void set_signals(void (*handler)(int)) {
  for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) signal(handled[i], handler);
}

/* Field 22 of /proc/self/stat; the command in brackets may hold anything, so start after the last bracket. */
static unsigned long long start_time(void) {
  char text[1024];
  int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  if (size <= 0) return 0;
  text[size] = 0;
  char *at = strrchr(text, ')');
  for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
  return at ? strtoull(at + 1, NULL, 10) : 0;
}

static void refuse(const char *what) {
  dprintf(3, "!%s: %s\n", what, strerror(errno));
  _exit(1);
}

static void become(const char *uid, const char *gid, char *groups) {
  gid_t list[256];
  size_t count = 0;
  for (char *id = strtok(groups, ","); id && count < 256; id = strtok(NULL, ",")) list[count++] = (gid_t)atoll(id);
  if (setgroups(count, list) || setgid((gid_t)atoll(gid)) || setuid((uid_t)atoll(uid))) refuse("cannot switch user");
}

static void take_environment(void) {
  char **to = environ;
  for (char **from = environ; *from; from++)
    if (!strncmp(*from, "T:", 2)) *to++ = *from + 2;
  *to = NULL;
}

/* The child: recorded before it becomes the command, so that nothing ever runs unrecorded. */
static void run(int meta, char **argv) {
  char line[64];
  int size = snprintf(line, sizeof line, "%d %llu\n", (int)getpid(), start_time());
  int file = openat(meta, "pid", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  setsid();
  if (chdir(argv[2])) refuse("cannot enter the sandbox");
  if (strcmp(argv[4], "-")) become(argv[4], argv[5], argv[6]);
  if (file < 0 || write(file, line, size) != size) refuse("cannot record the process");
  if (write(3, line, size) < 0) { /* The agent is gone: the record tells the next one. */ }
  set_signals(SIG_DFL); /* Not before: a lost agent is no reason to die of SIGPIPE. */
  take_environment();
  execvp(argv[7], argv + 7);
  dprintf(2, "Failed to execute '%s': %s\n", argv[7], strerror(errno));
  _exit(1);
}

/* A full disk must not lose the status: again until it is written, or the record was removed. */
static void record_exit(int meta, int status) {
  char line[32];
  int size = WIFSIGNALED(status) ? snprintf(line, sizeof line, "signal %d\n", WTERMSIG(status))
                                 : snprintf(line, sizeof line, "exit %d\n", WEXITSTATUS(status));
  for (;; sleep(1)) {
    int file = openat(meta, "exit.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 && errno == ENOENT) return;
    int written = file >= 0 && write(file, line, size) == size;
    if (file >= 0) close(file);
    if (written && !renameat(meta, "exit.tmp", meta, "exit")) return;
  }
}

int main(int argc, char **argv) {
  if (argc < 8) return 64;
  set_signals(SIG_IGN);
  fcntl(3, F_SETFD, FD_CLOEXEC);
#ifdef SYS_close_range
  syscall(SYS_close_range, 4U, ~0U, 0U); /* What the agent itself was given by whoever started it. */
#endif
  int meta = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (meta < 0) refuse("cannot open the record");
  const char *kind = prctl(PR_SET_CHILD_SUBREAPER, 1) ? "plain" : "reaper";
  mkfifoat(meta, "alive", 0600);
  int alive = openat(meta, "alive", O_RDWR | O_CLOEXEC);
  int own = openat(meta, "shim", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (own < 0 || dprintf(own, "%d %llu %s %s\n", (int)getpid(), start_time(), kind, argv[3]) < 0)
    refuse("cannot record the shim");
  close(own);
  pid_t child = fork();
  if (child < 0) refuse("cannot fork");
  if (!child) run(meta, argv);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  close(3);
  for (;;) {
    int status;
    pid_t ended = wait(&status);
    if (ended < 0 && errno != EINTR) return 0; /* Nobody is left, orphans included. */
    if (ended < 0 || ended != child) continue;
    record_exit(meta, status);
    close(alive);
    child = -1; /* An orphan may get the same pid. */
  }
}
