// SPDX-License-Identifier: GPL-2.0
/* The file "nested_controls" of a vCPU, see ABI/. Each read() is consistent in itself. */
#include <linux/kernel.h>
#include <linux/slab.h>

#include "controls.h"
#include "controls_view.h"
#include "lines.h"

#define LINE_BYTES	80

static void print_control(char *line, const struct l1t_control *control)
{
	unsigned int i;
	int len;

	len = scnprintf(line, LINE_BYTES, "%s", control->name);
	for (i = 0; i < control->nr; i++)
		len += scnprintf(line + len, LINE_BYTES - len, " %#llx", control->values[i]);
}

/* The nth control that this KVM has. */
static const struct l1t_control *nth_control(const struct l1t_controls *c, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < L1T_CONTROLS; i++)
		if (c->list[i].name && !n--)
			return &c->list[i];
	return NULL;
}

static bool has_controls(enum l1t_controls_kind kind)
{
	return kind == L1T_CONTROLS_VMCS || kind == L1T_CONTROLS_VMCB ||
	       kind == L1T_CONTROLS_ENLIGHTENED;
}

static bool print_line(char *line, unsigned int n, const void *arg)
{
	static const char * const kinds[] = {
		[L1T_CONTROLS_NONE] = "none",
		[L1T_CONTROLS_VMCS] = "vmcs",
		[L1T_CONTROLS_VMCB] = "vmcb",
		[L1T_CONTROLS_ENLIGHTENED] = "enlightened",
		[L1T_CONTROLS_BUSY] = "busy",
		[L1T_CONTROLS_UNKNOWN] = "unknown",
	};
	const struct l1t_controls *c = arg;
	const struct l1t_control *control;

	if (n == 0) {
		snprintf(line, LINE_BYTES, "kind %s", kinds[c->kind]);
		return true;
	}
	if (!has_controls(c->kind))
		return false;
	if (n == 1) {
		snprintf(line, LINE_BYTES, "address %#llx", c->address);
		return true;
	}
	control = nth_control(c, n - 2);
	if (control)
		print_control(line, control);
	return control;
}

/**
 * l1t_controls_read() - read from a vCPU's file "nested_controls"
 * @v: the vCPU
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Context: may sleep.
 * Return: bytes read, 0 at the end, or an error.
 */
ssize_t l1t_controls_read(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count)
{
	struct l1t_controls *c;
	char line[LINE_BYTES];
	ssize_t done;

	c = kmalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	l1t_controls_take(v, c);
	done = l1t_lines_read(buf, pos, count, line, sizeof(line), print_line, c);
	kfree(c);
	return done;
}
