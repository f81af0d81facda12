/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel functions that are not exported: looked up by name, called directly. */
#ifndef L1TUNE_SYMBOL_H
#define L1TUNE_SYMBOL_H

#include <linux/sched.h>
#include <linux/task_work.h>

int l1t_symbol_init(void);
unsigned long l1t_symbol(const char *module, const char *name);
bool l1t_module_goes(const char *name);
int l1t_task_work_add(struct task_struct *task, struct callback_head *work);
struct callback_head *l1t_task_work_cancel(struct task_struct *task,
					   task_work_func_t func);

#endif
