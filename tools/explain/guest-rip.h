/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_GUEST_RIP_H
#define L1TUNE_GUEST_RIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#define GUEST_RIPS_MOST	64

struct guest_rip {
	uint64_t rip;
	bool is_user;
	uint64_t count;
};

/*
 * Where a vCPU was in its guest, the most frequent first. What finds no room among
 * .v counts in .num_samples only. err: why there are none, a negative errno.
 */
struct guest_rips {
	int err;
	uint64_t num_samples;
	size_t num;
	struct guest_rip v[GUEST_RIPS_MOST];
};

/*
 * Interrupts the vCPU's thread every millisecond of a tenth of a second: an exit each,
 * so only for one that hangs.
 */
void guest_rips_sample(uint64_t tid, struct guest_rips *rips);

/* "within 7 bytes from RIP 0x1001 on (kernel) in all of 97 samples: a loop"; to be freed. */
char *guest_rips_text(const struct guest_rips *rips);
json_t *guest_rips_json(const struct guest_rips *rips);

#endif
