// SPDX-License-Identifier: GPL-2.0
/*
 * The way out of the emulated machine: what is written to the debug port 0xe9 comes out of the emulator at once and byte for byte,
 * while a serial line is slow, adds carriage returns and carries the kernel's messages too. Under an L0 each byte would be an exit to
 * its userspace: there the way out is the virtio port that the environment variable CHANNEL_DEVICE names.
 *
 * channel run NONCE COMMAND [ARG]...  COMMAND's output, with a mark before it and one with its exit status behind it
 * channel copy NONCE [MARK]           standard input as it is, then the mark MARK, if given
 * channel relay NONCE [HOOK]          standard input, which is the debug port of a machine inside this one, up to its mark "end"; the
 *                                     program HOOK is run with "begin" and "end" at COMMAND's, and with "count NAME" at a mark of that
 *                                     name, which COMMAND writes itself. Fails if the input ends before the mark.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEBUG_PORT 0xe9

/* Marks cannot occur in output by chance: the nonce is random and new for every run. */
#define MARK_BYTE "\x1e"

static void die(const char *what)
{
	fprintf(stderr, "channel: %s: %s\n", what, strerror(errno));
	exit(125);
}

static int device = -1;

static void open_channel(void)
{
	const char *path = getenv("CHANNEL_DEVICE");

	if (!path) {
		if (ioperm(DEBUG_PORT, 1, 1))
			die("ioperm");
		return;
	}
	device = open(path, O_WRONLY | O_CLOEXEC);
	if (device < 0)
		die(path);
}

static void put_port(const char *buf, size_t len)
{
	asm volatile("rep outsb" : "+S"(buf), "+c"(len) : "d"(DEBUG_PORT) : "memory");
}

static void put_device(const char *buf, size_t len)
{
	ssize_t done;

	for (; len; buf += done, len -= done) {
		done = write(device, buf, len);
		if (done < 0 && errno != EINTR)
			die("write");
		if (done < 0)
			done = 0;
	}
}

static void put(const char *buf, size_t len)
{
	if (device >= 0)
		put_device(buf, len);
	else
		put_port(buf, len);
}

static void put_mark(const char *nonce, const char *mark)
{
	char buf[128];
	int len = snprintf(buf, sizeof(buf), MARK_BYTE "%s:%s" MARK_BYTE, nonce, mark);

	put(buf, len);
}

/* Returns false at the end of the file, or when a nonblocking one has nothing now. */
static bool copy_some(int fd)
{
	char buf[4096];
	ssize_t len;

	do {
		len = read(fd, buf, sizeof(buf));
	} while (len < 0 && errno == EINTR);
	if (len <= 0)
		return false;
	put(buf, len);
	return true;
}

static void on_child(int sig)
{
	(void)sig;
}

/*
 * The command ends when the child exits, not when the pipe closes: a process that it left in the
 * background may keep the pipe open.
 */
static int run(const char *nonce, char **argv)
{
	struct sigaction action = { .sa_handler = on_child };
	sigset_t child, waiting;
	struct pollfd pollfd;
	int fds[2], status;
	char mark[32];
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &child, &waiting) || sigaction(SIGCHLD, &action, NULL))
		die("signals");
	if (pipe2(fds, O_CLOEXEC))
		die("pipe");

	put_mark(nonce, "begin");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		sigprocmask(SIG_SETMASK, &waiting, NULL);
		if (dup2(fds[1], STDOUT_FILENO) < 0 || dup2(fds[1], STDERR_FILENO) < 0)
			die("dup2");
		execvp(argv[0], argv);
		die(argv[0]);
	}
	close(fds[1]);

	pollfd = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (ppoll(&pollfd, 1, NULL, &waiting) > 0 && !copy_some(fds[0]))
			pollfd.fd = -1;
	}
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK))
		die("fcntl");
	while (copy_some(fds[0]))
		;

	snprintf(mark, sizeof(mark), "exit %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	put_mark(nonce, mark);
	return 0;
}

static int copy(const char *nonce, const char *mark)
{
	while (copy_some(STDIN_FILENO))
		;
	if (mark)
		put_mark(nonce, mark);
	return 0;
}

struct relay {
	const char *hook;
	char prefix[64];
	size_t prefix_len;
	char held[128];		/* what may be a mark */
	size_t held_len;
	bool ended;
};

static void call_hook(const char *hook, const char *what, const char *name)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (!pid) {
		execl(hook, hook, what, name, NULL);
		die(hook);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		fprintf(stderr, "channel: %s %s failed\n", hook, what);
}

static void relay_mark(struct relay *relay)
{
	char *mark = relay->held + relay->prefix_len;

	if (!strncmp(mark, "count ", 6)) {
		relay->held[relay->held_len - 1] = '\0';
		if (relay->hook)
			call_hook(relay->hook, "count", mark + 6);
		return;
	}
	relay->ended = !strncmp(mark, "end" MARK_BYTE, 4);
	if (relay->ended)
		return;
	if (relay->hook)
		call_hook(relay->hook, *mark == 'b' ? "begin" : "end", NULL);
	put(relay->held, relay->held_len);
}

static void relay_byte(struct relay *relay, char c)
{
	bool in_prefix = relay->held_len < relay->prefix_len;

	if (in_prefix && c != relay->prefix[relay->held_len]) {
		put(relay->held, relay->held_len);
		relay->held_len = 0;
		if (c != *MARK_BYTE) {
			put(&c, 1);
			return;
		}
	}
	relay->held[relay->held_len++] = c;
	if (!in_prefix && c == *MARK_BYTE) {
		relay_mark(relay);
		relay->held_len = 0;
	} else if (relay->held_len == sizeof(relay->held)) {
		put(relay->held, relay->held_len);
		relay->held_len = 0;
	}
}

/*
 * Runs before the inner machine's CPU does, so that, with one CPU, the hook has done its work when COMMAND begins and before anything
 * that comes after it.
 */
static int relay(const char *nonce, const char *hook)
{
	struct sched_param param = { .sched_priority = 1 };
	struct relay relay = { .hook = hook };
	char buf[4096];
	ssize_t len, i;

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die("sched_setscheduler");
	relay.prefix_len = snprintf(relay.prefix, sizeof(relay.prefix), MARK_BYTE "%s:", nonce);
	while (!relay.ended) {
		len = read(STDIN_FILENO, buf, sizeof(buf));
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return 1;
		for (i = 0; i < len && !relay.ended; i++)
			relay_byte(&relay, buf[i]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	open_channel();
	if (argc >= 4 && !strcmp(argv[1], "run"))
		return run(argv[2], argv + 3);
	if (argc >= 3 && !strcmp(argv[1], "copy"))
		return copy(argv[2], argv[3]);
	if (argc >= 3 && !strcmp(argv[1], "relay"))
		return relay(argv[2], argv[3]);
	fprintf(stderr, "usage: channel run NONCE COMMAND [ARG]... | copy NONCE [MARK] | relay NONCE [HOOK]\n");
	return 2;
}
