// SPDX-License-Identifier: GPL-2.0
/*
 * When huge_pages=collapse stops, and what it makes of the kernel's answers: on a
 * guest of four times 2 MB in a tree of files, with a kernel that is this program.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "image.h"
#include "ktap.h"
#include "settings/collapse.h"

#define AT		0x4000000ULL
#define PARTS		12
#define PAGES		512
#define MS		1000000ULL
#define OLD_MAX		(5000 * MS)

static char directory[] = "/tmp/l1tune-test-XXXXXX";

/* What the kernel does at the call of that number, from 1, and the next; 0 for all. */
static struct {
	int at, more, answer;
	unsigned int takes_ms;
	void (*effect)(void);
} kernel;
static int calls;
static uint64_t last;
static bool in_order;

static void put(const char *name, const void *bytes, size_t size)
{
	char *path = xasprintf("%s/%s", directory, name), *slash = path;
	int fd;

	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		exit(1);
	close(fd);
	free(path);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void put_available(unsigned int mb)
{
	char *text = xasprintf("MemTotal:  1048576 kB\nMemAvailable:  %u kB\n", mb << 10);

	put_text("proc/meminfo", text);
	free(text);
}

/* So many faults took no longer than 2 ms, and one took so long. */
static void put_faults(unsigned int bucket, uint64_t max_ns)
{
	struct image image;
	uint64_t hist[25] = { [20] = 100 };

	hist[bucket]++;
	image_start(&image);
	image_add_one(&image, "l2/48/EPT_VIOLATION/count", KVM_STATS_TYPE_CUMULATIVE, 0, 101);
	image_add_one(&image, "l2/48/EPT_VIOLATION/time_ns", NS_SUM, -9, max_ns);
	image_add_one(&image, "l2/48/EPT_VIOLATION/max_ns", NS_PEAK, -9, max_ns);
	image_add(&image, "l2/48/EPT_VIOLATION/hist_ns", NS_HIST, -9, hist, 25);
	put("sys/class/l1tune/l2-1/stats", image.bytes, image.size);
}

static void put_guest(void)
{
	static const struct { const char *name, *text; } files[] = {
		{ "pid", "1001\n" }, { "uid", "0\n" }, { "comm", "vmm\n" },
		{ "adopted", "0\n" }, { "created_ns", "10000000000\n" },
		{ "vcpus", "1\n" }, { "memory_bytes", "25165824\n" },
		{ "exits", "0\n" }, { "exit_time_ns", "0\n" }, { "guest_time_ns", "0\n" },
		{ "memslots", "0 1 0x100000000 25165824 0x4000000 0x0 2\n" },
	};
	uint64_t pages[PAGES * PARTS];
	char *text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		text = xasprintf("sys/class/l1tune/l2-1/%s", files[i].name);
		put_text(text, files[i].text);
		free(text);
	}
	put_text("proc/1001/stat", "1001 (vmm) S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 100 0\n");
	text = xasprintf("%llx-%llx rw-p 0 00:00 0 \nVmFlags: rd wr\n", AT, AT + PARTS * HUGE_BYTES);
	put_text("proc/1001/smaps", text);
	free(text);
	put_text("proc/1001/pagemap", "");
	text = xasprintf("%s/proc/1001/pagemap", directory);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = 1ULL << 63 | 1ULL << 56;
	i = open(text, O_WRONLY);
	if (pwrite(i, pages, sizeof(pages), AT / 4096 * 8) != sizeof(pages))
		exit(1);
	close(i);
	free(text);
	put_available(512);
	put_text("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\nfull avg10=0.00 total=0\n");
	put_faults(0, OLD_MAX);
}

static int collapse(int pidfd, uint64_t start)
{
	const struct timespec time = { 0, kernel.takes_ms * MS };

	(void)pidfd;
	in_order &= start == last || start == last + HUGE_BYTES;
	last = start;
	calls++;
	nanosleep(&time, NULL);
	if (kernel.at && (calls < kernel.at || calls > kernel.at + kernel.more))
		return 0;
	if (kernel.effect)
		kernel.effect();
	return kernel.answer;
}

