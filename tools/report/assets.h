/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ASSETS_H
#define L1TUNE_ASSETS_H

/*
 * head.html: the page may load nothing and run nothing, whatever should get into
 * it, and has an empty icon, or browsers would ask a server for one.
 */
extern const char report_head[], report_head_end[];
/* style.css */
extern const char report_style[], report_style_end[];

#endif
