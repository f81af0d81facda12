// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/select.h>
#include <time.h>

#include "base/util.h"
#include "base/wait.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
static volatile sig_atomic_t is_asked_to_end;

/* In the past: what time it is, and when that ends. */
static uint64_t past_ns, past_end_ns;
static bool is_in_past;

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	if (is_in_past)
		return past_ns;
	clock_gettime(clock, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

uint64_t monotonic_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

uint64_t realtime_ns(void)
{
	return now_ns(CLOCK_REALTIME);
}

uint64_t boottime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

void wait_in_past(uint64_t start_ns, uint64_t end_ns)
{
	is_in_past = true;
	past_ns = start_ns;
	past_end_ns = end_ns;
}

static enum wait_result pass(uint64_t time_ns)
{
	if (is_asked_to_end || time_ns > past_end_ns)
		return WAIT_END;
	if (past_ns < time_ns)
		past_ns = time_ns;
	return WAIT_TIME;
}

static void ask_to_end(int signal_number)
{
	(void)signal_number;
	is_asked_to_end = 1;
}

void wait_catch_signals(void)
{
	struct sigaction action = {
		.sa_handler = ask_to_end,
		.sa_flags = SA_RESTART | SA_RESETHAND,
	};
	sigset_t caught;
	size_t i;

	sigemptyset(&caught);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction old;

		/* What nohup and the like made to be ignored stays so. */
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN) {
			sigaction(signals[i], &action, NULL);
			sigaddset(&caught, signals[i]);
		}
	}
	/* A parent may have left them blocked. */
	sigprocmask(SIG_UNBLOCK, &caught, NULL);
}

/* Only a wait lets them in, or one could come just before it. */
static void block_signals(sigset_t *unblocked)
{
	sigset_t blocked;
	size_t i;

	sigemptyset(&blocked);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&blocked, signals[i]);
	sigprocmask(SIG_BLOCK, &blocked, unblocked);
}

enum wait_result wait_until(uint64_t time_ns, int fd)
{
	enum wait_result result = WAIT_TIME;
	sigset_t unblocked;
	uint64_t now;
	fd_set fds;

	if (is_in_past)
		return pass(time_ns);
	block_signals(&unblocked);
	while (result == WAIT_TIME && !is_asked_to_end &&
	       (now = monotonic_ns()) < time_ns) {
		struct timespec left = {
			.tv_sec = (time_ns - now) / NSEC_PER_SEC,
			.tv_nsec = (time_ns - now) % NSEC_PER_SEC,
		};

		FD_ZERO(&fds);
		if (fd >= 0)
			FD_SET(fd, &fds);
		if (pselect(fd + 1, &fds, NULL, NULL, &left, &unblocked) &&
		    fd >= 0)
			result = WAIT_INPUT;
	}
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	return is_asked_to_end ? WAIT_END : result;
}

enum wait_result wait_until_changed(uint64_t time_ns, int attribute_fd)
{
	struct pollfd fd = { .fd = attribute_fd, .events = POLLPRI };
	uint64_t left = sub_clamped(time_ns, monotonic_ns());
	struct timespec timeout = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };
	enum wait_result result = WAIT_TIME;
	sigset_t unblocked;

	block_signals(&unblocked);
	if (!is_asked_to_end && ppoll(&fd, 1, &timeout, &unblocked))
		result = WAIT_INPUT;
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	return is_asked_to_end ? WAIT_END : result;
}

enum wait_result wait_for_output(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	sigset_t unblocked;

	block_signals(&unblocked);
	if (!is_asked_to_end)
		ppoll(&out, 1, NULL, &unblocked);
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	return is_asked_to_end ? WAIT_END : WAIT_INPUT;
}

enum wait_result wait_for_input(int fd, int attribute_fd)
{
	struct pollfd fds[] = {
		/* Errors are reported without being requested. */
		{ .fd = STDOUT_FILENO },
		{ .fd = fd, .events = POLLIN },
		{ .fd = attribute_fd, .events = POLLPRI },
	};
	enum wait_result result = WAIT_INPUT;
	sigset_t unblocked;

	block_signals(&unblocked);
	if (!is_asked_to_end)
		ppoll(fds, ARRAY_SIZE(fds), NULL, &unblocked);
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	if (is_asked_to_end || fds[0].revents & (POLLERR | POLLHUP | POLLNVAL))
		result = WAIT_END;
	return result;
}
