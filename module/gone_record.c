// SPDX-License-Identifier: GPL-2.0
/* Prints the record of a guest that ended. */
#include "event.h"
#include "gone_record.h"
#include "lines.h"
#include "reason.h"

#define LINE_BYTES	128

static void print_known(char *s, bool known, const char *name, u64 value)
{
	if (known)
		snprintf(s, LINE_BYTES, "%s %llx", name, value);
	else
		snprintf(s, LINE_BYTES, "%s -", name);
}

static void print_vmm(char *s, const struct l1t_record *r)
{
	static const char * const names[] = {
		[L1T_VMM_UNKNOWN] = "other",
		[L1T_VMM_RUNS] = "runs",
		[L1T_VMM_EXITS] = "exited",
	};
	const struct l1t_vmm_end *vmm =
		&list_first_entry(&r->boxes, struct l1t_box, link)->vmm;

	snprintf(s, LINE_BYTES, "vmm %s %d %d", names[vmm->is], vmm->code, vmm->oom);
}

static void print_comm(char *s, const struct l1t_record *r)
{
	char comm[L1T_COMM_ESCAPED];

	l1t_escape_comm(r->comm, comm);
	snprintf(s, LINE_BYTES, "comm %s", comm);
}

/* Returns false if there is no such line. */
static bool print_record(char *s, const struct l1t_record *r, unsigned int n)
{
	switch (n) {
	case 0:
		snprintf(s, LINE_BYTES, "id %llu", r->id);
		break;
	case 1:
		snprintf(s, LINE_BYTES, "pid %d", r->pid);
		break;
	case 2:
		snprintf(s, LINE_BYTES, "uid %u", r->uid);
		break;
	case 3:
		print_comm(s, r);
		break;
	case 4:
		l1t_line_time(s, LINE_BYTES, "created_ns", r->created_ns);
		break;
	case 5:
		l1t_line_time(s, LINE_BYTES, "ended_ns", r->ended_ns);
		break;
	case 6:
		l1t_line_time(s, LINE_BYTES, "first_exit_ns", r->first_exit_ns);
		break;
	case 7:
		snprintf(s, LINE_BYTES, "end %s", l1t_end_names[r->end]);
		break;
	case 8:
		print_vmm(s, r);
		break;
	case 9:
		snprintf(s, LINE_BYTES, "denied %s",
			 r->denied ? l1t_limit_name(r->denied - 1) : "-");
		break;
	case 10:
		snprintf(s, LINE_BYTES, "memory_bytes %llu", r->memory_bytes);
		break;
	case 11:
		snprintf(s, LINE_BYTES, "vcpus %u %u", r->nr_vcpus, r->nr_boxes);
		break;
	case 12:
		snprintf(s, LINE_BYTES, "exits %llu", r->counts.exits);
		break;
	case 13:
		snprintf(s, LINE_BYTES, "guest_time_ns %llu",
			  r->counts.guest_time_ns);
		break;
	default:
		n -= 14;
		if (n >= L1T_PARTS_AND_KERNEL)
			return false;
		snprintf(s, LINE_BYTES, "%s_time_ns %llu", l1t_part_names[n],
			 r->counts.parts_ns[n]);
	}
	return true;
}

#define RECORD_LINES	(14 + L1T_PARTS_AND_KERNEL)

static void print_reason(char *s, const char *name, u32 key)
{
	char reason[40];

	l1t_slot_name(l1t_isa(), key % L1T_SLOTS, reason, sizeof(reason));
	snprintf(s, LINE_BYTES, "%s %u %u %s", name, 2 + key / L1T_SLOTS,
		 l1t_slot_code(key % L1T_SLOTS), reason);
}

static void print_run(char *s, const struct l1t_box *box)
{
	const struct l1t_run_end *run = &box->run;

	if (!run->since_ticks)
		snprintf(s, LINE_BYTES, "run -");
	else if (!run->has_error)
		snprintf(s, LINE_BYTES, "run %u - %d", run->reason, box->is_final);
	else
		snprintf(s, LINE_BYTES, "run %u %d %d", run->reason, run->error,
			 box->is_final);
}

static void print_words(char *s, const struct l1t_box *box, unsigned int n)
{
	const u64 *w = &box->run.words[n];

	snprintf(s, LINE_BYTES, "words %llx %llx %llx", w[0], w[1], w[2]);
}

static void print_gprs(char *s, const struct l1t_state_regs *regs, unsigned int n)
{
	const u64 *w = &regs->gprs[n];

	if (regs->has & L1T_HAS_GPRS)
		snprintf(s, LINE_BYTES, "gprs %llx %llx %llx %llx", w[0], w[1],
			 w[2], w[3]);
	else
		snprintf(s, LINE_BYTES, "gprs -");
}

