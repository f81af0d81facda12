// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: ask WORD…
 * Makes one request of KVM for each WORD, in order, and prints "WORD ok" or
 * "WORD ERRNO". Keeps what it was given until it exits.
 *
 *	vm			a VM, which the following words are about
 *	orphan			a VM that another process creates, which then exits
 *	vcpu:ID			a vCPU of it, which the following words are about
 *	slot:ID[@AS]:BYTES	a memory slot, in address space AS; K, M, G too
 *	share:ID@AS		the same memory at the same address, in address space AS
 *	far:ID:BYTES		a memory slot beyond all addresses: KVM refuses it late
 *	del:ID move:ID log:ID	a slot is deleted, moved, logged
 *	close			the VM and its vCPUs are closed
 *	svme			EFER.SVME is set (SVM)
 *	reset restore		nested state is set: none, or that of a hypervisor
 *	uid:UID			run as user UID from here on
 *	userns:OWNER:UID	run as UID in a user namespace that OWNER owns
 *	hold			go on after SIGUSR1
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_VCPUS	1024
#define MAX_SLOTS	64
#define SLOT_STRIDE	(1ull << 36)
#define VMXON_PA	0x1000
#define EFER_SVME	(1ull << 12)

static int kvm_fd = -1, vm_fd = -1, vcpu_fds[MAX_VCPUS], nr_vcpus;

static struct slot {
	struct kvm_userspace_memory_region region;
} slots[MAX_SLOTS];

static int dev_kvm(void)
{
	if (kvm_fd < 0)
		kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm_fd < 0)
		err(1, "/dev/kvm");
	return kvm_fd;
}

static int create_vm(void)
{
	int fd = ioctl(dev_kvm(), KVM_CREATE_VM, 0);

	if (fd < 0)
		return -1;
	vm_fd = fd;
	nr_vcpus = 0;
	return 0;
}

/* The child has memory of its own, and the files of this process. */
static int create_orphan(void)
{
	int status, kvm = dev_kvm();
	pid_t child;

	child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
	if (child < 0)
		err(1, "clone");
	if (!child)
		_exit(ioctl(kvm, KVM_CREATE_VM, 0) < 0 ? errno : 0);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		errx(1, "a child did not exit");
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

/* What KVM offers, nested virtualization included. */
static int offer_all(int vcpu)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} cpuid;

	cpuid.head.nent = 256;
	if (ioctl(dev_kvm(), KVM_GET_SUPPORTED_CPUID, &cpuid))
		return -1;
	return ioctl(vcpu, KVM_SET_CPUID2, &cpuid);
}

static int create_vcpu(unsigned long id)
{
	int fd = ioctl(vm_fd, KVM_CREATE_VCPU, id);

	if (fd < 0)
		return -1;
	if (nr_vcpus == MAX_VCPUS)
		errx(1, "more than %d vCPUs", MAX_VCPUS);
	vcpu_fds[nr_vcpus++] = fd;
	return offer_all(fd);
}

static uint64_t parse_bytes(const char *text)
{
	static const char units[] = "KMGT";
	char *end;
	uint64_t n = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;

	if (end == text || (*end && !unit))
		errx(2, "%s is not a number of bytes", text);
	return unit ? n << 10 * (unit - units + 1) : n;
}

static struct slot *slot_of(unsigned long id)
{
	if (id >= MAX_SLOTS)
		errx(2, "slot %lu: at most %d", id, MAX_SLOTS - 1);
	return &slots[id];
}

static int set_slot(struct slot *slot)
{
	return ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &slot->region);
}

