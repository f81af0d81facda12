// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/small-pages.h"
#include "explain/vmm-devices.h"
#include "model/huge-setting.h"
#include "model/tmpfs.h"

bool is_memory_known(const struct facts *f, char **seen)
{
	const struct guest_memory *memory = memory_of(f);

	if (memory->err == -ENODATA)
		*seen = xstrdup("no mapping in the VMM's smaps is the guest's memory");
	else if (memory->err)
		*seen = xasprintf("/proc/PID/smaps of the VMM cannot be read: %s",
				  env_why_not(f->env, memory->err));
	return !memory->err;
}

enum answer is_mapped_small(const struct facts *f, char **seen)
{
	struct kvm_mapped now, before;
	int err = kvm_counts_mapped(&f->kvm, &now, &before);
	bool is_most;

	if (err) {
		*seen = xasprintf("pages_4k, pages_2m and pages_1g cannot be read: %s",
				  kvm_count_why_not(err));
		return ANSWER_UNKNOWN;
	}
	is_most = now.small > now.all - now.small;
	*seen = xasprintf("KVM has %s of it mapped in 4K pages", is_most ? "most" : "little");
	return is_most ? ANSWER_YES : ANSWER_NO;
}

enum answer is_misaligned(const struct facts *f, char **seen)
{
	const struct guest_memory *memory = memory_of(f);

	if (!memory->slot_bytes)
		return ANSWER_UNKNOWN;
	if (memory->mapping.backing == BACKING_GUEST_MEMFD)
		return is_guest_memfd(f, seen) == ANSWER_YES ? ANSWER_NO : ANSWER_UNKNOWN;
	*seen = xasprintf("guest and VMM addresses of %llu of %llu MB of its memory slots differ modulo 2M",
			  (unsigned long long)memory->misaligned_bytes >> 20,
			  (unsigned long long)memory->slot_bytes >> 20);
	return memory->misaligned_bytes > memory->slot_bytes / 2 ? ANSWER_YES : ANSWER_NO;
}

/* What decides how large its pages are: no setting, where they are copies of a file's. */
static enum backing pages_of(const struct guest_memory *memory)
{
	return mapping_is_private_file(&memory->mapping) ? BACKING_FILE : memory->mapping.backing;
}

/* YES: the memory has this backing, and its setting does not allow huge pages. */
static enum answer setting_refuses(const struct facts *f, enum backing backing,
				   const char *name, char **seen)
{
	const struct guest_memory *memory = memory_of(f);
	struct huge_setting setting;
	char *text;

	if (!is_memory_known(f, seen))
		return ANSWER_UNKNOWN;
	text = backing_text(memory);
	if (pages_of(memory) != backing) {
		*seen = xasprintf("the guest's memory is %s", text);
		free(text);
		return ANSWER_NO;
	}
	huge_setting_read(f->env->sysfs, name, &setting);
	*seen = xasprintf("the guest's memory is %s, for which %s says %s%s",
			  text, setting.file,
			  *setting.word ? setting.word :
					  "nothing: this kernel has no transparent huge pages",
			  strstr(setting.word, "advise") && !memory->mapping.is_advised ?
			  ", and the VMM does not advise" : "");
	free(text);
	return huge_setting_allows(&setting, memory->mapping.is_advised) ? ANSWER_NO : ANSWER_YES;
}

enum answer anonymous_is_refused(const struct facts *f, char **seen)
{
	return setting_refuses(f, BACKING_ANONYMOUS, "enabled", seen);
}

enum answer shmem_is_refused(const struct facts *f, char **seen)
{
	return setting_refuses(f, BACKING_SHMEM, "shmem_enabled", seen);
}

static enum answer is_backed_by(const struct facts *f, enum backing backing,
				char **seen)
{
	const struct guest_memory *memory = memory_of(f);
	char *text;

	if (!is_memory_known(f, seen))
		return ANSWER_UNKNOWN;
	text = backing_text(memory);
	*seen = xasprintf("the guest's memory is %s", text);
	free(text);
	return pages_of(memory) == backing ? ANSWER_YES : ANSWER_NO;
}

