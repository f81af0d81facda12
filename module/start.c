// SPDX-License-Identifier: GPL-2.0
/*
 * The marks of a guest's start. Usual exits and entries do not check for them: while
 * a mark is not reached, exits whose reason can lead to it are kept unusual. Their
 * cell is not in @cells, so the exit is unusual, and the cell's @plain_ticks stays 0,
 * so the entry is.
 *
 * Only memory is read: KVM's copy of CR0, and the last port I/O passed to the VMM.
 */
#include <linux/slab.h>
#include <asm/svm.h>
#include <asm/vmx.h>

#include "clock.h"
#include "compat.h"
#include "start.h"

const char * const l1t_phase_names[L1T_PHASES] = {
	[L1T_PHASE_SETUP] = "setup",
	[L1T_PHASE_ENTRY] = "entry",
	[L1T_PHASE_FIRMWARE] = "firmware",
	[L1T_PHASE_BOOT] = "boot",
};

/* For future starts. */
static u32 next_port = L1T_NO_PORT;

/**
 * l1t_start_port() - the port whose first access ends future starts
 *
 * Return: the port, or L1T_NO_PORT if the first halt ends them.
 */
u32 l1t_start_port(void)
{
	return READ_ONCE(next_port);
}

/**
 * l1t_start_set_port() - set what ends future starts
 * @port: a port, or L1T_NO_PORT
 */
void l1t_start_set_port(u32 port)
{
	WRITE_ONCE(next_port, port);
}

/**
 * l1t_start_alloc() - allocate a guest's start
 *
 * Context: may sleep; charged to the VMM.
 * Return: the start or NULL.
 */
struct l1t_start *l1t_start_alloc(void)
{
	struct l1t_start *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	/* If it were larger, kmalloc() would take twice as much. */
	BUILD_BUG_ON(sizeof(*s) > 4096);
	if (s)
		s->port = l1t_start_port();
	return s;
}

/**
 * l1t_start_free() - free a start that is not reachable any more
 * @s: from l1t_start_alloc(), or NULL
 */
void l1t_start_free(struct l1t_start *s)
{
	kfree(s);
}

/**
 * l1t_start_begin() - the boot vCPU has been created
 * @s: the start
 * @acct: the vCPU's account, before its first exit
 * @created_ticks: when its VM was created
 */
void l1t_start_begin(struct l1t_start *s, struct l1t_account *acct,
		     u64 created_ticks)
{
	s->vcpu_ticks = l1t_ticks();
	s->marks[L1T_MARK_CREATED] = created_ticks;
	acct->start = s;
}

static bool has_paging(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.cr0 & X86_CR0_PG;
}

static bool is_halt(unsigned int slot)
{
	if (l1t_isa() == L1T_ISA_VMX)
		return slot == EXIT_REASON_HLT;
	return slot == SVM_EXIT_HLT || slot == SVM_EXIT_IDLE_HLT;
}

static bool is_io(unsigned int slot)
{
	return slot == (l1t_isa() == L1T_ISA_VMX ? EXIT_REASON_IO_INSTRUCTION :
						  SVM_EXIT_IOIO);
}

/* CR0.PG cannot change without one of these exits. */
static bool is_cr0(unsigned int slot)
{
	if (l1t_isa() == L1T_ISA_VMX)
		return slot == EXIT_REASON_CR_ACCESS;
	return slot == SVM_EXIT_WRITE_CR0 || slot == SVM_EXIT_CR0_SEL_WRITE;
}

/* Can an exit of L2 lead to a mark that has not been reached? */
static bool is_watched(const struct l1t_start *s, unsigned int slot)
{
	if (s->marks[L1T_MARK_END])
		return false;
	if (is_halt(slot))
		return !s->idle_ticks;
	if (is_cr0(slot))
		return !s->marks[L1T_MARK_PAGED];
	return is_io(slot) && s->port != L1T_NO_PORT;
}

static bool is_hidden(const struct l1t_account *acct, const struct l1t_cell *cell)
{
	return cell->key < L1T_SLOTS && !acct->cells[L1T_LEVEL2][cell->key];
}

/* Let exits that are no longer watched be usual again. */
static void reveal(struct l1t_account *acct, const struct l1t_start *s)
{
	struct l1t_cell *cell;
	unsigned int n;

	for (n = 1; n < acct->nr_cells; n++) {
		cell = l1t_account_cell(acct, n);
		if (!is_hidden(acct, cell) || is_watched(s, cell->key) ||
		    l1t_slot_loses_state(l1t_isa(), cell->key))
			continue;
		cell->plain_ticks = min(cell->max_ticks, l1t_hist_plain_ticks);
		acct->cells[L1T_LEVEL2][cell->key] = cell;
	}
}

static void add_cell(struct l1t_start_row *row, const struct l1t_cell *cell,
		     const u64 *parts_ticks)
{
	unsigned int i;

	row->ticks += cell->time_ticks;
	for (i = 0; i < L1T_PARTS; i++)
		row->parts_ticks[i] += min(parts_ticks[i], cell->time_ticks);
	for (i = 0; i < L1T_HIST_BUCKETS; i++)
		row->count += l1t_cell_exits(cell, i);
}

/*
 * Sums up the exits that have ended, and the time in the guest up to @now. If one is open,
 * it is the last that was watched.
 */
static void take_sums(const struct l1t_account *acct, const struct l1t_start *s,
		      struct l1t_start_sums *sums, u64 now)
{
	const struct l1t_cell *cell;
	struct l1t_start_row *row;
	unsigned int n;

