/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CMD_H
#define L1TUNE_CMD_H

#include "ui/options.h"

/* Subcommands: options hold what stood before the name; an exit status. */
int cmd_status(int argc, char *argv[], struct options *options);
int cmd_list(int argc, char *argv[], struct options *options);
int cmd_stat(int argc, char *argv[], struct options *options);
int cmd_top(int argc, char *argv[], struct options *options);
int cmd_diff(int argc, char *argv[], struct options *options);
int cmd_hist(int argc, char *argv[], struct options *options);
int cmd_limits(int argc, char *argv[], struct options *options);
int cmd_events(int argc, char *argv[], struct options *options);
int cmd_apply(int argc, char *argv[], struct options *options);
int cmd_save(int argc, char *argv[], struct options *options);
int cmd_export(int argc, char *argv[], struct options *options);
int cmd_caps(int argc, char *argv[], struct options *options);
int cmd_doctor(int argc, char *argv[], struct options *options);
int cmd_try(int argc, char *argv[], struct options *options);
int cmd_advise(int argc, char *argv[], struct options *options);
int cmd_tune(int argc, char *argv[], struct options *options);
int cmd_bench(int argc, char *argv[], struct options *options);

#endif