enum answer is_file(const struct facts *f, char **seen)
{
	return is_backed_by(f, BACKING_FILE, seen);
}

enum answer is_guest_memfd(const struct facts *f, char **seen)
{
	return is_backed_by(f, BACKING_GUEST_MEMFD, seen);
}

/* shmem_enabled overrides the option of each mount by two of its words. */
static int read_tmpfs_setting(const struct facts *f, struct tmpfs *tmpfs,
			      struct huge_setting *setting)
{
	int err = tmpfs_read(f->env, f->guest->guest.pid, memory_of(f)->mapping.path, tmpfs);

	huge_setting_read(f->env->sysfs, "shmem_enabled", setting);
	if (err || !strcmp(setting->word, "deny") || !strcmp(setting->word, "force"))
		return err;
	strcpy(setting->word, tmpfs->huge);
	*setting->file = '\0';
	return 0;
}

enum answer tmpfs_is_refused(const struct facts *f, char **seen)
{
	enum answer answer = is_backed_by(f, BACKING_TMPFS, seen);
	struct huge_setting setting;
	struct tmpfs tmpfs;
	int err;

	if (answer != ANSWER_YES)
		return answer;
	err = read_tmpfs_setting(f, &tmpfs, &setting);
	if (err) {
		append(seen, "; its mount is not known: %s", env_why_not(f->env, err));
		return ANSWER_UNKNOWN;
	}
	append(seen, "; huge= of its mount %s is %s", tmpfs.mount, tmpfs.huge);
	if (*setting.file)
		append(seen, ", and %s, for all of them, %s", setting.file, setting.word);
	return huge_setting_allows(&setting, memory_of(f)->mapping.is_advised) ?
	       ANSWER_NO : ANSWER_YES;
}

enum answer vmm_refuses(const struct facts *f, char **seen)
{
	const struct guest_memory *memory = memory_of(f);

	if (!is_memory_known(f, seen))
		return ANSWER_UNKNOWN;
	*seen = xstrdup(memory->mapping.is_refused ?
			"the VMM advised against huge pages (MADV_NOHUGEPAGE)" :
			memory->is_disabled ?
			"the VMM has huge pages switched off for itself (PR_SET_THP_DISABLE)" :
			"the VMM does not refuse huge pages");
	return memory->mapping.is_refused || memory->is_disabled ? ANSWER_YES :
							   ANSWER_NO;
}

enum answer is_allowed_in_vain(const struct facts *f, char **seen)
{
	const struct guest_memory *memory = memory_of(f);
	char *text = NULL;
	enum answer answer;

	if (!is_memory_known(f, seen))
		return ANSWER_UNKNOWN;
	if (pages_of(memory) == BACKING_HUGETLB) {
		*seen = xstrdup("the guest's memory is in hugetlbfs, which has large pages");
		return ANSWER_YES;
	}
	if (pages_of(memory) == BACKING_FILE || pages_of(memory) == BACKING_GUEST_MEMFD)
		return is_backed_by(f, BACKING_ANONYMOUS, seen);
	answer = pages_of(memory) == BACKING_SHMEM ? shmem_is_refused(f, &text) :
		 pages_of(memory) == BACKING_TMPFS ? tmpfs_is_refused(f, &text) :
						     anonymous_is_refused(f, &text);
	*seen = text;
	if (answer == ANSWER_UNKNOWN)
		return answer;
	return answer == ANSWER_YES || memory->mapping.is_refused ||
	       memory->is_disabled ? ANSWER_NO : ANSWER_YES;
}

/* The kernel moves no page that it keeps in place for a device. */
char *or_collapse(const struct facts *f, char *change)
{
	if (passes_devices_through(f))
		append(&change, ". Not huge_pages=collapse: its memory is pinned for a device that is passed through");
	else
		append(&change, "; or l1tune tune %llu huge_pages=collapse, for the guest as it runs (from Linux 6.1 on)",
		       (unsigned long long)f->guest->guest.id);
	return change;
}

