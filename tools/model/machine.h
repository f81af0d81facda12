/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MACHINE_H
#define L1TUNE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/util.h"

/*
 * This machine as /sys and /proc describe it, also without the module. What
 * they withhold is empty.
 */
struct machine {
	char kernel[128];
	char boot_id[64];
	char microcode[32];
	char cpu[96];
	/* Of CPUID: is it virtualized, does it have VMX or SVM? Not known where its flags cannot be read. */
	bool is_cpu_known, virtualized, vmx, svm;
	bool amd;
	/* DMI: on a cloud the vendor is the cloud's name, the product the type. */
	char vendor[96];
	char product[96];
	uint64_t num_cpus;
};

/* No file of these is missing on Linux: what cannot be read is left empty. */
void machine_read(const struct env *env, struct machine *machine);

/*
 * One line of a file below /sys or /proc, without its end: false, and an
 * empty buf, when there is none or it may not be read.
 */
__printf(4, 5) bool machine_file(const char *root, char *buf, size_t size,
				 const char *name, ...);
/* A whole file to free, NULL when it cannot be read. */
char *machine_text(const char *root, const char *name);
/* "KEY:  N kB" of the text of /proc/meminfo; false if it is not there, or the text is NULL. */
bool machine_meminfo(const char *text, const char *key, uint64_t *bytes);
/* The first CPU's value of a key of /proc/cpuinfo to free, NULL if there is none. */
char *machine_cpuinfo(const struct env *env, const char *key);
bool machine_has_word(const char *line, const char *word);
/* Whether an environment's file or directory is there at all. */
__printf(2, 3) bool machine_has(const char *root, const char *name, ...);
/* Whether a module is part of the kernel, and can be neither loaded nor unloaded. */
bool machine_is_built_in(const char *root, const char *module);

/* Whether a module's parameter is on; false when there is none. */
bool machine_param_on(const struct env *env, const char *module, const char *param);

#endif