/* ID[@AS]:BYTES */
static int create_slot(char *arg, uint64_t beyond)
{
	char *bytes = strchr(arg, ':'), *as = strchr(arg, '@');
	unsigned long id = strtoul(arg, NULL, 10);
	struct slot *slot = slot_of(id);
	void *memory;
	int ret, saved;

	if (!bytes)
		errx(2, "slot %s: how many bytes", arg);
	slot->region = (struct kvm_userspace_memory_region){
		.slot = id | (as ? strtoul(as + 1, NULL, 10) << 16 : 0),
		.guest_phys_addr = beyond ?: SLOT_STRIDE * id,
		.memory_size = parse_bytes(bytes + 1),
	};
	memory = mmap(NULL, slot->region.memory_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap of %s", bytes + 1);
	slot->region.userspace_addr = (uintptr_t)memory;
	ret = set_slot(slot);
	saved = errno;
	if (ret)
		munmap(memory, slot->region.memory_size);
	errno = saved;
	return ret;
}

/* ID@AS */
static int share_slot(const char *arg)
{
	const char *as = strchr(arg, '@');
	struct kvm_userspace_memory_region region;

	if (!as)
		errx(2, "share %s: in which address space", arg);
	region = slot_of(strtoul(arg, NULL, 10))->region;
	region.slot = (region.slot & 0xffff) | strtoul(as + 1, NULL, 10) << 16;
	return ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int delete_slot(struct slot *slot)
{
	struct kvm_userspace_memory_region region = slot->region;

	region.memory_size = 0;
	return ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int move_slot(struct slot *slot)
{
	slot->region.guest_phys_addr += SLOT_STRIDE / 2;
	return set_slot(slot);
}

static int log_slot(struct slot *slot)
{
	slot->region.flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	return set_slot(slot);
}

static int close_vm(void)
{
	while (nr_vcpus)
		close(vcpu_fds[--nr_vcpus]);
	return close(vm_fd);
}

static int is_svm(void)
{
	static char flags[65536];
	FILE *f = fopen("/proc/cpuinfo", "re");
	size_t n = f ? fread(flags, 1, sizeof(flags) - 1, f) : 0;

	if (f)
		fclose(f);
	flags[n] = '\0';
	return strstr(flags, " svm") != NULL;
}

/*
 * A hypervisor's state: on VMX one that has executed VMXON and no more. On SVM
 * it is that of a guest in its guest, whose VMCB is missing.
 */
static int set_nested_state(int live)
{
	struct kvm_nested_state state = { .size = sizeof(state) };

	if (!nr_vcpus)
		errx(2, "nested state of which vCPU?");
	if (is_svm()) {
		state.format = KVM_STATE_NESTED_FORMAT_SVM;
		state.flags = KVM_STATE_NESTED_GIF_SET | (live ? KVM_STATE_NESTED_GUEST_MODE : 0);
	} else {
		state.format = KVM_STATE_NESTED_FORMAT_VMX;
		state.hdr.vmx.vmxon_pa = live ? VMXON_PA : -1ull;
		state.hdr.vmx.vmcs12_pa = -1ull;
	}
	return ioctl(vcpu_fds[nr_vcpus - 1], KVM_SET_NESTED_STATE, &state);
}

static int set_svme(void)
{
	struct kvm_sregs sregs;

	if (!nr_vcpus)
		errx(2, "EFER of which vCPU?");
	if (ioctl(vcpu_fds[nr_vcpus - 1], KVM_GET_SREGS, &sregs))
		return -1;
	sregs.efer |= EFER_SVME;
	return ioctl(vcpu_fds[nr_vcpus - 1], KVM_SET_SREGS, &sregs);
}

static int be(unsigned long uid)
{
	return setresuid(uid, uid, uid);
}

/* Root maps the namespace's user 1 to @uid, and its root to its owner. */
static void map_users(pid_t pid, unsigned long owner, unsigned long uid)
{
	char path[64], map[64];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	n = snprintf(map, sizeof(map), "0 %lu 1\n1 %lu 1\n", owner, uid);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, map, n) != n)
		err(1, "%s", path);
	_exit(0);
}

static int enter_userns(const char *arg)
{
	unsigned long owner = strtoul(arg, NULL, 10);
	const char *colon = strchr(arg, ':');
	pid_t self = getpid(), child;
	int fds[2], status;
	char c;

	if (!colon)
		errx(2, "userns:OWNER:UID");
	if (pipe(fds))
		err(1, "pipe");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		close(fds[1]);
		if (read(fds[0], &c, 1) < 0)
			err(1, "read");
		map_users(self, owner, strtoul(colon + 1, NULL, 10));
	}
	if (be(owner) || unshare(CLONE_NEWUSER))
		return -1;
	close(fds[1]);
	if (waitpid(child, &status, 0) != child || status)
		errx(1, "users are not mapped");
	return be(1);
}

static int hold(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	puts("holding");
	return sigwait(&set, &sig);
}

static int ask(char *word)
{
	char *arg = strchr(word, ':');

	if (arg)
		*arg++ = '\0';
	if (!strcmp(word, "vm"))
		return create_vm();
	if (!strcmp(word, "orphan"))
		return create_orphan();
	if (!strcmp(word, "close"))
		return close_vm();
	if (!strcmp(word, "svme"))
		return set_svme();
	if (!strcmp(word, "reset"))
		return set_nested_state(0);
	if (!strcmp(word, "restore"))
		return set_nested_state(1);
	if (!strcmp(word, "hold"))
		return hold();
	if (!arg)
		errx(2, "unknown word: %s", word);
	if (!strcmp(word, "vcpu"))
		return create_vcpu(strtoul(arg, NULL, 10));
	if (!strcmp(word, "slot"))
		return create_slot(arg, 0);
	if (!strcmp(word, "share"))
		return share_slot(arg);
	if (!strcmp(word, "far"))
		return create_slot(arg, 1ull << 52);
	if (!strcmp(word, "del"))
		return delete_slot(slot_of(strtoul(arg, NULL, 10)));
	if (!strcmp(word, "move"))
		return move_slot(slot_of(strtoul(arg, NULL, 10)));
	if (!strcmp(word, "log"))
		return log_slot(slot_of(strtoul(arg, NULL, 10)));
	if (!strcmp(word, "uid"))
		return be(strtoul(arg, NULL, 10));
	if (!strcmp(word, "userns"))
		return enter_userns(arg);
	errx(2, "unknown word: %s", word);
}

int main(int argc, char **argv)
{
	char word[64];
	sigset_t set;
	int i, ret;

	if (argc < 2)
		errx(2, "usage: ask WORD...");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc; i++) {
		snprintf(word, sizeof(word), "%s", argv[i]);
		ret = ask(argv[i]);
		printf("%s %s\n", word, ret ? strerrorname_np(errno) : "ok");
	}
	return 0;
}