char *make_large(const struct facts *f)
{
	if (memory_of(f)->mapping.backing == BACKING_HUGETLB)
		return xstrdup("guest-physical and VMM addresses that agree modulo 2M: KVM maps large pages only there");
	return or_collapse(f, xstrdup("memory from hugetlbfs, reserved at boot and all at once: QEMU -object memory-backend-memfd,id=m,size=SIZE,hugetlb=on,prealloc=on -machine memory-backend=m"));
}

/* In the file that refuses them. */
static char *allow(const struct facts *f, const char *name, const char *more)
{
	struct huge_setting setting;

	huge_setting_read(f->env->sysfs, name, &setting);
	return or_collapse(f, xasprintf("echo always > /sys/" HUGE_SETTINGS "%s%s", setting.file, more));
}

char *allow_anonymous(const struct facts *f)
{
	return allow(f, "enabled",
		     ", then start it again; or hugetlbfs: QEMU -object memory-backend-memfd,id=m,size=SIZE,hugetlb=on,prealloc=on -machine memory-backend=m");
}

char *allow_shmem(const struct facts *f)
{
	return allow(f, "shmem_enabled",
		     " (enabled does not apply to shared memory), then start it again; or a memfd of huge pages: hugetlb=on of QEMU's memory-backend-memfd, hugepages=on of cloud-hypervisor's --memory");
}

/* The VMM's user may have mounted it, and whoever reads the advice pastes it into a shell. */
static bool is_plain(const char *path)
{
	return path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-")] == '\0';
}

char *allow_tmpfs(const struct facts *f)
{
	struct huge_setting setting;
	struct tmpfs tmpfs;

	if (read_tmpfs_setting(f, &tmpfs, &setting) || !is_plain(tmpfs.mount))
		snprintf(tmpfs.mount, sizeof(tmpfs.mount), "MOUNT");
	return or_collapse(f, xasprintf("mount -o remount,huge=always %s%s, then start it again; or a file in hugetlbfs",
					tmpfs.mount, !strcmp(setting.word, "deny") ?
					", and echo never > /sys/" HUGE_SETTINGS "shmem_enabled, which denies it for all mounts" : ""));
}

char *leave_file(const struct facts *f)
{
	const struct mapping *mapping = &memory_of(f)->mapping;
	enum backing backing = mapping->backing;

	/* Others map it, too: devices by vhost-user, such as virtiofsd. */
	if (backing == BACKING_FILE && !mapping_is_private_file(mapping))
		return xstrdup("share other memory with the VMM's helpers (vhost-user, virtiofsd): a memfd with shmem_enabled, or huge pages (libvirt: <source type='memfd'/>, <hugepages/> in memoryBacking; QEMU: memory-backend-memfd,share=on,hugetlb=on), or a directory in a tmpfs mounted with huge=always (memory_backing_dir in qemu.conf). A file on a disk is mapped in 4K; neither enabled nor hugetlbfs changes that");
	if (backing == BACKING_FILE)
		return xstrdup("do not map the memory from a file: read the snapshot into anonymous memory, or serve it by a userfaultfd, which can be backed by hugetlbfs (Firecracker: mem_backend Uffd, huge_pages 2M). A file on a disk is mapped in 4K; neither enabled nor hugetlbfs changes that");
	return xasprintf("map it shared, unless other guests start from the same file (QEMU's memory-backend-file: share=on), so that %s decides how large its pages are; or read the snapshot into anonymous memory, or serve it by a userfaultfd, which can be backed by hugetlbfs (Firecracker: mem_backend Uffd, huge_pages 2M). As long as it is private, each page that is written is copied in 4K, whatever that says",
			 backing == BACKING_TMPFS ? "huge= of the tmpfs" : "shmem_enabled");
}
