/* Starts commands for an agent: one server for each agent, which forks a shim for each command.
 *
 *   agent --order--> server --fork--> shim --fork, exec--> command        a shim outlives server and agent
 *     ^--- line: `ID PID STARTTIME` or `ID !what failed` ---|
 *
 * The server is there because forking takes as long as the forking process is large, and the agent is large.
 * An order is its length (32 bits, in this machine's byte order) and then strings that end with a NUL:
 * ID RECORD SANDBOX BOOT UID GID GROUPS STDOUT STDERR COUNT, COUNT arguments, and the task's whole environment.
 * UID `-` keeps the user. A shim waits for its command, writes down how it ended, and is a reaper: orphans of the
 * command fall back to it, and it stays until none is left. See record.ts for the files in RECORD.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ID, RECORD, SANDBOX, BOOT, UID, GID, GROUPS, STDOUT, STDERR, COUNT, ARGUMENTS };

extern char **environ;
static int answers = 1;
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

static void refuse(char **order, const char *what) {
  dprintf(answers, "%s !%s: %s\n", order[ID], what, strerror(errno));
  _exit(1);
}

static void log_to(char **order, int name, int fd) {
  int file = open(order[name], O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file < 0 || dup2(file, fd) < 0) refuse(order, "cannot open the output");
  close(file);
}

static void become_user(char **order) {
  gid_t list[256];
  size_t count = 0;
  for (char *id = strtok(order[GROUPS], ","); id && count < 256; id = strtok(NULL, ","))
    list[count++] = (gid_t)atoll(id);
  if (setgroups(count, list) || setgid((gid_t)atoll(order[GID])) || setuid((uid_t)atoll(order[UID])))
    refuse(order, "cannot switch user");
}

/* The command's process: recorded before it becomes the command, so that nothing ever runs unrecorded. */
static void run(char **order, int record) {
  char line[64];
  int size = snprintf(line, sizeof line, "%d %llu\n", (int)getpid(), start_time());
  int file = openat(record, "pid", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  setsid();
  if (chdir(order[SANDBOX])) refuse(order, "cannot enter the sandbox");
  if (strcmp(order[UID], "-")) become_user(order);
  if (file < 0 || write(file, line, size) != size) refuse(order, "cannot record the process");
  dprintf(answers, "%s %s", order[ID], line); /* If the agent is gone, the record tells the next one. */
  set_signals(SIG_DFL);                       /* Not before: a lost agent is no reason to die of SIGPIPE. */
  char **argv = order + ARGUMENTS;
  int count = atoi(order[COUNT]);
  environ = argv + count + 1;
  execvp(argv[0], argv);
  dprintf(2, "Failed to execute '%s': %s\n", argv[0], strerror(errno));
  _exit(1);
}

/* A full disk must not lose the status: again until it is written, or the record was removed. */
static void record_exit(int record, int status) {
  char line[32];
  int size = WIFSIGNALED(status) ? snprintf(line, sizeof line, "signal %d\n", WTERMSIG(status))
                                 : snprintf(line, sizeof line, "exit %d\n", WEXITSTATUS(status));
  for (;; sleep(1)) {
    int file = openat(record, "exit.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 && errno == ENOENT) return;
    int written = file >= 0 && write(file, line, size) == size;
    if (file >= 0) close(file);
    if (written && !renameat(record, "exit.tmp", record, "exit")) return;
  }
}

static void shim(char **order) {
  signal(SIGCHLD, SIG_DFL);
  setsid();
  answers = fcntl(1, F_DUPFD_CLOEXEC, 3);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  int record = open(order[RECORD], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (answers < 0 || null < 0 || record < 0) refuse(order, "cannot open the record");
  dup2(null, 0);
  log_to(order, STDOUT, 1);
  log_to(order, STDERR, 2);
  const char *kind = prctl(PR_SET_CHILD_SUBREAPER, 1) ? "plain" : "reaper";
  mkfifoat(record, "alive", 0600);
  int alive = openat(record, "alive", O_RDWR | O_CLOEXEC);
  int own = openat(record, "shim", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (own < 0 || dprintf(own, "%d %llu %s %s\n", (int)getpid(), start_time(), kind, order[BOOT]) < 0)
    refuse(order, "cannot record the shim");
  pid_t child = fork();
  if (child < 0) refuse(order, "cannot fork");
  if (!child) run(order, record);
  /* Tasks live long: meanwhile their logs and the agent's pipe are not held open. */
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  close(answers);
  close(own);
  for (;;) {
    int status;
    pid_t ended = wait(&status);
    if (ended < 0 && errno != EINTR) _exit(0); /* Nobody is left, orphans included. */
    if (ended < 0 || ended != child) continue;
    record_exit(record, status);
    close(alive);
    child = -1; /* An orphan may get the same pid. */
  }
}

/* The end of the orders is the end of the agent. */
static void read_fully(char *to, size_t size) {
  for (ssize_t got; size > 0; to += got, size -= (size_t)got) {
    got = read(0, to, size);
    if (got < 0 && errno == EINTR) got = 0;
    else if (got <= 0) exit(0);
  }
}

/* The strings of an order, with a NULL after the arguments and one at the end; NULL for what is no order. */
static char **parse(char *text, size_t size) {
  size_t count = 0;
  for (size_t i = 0; i < size; i++) count += !text[i];
  char **order = calloc(count + 2, sizeof *order);
  if (!order || count <= ARGUMENTS) return NULL;
  char *at = text;
  size_t last = ARGUMENTS, place = 0;
  for (size_t i = 0; i < count; i++, at += strlen(at) + 1) {
    if (i == ARGUMENTS) last = ARGUMENTS + (size_t)atoi(order[COUNT]);
    if (i == last && i > ARGUMENTS) place++;
    order[place++] = at;
  }
  return order;
}

int main(int argc, char **argv) {
  if (argc != 2 || strcmp(argv[1], "serve")) return 64;
  set_signals(SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
#ifdef SYS_close_range
  syscall(SYS_close_range, 3U, ~0U, 0U); /* What the agent itself was given by whoever started it. */
#endif
  fcntl(0, F_SETFD, FD_CLOEXEC);
  for (;;) {
    uint32_t size;
    read_fully((char *)&size, sizeof size);
    char *text = malloc(size + 1);
    if (!text) return 1;
    read_fully(text, size);
    char **order = parse(text, size);
    if (!order) return 1;
    pid_t child = fork();
    if (!child) shim(order);
    if (child < 0) dprintf(1, "%s !cannot fork: %s\n", order[ID], strerror(errno));
    free(order);
    free(text);
  }
}
