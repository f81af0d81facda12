// SPDX-License-Identifier: GPL-2.0
/*
 * Loaded into l1tune by LD_PRELOAD, for tests of its history.
 *
 * L1TUNE_TEST_CLOCK=FILE: all clocks are the nanoseconds in that file, 64 bits,
 * and CLOCK_REALTIME is 50 years later than the others, and wrong by the 64 bits
 * that follow. A wait ends at once, and the clock is then at its end; with
 * L1TUNE_TEST_STEP=OUT,IN it writes a byte to one descriptor and waits for one from
 * the other before it returns.
 *
 * L1TUNE_TEST_KILL=N[,BYTES]: SIGKILL at the Nth call that changes a file; of a
 * write so many bytes are written before. L1TUNE_TEST_COUNT=FILE: a letter for each
 * such call, w for a write.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND		1000000000ULL
#define REALTIME_IS_LATER	(50ULL * 365 * 86400 * SECOND)

#define REAL(name)	((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static volatile uint64_t *test_clock;
static int step_out = -1, step_in = -1;
static unsigned long kill_at, kill_bytes, num_changes;
static const char *count_file;
static char calls[4096];

__attribute__((constructor)) static void start(void)
{
	const char *file = getenv("L1TUNE_TEST_CLOCK"), *at = getenv("L1TUNE_TEST_KILL");
	int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;

	if (fd >= 0)
		test_clock = mmap(NULL, 2 * sizeof(*test_clock), PROT_READ | PROT_WRITE,
				  MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	count_file = getenv("L1TUNE_TEST_COUNT");
	if (getenv("L1TUNE_TEST_STEP"))
		sscanf(getenv("L1TUNE_TEST_STEP"), "%d,%d", &step_out, &step_in);
	if (at)
		sscanf(at, "%lu,%lu", &kill_at, &kill_bytes);
}

__attribute__((destructor)) static void end(void)
{
	FILE *f = count_file ? fopen(count_file, "w") : NULL;

	if (!f)
		return;
	fprintf(f, "%s", calls);
	fclose(f);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	uint64_t now;

	if (!test_clock)
		return REAL(clock_gettime)(clock, time);
	now = test_clock[0] + (clock == CLOCK_REALTIME ? REALTIME_IS_LATER + test_clock[1] : 0);
	time->tv_sec = now / SECOND;
	time->tv_nsec = now % SECOND;
	return 0;
}

int pselect(int num, fd_set *in, fd_set *out, fd_set *other,
	    const struct timespec *timeout, const sigset_t *mask)
{
	char byte = 0;

	if (!test_clock || !timeout)
		return REAL(pselect)(num, in, out, other, timeout, mask);
	*test_clock += timeout->tv_sec * SECOND + timeout->tv_nsec;
	if (step_out >= 0 &&
	    (write(step_out, &byte, 1) != 1 || read(step_in, &byte, 1) != 1))
		raise(SIGTERM);
	return 0;
}

/* The next call changes a file: does the process end before it? */
static int is_last(char call)
{
	if (num_changes + 1 < sizeof(calls))
		calls[num_changes] = call;
	return ++num_changes == kill_at;
}

static void die_if_last(void)
{
	if (is_last('c'))
		kill(getpid(), SIGKILL);
}

ssize_t pwrite(int fd, const void *buf, size_t count, off_t offset)
{
	if (is_last('w')) {
		REAL(pwrite)(fd, buf, kill_bytes < count ? kill_bytes : count, offset);
		kill(getpid(), SIGKILL);
	}
	return REAL(pwrite)(fd, buf, count, offset);
}

int fdatasync(int fd)
{
	die_if_last();
	return REAL(fdatasync)(fd);
}

int fsync(int fd)
{
	die_if_last();
	return REAL(fsync)(fd);
}

int ftruncate(int fd, off_t length)
{
	die_if_last();
	return REAL(ftruncate)(fd, length);
}

int unlinkat(int dir, const char *path, int flags)
{
	die_if_last();
	return REAL(unlinkat)(dir, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
	die_if_last();
	return REAL(mkdir)(path, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
		die_if_last();
	}
	return REAL(openat)(dir, path, flags, mode);
}