	sums->guest_ticks = l1t_ticks_since(acct->guest_from_ticks, now);
	for (n = 0; n < acct->nr_cells; n++) {
		row = &sums->rows[min(n, L1T_START_REASONS + 0u)];
		row->key = n < L1T_START_REASONS ? l1t_account_key(acct, n) :
						   l1t_key(L1T_LEVEL2, L1T_SLOT_OTHER);
		cell = l1t_account_cell(acct, n);
		add_cell(row, cell, cell == acct->open ? s->open_parts_ticks :
							 cell->parts_ticks);
	}
	sums->nr = min(n, L1T_START_ROWS + 0u);
}

static void set_mark(struct l1t_start *s, enum l1t_mark mark, u64 ticks)
{
	/* Pairs with l1t_start_mark(). */
	smp_store_release(&s->marks[mark], ticks);
}

/* The guest exited at @now, or is entered at @now. */
static void set_paged(struct l1t_account *acct, struct l1t_start *s, u64 now)
{
	if (s->marks[L1T_MARK_PAGED])
		return;
	take_sums(acct, s, &s->paged, now);
	set_mark(s, L1T_MARK_PAGED, now);
	reveal(acct, s);
}

static void set_entered(struct l1t_start *s, u64 now)
{
	if (s->marks[L1T_MARK_ENTERED])
		return;
	if (!s->marks[L1T_MARK_RUN])
		set_mark(s, L1T_MARK_RUN, now);
	set_mark(s, L1T_MARK_ENTERED, now);
}

/* The open exit ends the start, and is not included in it. */
static void end_start(struct l1t_account *acct, struct l1t_start *s)
{
	u64 now = acct->since_ticks;

	set_entered(s, now);
	set_paged(acct, s, now);
	take_sums(acct, s, &s->end, now);
	set_mark(s, L1T_MARK_END, now);
	reveal(acct, s);
	acct->start = NULL;
}

/**
 * l1t_start_run() - a thread enters KVM_RUN with the boot vCPU
 * @s: its start
 *
 * Context: preemption disabled.
 */
void notrace l1t_start_run(struct l1t_start *s)
{
	if (s->marks[L1T_MARK_RUN])
		return;
	s->has_run = true;
	set_mark(s, L1T_MARK_RUN, l1t_ticks());
}

/* A halt without paging is firmware or a boot loader waiting. */
static void halted(struct l1t_account *acct, struct l1t_start *s, bool paging)
{
	u64 *at = paging ? &s->idle_ticks : &s->halt_ticks;

	if (*at)
		return;
	WRITE_ONCE(*at, acct->since_ticks);
	if (paging && s->port == L1T_NO_PORT)
		end_start(acct, s);
	else if (paging)
		reveal(acct, s);
}

/**
 * l1t_start_exit() - an unusual exit of the boot vCPU has begun
 * @acct: the vCPU's account, which has a start
 * @vcpu: the vCPU
 * @slot: of the exit, which is from level 2
 *
 * Context: preemption disabled, between l1t_account_write_*().
 */
void l1t_start_exit(struct l1t_account *acct, const struct kvm_vcpu *vcpu,
		    unsigned int slot)
{
	struct l1t_start *s = acct->start;

	if (!is_watched(s, slot))
		return;
	memcpy(s->open_parts_ticks, acct->open->parts_ticks, sizeof(s->open_parts_ticks));
	if (is_halt(slot))
		halted(acct, s, has_paging(vcpu));
	if (is_watched(s, slot))
		acct->cells[L1T_LEVEL2][slot] = NULL;
}

/**
 * l1t_start_look_for_port() - has the open exit used the port that ends a start
 * @acct: of the boot vCPU, which has a start
 * @vcpu: the vCPU, about to be entered
 *
 * Context: as for l1t_start_exit().
 */
void l1t_start_look_for_port(struct l1t_account *acct, const struct kvm_vcpu *vcpu)
{
	struct l1t_start *s = acct->start;

	if (s->port == L1T_NO_PORT || !acct->open || acct->open->key >= L1T_SLOTS ||
	    !is_io(acct->open->key))
		return;
	/* Accesses to KVM's own devices may not be recorded there: only the VMM's count. */
	if (vcpu->arch.pio.port == s->port && vcpu->arch.pio.size)
		end_start(acct, s);
}

/**
 * l1t_start_entry() - an unusual entry of the boot vCPU
 * @acct: the vCPU's account, which has a start
 * @vcpu: the vCPU
 * @cell: of the exit that has ended, or NULL
 * @now: l1t_ticks()
 *
 * Context: as for l1t_start_exit().
 */
void l1t_start_entry(struct l1t_account *acct, const struct kvm_vcpu *vcpu,
		     struct l1t_cell *cell, u64 now)
{
	struct l1t_start *s = acct->start;

	set_entered(s, now);
	if (has_paging(vcpu))
		set_paged(acct, s, now);
	if (cell && cell->key < L1T_SLOTS && is_watched(s, cell->key))
		cell->plain_ticks = 0;
}

/**
 * l1t_start_close() - the boot vCPU is being destroyed
 * @s: its start
 * @acct: its account, before l1t_account_close()
 * @vcpu: the vCPU, which no longer runs
 *
 * Context: l1t_lock held.
 */
void l1t_start_close(struct l1t_start *s, struct l1t_account *acct,
		     const struct kvm_vcpu *vcpu)
{
	/* The last exit may have used the port without an entry after it. */
	if (acct->start)
		l1t_start_look_for_port(acct, vcpu);
	acct->start = NULL;
	WRITE_ONCE(s->closed_ticks, l1t_ticks());
}