static void run(struct collapse_result *result, const char *hook_state)
{
	struct host_hook hook = { "kvm_exit", (char *)hook_state };
	struct host host = { .hooks = &hook, .num_hooks = 1, .loaded_ns = 1 };
	struct guest guest = { .id = 1, .pid = 1001, .created_ns = 10 * NSEC_PER_SEC, .name = "web" };
	char *sys = xasprintf("%s/sys", directory), *proc = xasprintf("%s/proc", directory);
	char *class = xasprintf("%s/class/l1tune", sys);
	struct env env = {
		.sysfs = sys, .proc = proc,
		.class_fd = open(class, O_RDONLY | O_DIRECTORY),
		.proc_fd = open(proc, O_RDONLY | O_DIRECTORY),
	};
	const struct collapse_request request = {
		.env = &env, .host = &host, .guest = &guest,
		.most_stall_ns = 100 * MS, .collapse = collapse,
	};

	calls = 0;
	last = AT - HUGE_BYTES;
	in_order = true;
	collapse_run(&request, result);
	close(env.class_fd);
	close(env.proc_fd);
	free(class);
	free(proc);
	free(sys);
}

static void little_memory(void)
{
	put_available(63);
}

static void pressure(void)
{
	/* 10 s since. */
	put_text("proc/pressure/memory", "some avg10=0.00 total=10001000\n");
}

static void little_pressure(void)
{
	put_text("proc/pressure/memory", "some avg10=0.00 total=11000\n");
}

static void new_longest(void)
{
	put_faults(24, OLD_MAX + 1);
}

/* 33.6 to 67.1 ms. */
static void long_but_bounded(void)
{
	put_faults(24 - 1 + 1, OLD_MAX);
}

/* The VMM's cgroup, whose limit is 64 MB: of a hierarchy that is mounted with MOUNT. */
static void put_cgroup(const char *mount, const char *line, const char *limit,
		       const char *use, unsigned int used_mb)
{
	char *mounts = xasprintf("36 22 0:30 / %s/cgroup rw - %s\n", directory, mount);
	char *used = xasprintf("%llu\n", (unsigned long long)used_mb << 20);
	char *limit_file = xasprintf("cgroup%s", limit), *use_file = xasprintf("cgroup%s", use);

	put_text("proc/self/mountinfo", mounts);
	put_text("proc/1001/cgroup", line);
	put_text(limit_file, "67108864\n");
	put_text(use_file, used);
	free(use_file);
	free(limit_file);
	free(used);
	free(mounts);
}

static void put_cgroup_v1(unsigned int used_mb)
{
	put_cgroup("cgroup cgroup rw,memory", "9:memory:/old\n0::/vm\n",
		   "/old/memory.limit_in_bytes", "/old/memory.usage_in_bytes", used_mb);
}

static void put_cgroup_v2(unsigned int used_mb)
{
	put_cgroup("cgroup2 cgroup2 rw", "0::/vm\n", "/vm/memory.max", "/vm/memory.current", used_mb);
}

