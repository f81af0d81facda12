/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_JSON_LOAD_H
#define L1TUNE_JSON_LOAD_H

#include "model/snapshot.h"

/*
 * The guests of a file that "stat --json" wrote. STATUS_OK, or STATUS_FAILED
 * after a message. Free with snapshot_free() in every case.
 */
int json_load_snapshot(const char *path, struct snapshot *snapshot);

/* The machine that such a file is of; empty where the file does not say. */
struct json_machine {
	char kernel[128];
	char type[96];
};

int json_load_machine(const char *path, struct snapshot *snapshot,
		      struct json_machine *machine);

#endif
