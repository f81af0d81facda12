/* SPDX-License-Identifier: GPL-2.0 */
/* Files that a report's page begins with. */
	.section .rodata

	.globl report_head, report_head_end
report_head:
	.incbin "report/head.html"
report_head_end:

	.globl report_style, report_style_end
report_style:
	.incbin "report/style.css"
report_style_end:

	.section .note.GNU-stack, "", @progbits
