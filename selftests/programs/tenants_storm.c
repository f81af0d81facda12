// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: tenants_storm DIRECTORY TENANTS VMS VCPUS ALL-VMS THREADS SECONDS
 * One process for each tenant has THREADS threads that create and destroy VMs and vCPUs
 * as fast as they can. A process is in the cgroup DIRECTORY/t0, t1 and so on, and moves
 * to the next one now and then, while its VMs and vCPUs live on. Counts each for the
 * cgroup that it was created in, from after KVM has created it until before it is
 * closed, so never more than there are. Prints the most that were alive at once;
 * status 1 if that is more than VMS or VCPUS of one tenant or ALL-VMS of all, or an
 * errno was not EDQUOT.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alive.h"

#define MOST_TENANTS	64
#define MOST_VCPUS	3
#define MOVE_EVERY_US	5000

/* Shared by all processes. */
static struct shared {
	struct count vms[MOST_TENANTS];
	struct count vcpus[MOST_TENANTS];
	struct count all_vms;
	atomic_long moves;
	atomic_long strange;
} *shared;

/* Whoever creates keeps its process from moving meanwhile. */
static pthread_rwlock_t stays = PTHREAD_RWLOCK_INITIALIZER;
static const char *directory;
static int tenants, here;
static time_t end;

static void move_to(int tenant)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/t%d/cgroup.procs", directory, tenant);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		err(1, "%s", path);
	close(fd);
	here = tenant;
}

/* The vCPUs are created where the process may be by now, and charged to the VM's tenant. */
static void live(int vm, int tenant, unsigned int *seed)
{
	int fds[MOST_VCPUS], n = 0, i;

	for (i = rand_r(seed) % (MOST_VCPUS + 1); i; i--) {
		fds[n] = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)n);
		if (fds[n] < 0) {
			refused(&shared->vcpus[tenant], "KVM_CREATE_VCPU", &shared->strange);
			continue;
		}
		came(&shared->vcpus[tenant]);
		n++;
	}
	usleep(rand_r(seed) % 2000);
	shared->vcpus[tenant].alive -= n;
	while (n)
		close(fds[--n]);
}

static void *create(void *arg)
{
	unsigned int seed = (unsigned long)arg;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, tenant;

	if (kvm < 0)
		err(1, "/dev/kvm");
	while (now_s() < end) {
		pthread_rwlock_rdlock(&stays);
		tenant = here;
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		if (vm < 0) {
			refused(&shared->vms[tenant], "KVM_CREATE_VM", &shared->strange);
		} else {
			came(&shared->vms[tenant]);
			came(&shared->all_vms);
		}
		pthread_rwlock_unlock(&stays);
		if (vm < 0) {
			usleep(100);
			continue;
		}
		live(vm, tenant, &seed);
		shared->vms[tenant].alive--;
		shared->all_vms.alive--;
		close(vm);
	}
	close(kvm);
	return NULL;
}

static void be_process(int number, int threads)
{
	pthread_t thread[threads];
	int i;

	move_to(number);
	for (i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, create, (void *)(long)(number * threads + i)))
			errx(1, "pthread_create");
	while (now_s() < end) {
		usleep(MOVE_EVERY_US);
		pthread_rwlock_wrlock(&stays);
		move_to((here + 1) % tenants);
		pthread_rwlock_unlock(&stays);
		shared->moves++;
	}
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	_exit(0);
}

static int over(const char *what, const struct count *c, long limit)
{
	printf("%s: most %ld of %ld, %ld created, %ld refused\n", what, c->most, limit,
	       c->created, c->refused);
	return c->most > limit;
}

int main(int argc, char **argv)
{
	int i, status, failed = 0;
	char name[32];

	if (argc != 8)
		errx(2, "usage: tenants_storm DIRECTORY TENANTS VMS VCPUS ALL-VMS THREADS SECONDS");
	directory = argv[1];
	tenants = atoi(argv[2]);
	if (tenants < 1 || tenants > MOST_TENANTS)
		errx(2, "1 to %d tenants", MOST_TENANTS);
	end = now_s() + atoi(argv[7]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	/* The parent stays where it is. */
	for (i = 0; i < tenants; i++)
		if (!fork())
			be_process(i, atoi(argv[6]));
	while (wait(&status) > 0)
		failed |= status;
	for (i = 0; i < tenants; i++) {
		snprintf(name, sizeof(name), "t%d vms", i);
		failed |= over(name, &shared->vms[i], atol(argv[3]));
		snprintf(name, sizeof(name), "t%d vcpus", i);
		failed |= over(name, &shared->vcpus[i], atol(argv[4]));
	}
	failed |= over("all vms", &shared->all_vms, atol(argv[5]));
	printf("%ld moves, %ld strange answers\n", shared->moves, shared->strange);
	return failed || shared->strange;
}