static void print_refused(char *s, const struct l1t_record *r, const struct l1t_box *box)
{
	const struct l1t_refused *f = &box->refused;
	int len;

	if (!f->at_ticks) {
		snprintf(s, LINE_BYTES, "refused -");
		return;
	}
	print_reason(s, "refused", f->key);
	len = strlen(s);
	snprintf(s + len, LINE_BYTES - len, " %u %x %x %x %x %llu", f->vector,
		 f->error_code, (u32)f->rcx, (u32)f->rax, (u32)f->rdx,
		 l1t_record_time_ns(r, f->at_ticks));
}

static void print_port(char *s, const struct l1t_port *port)
{
	if (port->size)
		snprintf(s, LINE_BYTES, "port %x %u %s %x", port->port, port->size,
			 port->is_in ? "in" : "out", port->value);
	else
		snprintf(s, LINE_BYTES, "port -");
}

static void print_exit(char *s, const struct l1t_record *r, const struct l1t_past *past,
		       unsigned int n)
{
	const struct l1t_past_exit *e = &past->exits[n];
	int len;

	print_reason(s, past->open && n == past->nr - 1 ? "open" : "exit", e->key);
	len = strlen(s);
	snprintf(s + len, LINE_BYTES - len, " %llu %llu",
		 l1t_record_time_ns(r, e->since_ticks), l1t_ticks_to_ns(e->ticks));
}

#define BOX_LINES	24

static void print_box(char *s, const struct l1t_record *r, const struct l1t_box *box,
		      unsigned int n)
{
	const struct l1t_state_regs *regs = &box->regs;
	u32 has = regs->has;

	switch (n) {
	case 0:
		snprintf(s, LINE_BYTES, "vcpu %u", box->id);
		break;
	case 1:
		print_run(s, box);
		break;
	case 2 ... 4:
		print_words(s, box, (n - 2) * 3);
		break;
	case 5:
		print_known(s, has & L1T_HAS_RIP, "rip", regs->rip);
		break;
	case 6:
		print_known(s, has & L1T_HAS_RSP, "rsp", regs->gprs[VCPU_REGS_RSP]);
		break;
	case 7:
		print_known(s, has & L1T_HAS_RFLAGS, "rflags", regs->rflags);
		break;
	case 8:
		print_known(s, has & L1T_HAS_CRS, "cr0", regs->cr0);
		break;
	case 9:
		print_known(s, has & L1T_HAS_CRS, "cr3", regs->cr3);
		break;
	case 10:
		print_known(s, has & L1T_HAS_CRS, "cr4", regs->cr4);
		break;
	case 11:
		print_known(s, has, "efer", regs->efer);
		break;
	case 12:
		print_known(s, has & L1T_HAS_INFO1, "info1", regs->info1);
		break;
	case 13:
		print_known(s, has & L1T_HAS_INFO2, "info2", regs->info2);
		break;
	case 14:
		print_known(s, has & L1T_HAS_INFO2, "int_info", regs->int_info);
		break;
	case 15 ... 18:
		print_gprs(s, regs, (n - 15) * 4);
		break;
	case 19:
		print_known(s, has, "exception", regs->vector);
		break;
	case 20:
		print_known(s, has, "exception_queued", regs->is_queued);
		break;
	case 21:
		print_refused(s, r, box);
		break;
	case 22:
		print_port(s, &box->port);
		break;
	case 23:
		snprintf(s, LINE_BYTES, "mp_state %u", box->mp_state);
		break;
	default:
		print_exit(s, r, &box->past, n - BOX_LINES);
	}
}

/* Returns false if there is no such line. */
static bool print_line(char *s, unsigned int n, const void *arg)
{
	const struct l1t_record *r = arg;
	const struct l1t_box *box;

	if (print_record(s, r, n))
		return true;
	n -= RECORD_LINES;
	list_for_each_entry(box, &r->boxes, link) {
		if (n < BOX_LINES + box->past.nr) {
			print_box(s, r, box, n);
			return true;
		}
		n -= BOX_LINES + box->past.nr;
	}
	return false;
}

/**
 * l1t_record_read() - read from a record's file
 * @r: the record, which does not change
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Return: bytes read; 0 at the end.
 */
ssize_t l1t_record_read(const struct l1t_record *r, char *buf, loff_t pos, size_t count)
{
	char line[LINE_BYTES];

	return l1t_lines_read(buf, pos, count, line, sizeof(line), print_line, r);
}