static void expect(const char *name, int wanted_calls, enum collapse_fate fate,
		   uint64_t parts, const char *why)
{
	struct collapse_result result;
	bool ok;

	run(&result, "ok");
	ok = calls == wanted_calls && in_order &&
	     collapse_bytes(&result, fate) == parts * HUGE_BYTES &&
	     (why ? result.stopped && strstr(result.stopped, why) : !result.stopped);
	if (!ok)
		printf("# %d calls, %llu parts, stopped: %s\n", calls,
		       (unsigned long long)(collapse_bytes(&result, fate) / HUGE_BYTES),
		       result.stopped ? result.stopped : "no");
	ktap_ok(ok, "%s", name);
	collapse_result_free(&result);
	memset(&kernel, 0, sizeof(kernel));
	put_guest();
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
	(void)stat;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	struct collapse_result result;

	ktap_start();
	complain_to(complain_ignore);
	if (!mkdtemp(directory))
		return 1;
	put_guest();
	expect("all parts are collapsed in order", PARTS, FATE_COLLAPSED, PARTS, NULL);
	kernel.at = 2, kernel.more = 2, kernel.answer = -EAGAIN;
	expect("a part that is held three times is collapsed", PARTS + 3, FATE_COLLAPSED, PARTS, NULL);
	kernel.at = 2, kernel.more = 3, kernel.answer = -EAGAIN;
	expect("a part that is held four times is passed over", PARTS + 3, FATE_PINNED, 1, NULL);
	kernel.at = 2, kernel.more = 3, kernel.answer = -EAGAIN, kernel.takes_ms = 1, kernel.effect = little_memory;
	expect("a part that is held is not tried again with little memory", 2, FATE_PINNED, 1, "memory available");
	kernel.at = 2, kernel.answer = -EBUSY;
	expect("a part that the cgroup has no place for is passed over", PARTS, FATE_NO_CHARGE, 1, NULL);
	kernel.answer = -EAGAIN;
	expect("after eight parts that are held none is tried again", 8 * 4 + PARTS - 8, FATE_PINNED, PARTS, NULL);
	kernel.at = 2, kernel.more = 3, kernel.answer = -EINVAL;
	expect("a part that is refused four times is passed over", PARTS + 3, FATE_REFUSED, 1, NULL);
	kernel.at = 2, kernel.answer = -ENOMEM;
	expect("one part without a huge page does not stop it", PARTS, FATE_NO_HUGE_PAGE, 1, NULL);
	kernel.answer = -ENOMEM;
	expect("eight parts without a huge page stop it", 8, FATE_POSSIBLE, PARTS - 8, "no free 2M pages");
	kernel.at = 1, kernel.answer = -EPERM;
	expect("a right that lacks stops it", 1, FATE_POSSIBLE, PARTS - 1, "CAP_SYS_NICE");
	kernel.at = 1, kernel.answer = -ESRCH;
	expect("the end of the process stops it", 1, FATE_POSSIBLE, PARTS - 1, "process has ended");
	put_available(63);
	expect("little memory keeps it from beginning", 0, FATE_POSSIBLE, PARTS, "memory available");
	put_cgroup_v2(50);
	expect("little room in the VMM's cgroup keeps it from beginning", 0, FATE_POSSIBLE, PARTS, "memory.max of cgroup /vm leaves 14M");
	put_cgroup_v2(40);
	expect("room in the VMM's cgroup does not stop it", PARTS, FATE_COLLAPSED, PARTS, NULL);
	put_cgroup_v1(50);
	expect("little room in a cgroup of version 1 keeps it from beginning", 0, FATE_POSSIBLE, PARTS, "memory.limit_in_bytes of cgroup /old leaves 14M");
	put_cgroup_v1(40);
	expect("room in a cgroup of version 1 does not stop it", PARTS, FATE_COLLAPSED, PARTS, NULL);
	kernel.at = 3, kernel.takes_ms = 1, kernel.effect = little_memory;
	expect("little memory stops it", 3, FATE_COLLAPSED, 3, "memory available");
	kernel.at = 1, kernel.takes_ms = 130, kernel.effect = pressure;
	expect("memory pressure stops it", 1, FATE_COLLAPSED, 1, "memory pressure");
	kernel.at = 1, kernel.takes_ms = 130, kernel.effect = little_pressure;
	expect("pressure of a few percent does not stop it", PARTS, FATE_COLLAPSED, PARTS, NULL);
	kernel.at = 2, kernel.takes_ms = 1, kernel.effect = new_longest;
	expect("a longest wait above the bound stops it", 2, FATE_COLLAPSED, 2, "a vCPU waited 5.00s");
	kernel.at = 2, kernel.takes_ms = 1, kernel.effect = long_but_bounded;
	expect("a wait in the open last bucket counts as the maximum", 2, FATE_COLLAPSED, 2, "waited up to 5.00s");
	run(&result, "unavailable");
	ktap_ok(!calls, "without the hooks that time exits nothing is done");
	collapse_result_free(&result);
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return ktap_end();
}
