/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CMD_DIFF_H
#define L1TUNE_CMD_DIFF_H

#include "model/cell.h"
#include "ui/options.h"

/* Columns of diff: of sides A and B, of the interval between two files, and of two fleets. */
enum {
	COL_LEVEL, COL_REASON, COL_CODE, COL_RATE_A, COL_RATE_B, COL_TIME_A,
	COL_TIME_B, COL_AVG_A, COL_AVG_B, COL_P99_A, COL_P99_B, COL_CHANGE,
	COL_IN, COL_GUEST, COL_NAME, COL_COUNT, COL_RATE, COL_TIME, COL_AVG,
	COL_P99, COL_BUSY, COL_PARTS, COL_TYPE = COL_PARTS + NUM_PARTS,
	COL_MEASURE, COL_FILES_A, COL_FILES_B, COL_MEDIAN_A, COL_MEDIAN_B,
	COL_SPREAD_A, COL_SPREAD_B, COL_DIFF, COL_CHANCE, COL_VERDICT, NUM_COLS
};

/* Two directories of files that stat --json wrote. */
int diff_fleets(const struct options *options);

#endif
