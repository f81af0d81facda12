// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that runs a guest of its own, L3, enters it by an exit. KVM handles some of
 * L3's exits itself, and reflects the others to the vCPU's own hypervisor, which
 * handles them, with exits of its own, and enters L3 again:
 *
 *	L3 --exit--> KVM --> L2, its exits ... --VMRESUME--> KVM --> L3
 *	     |<------------------ a trip ------------------->|
 *
 * Nothing here runs at exits that KVM handles itself and after which the same level
 * continues.
 */
#include <linux/kvm_host.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "clock.h"
#include "l3.h"

#define CPUID_VMX	1
#define CPUID_SVM	0x80000001

/**
 * l1t_l3_offered() - does the vCPU's CPUID have VMX or SVM
 * @vcpu: handles an exit, so that the VMM cannot change its CPUID
 *
 * Context: the exit path, once per vCPU.
 * Return: L1T_OFFERED_YES or L1T_OFFERED_NO.
 */
enum l1t_offered l1t_l3_offered(const struct kvm_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e = vcpu->arch.cpuid_entries;
	int i;

	for (i = 0; e && i < vcpu->arch.cpuid_nent; i++)
		if ((e[i].function == CPUID_VMX && e[i].ecx & BIT(X86_FEATURE_VMX & 31)) ||
		    (e[i].function == CPUID_SVM && e[i].ecx & BIT(X86_FEATURE_SVM & 31)))
			return L1T_OFFERED_YES;
	return L1T_OFFERED_NO;
}

/**
 * l1t_l3_new() - allocate a vCPU's L3 statistics
 * @first: an entry that KVM refused earlier; none if its count is 0
 *
 * Context: the vCPU's thread, may sleep.
 * Return: the statistics or NULL.
 */
struct l1t_l3 *l1t_l3_new(const struct l1t_failed *first)
{
	struct l1t_l3 *l3 = kzalloc(sizeof(*l3), GFP_KERNEL_ACCOUNT);

	if (l3 && first->count)
		l3->failed[l3->nr_failed++] = *first;
	return l3;
}

/**
 * l1t_l3_entered() - L2 enters L3
 * @l3: of the vCPU
 * @vcpu: the vCPU
 * @now: l1t_ticks()
 */
void l1t_l3_entered(struct l1t_l3 *l3, const struct kvm_vcpu *vcpu, u64 now)
{
	struct l1t_trips *trip = l3->trip;

	l3->entered_ticks = now;
	l3->own_paging = vcpu->arch.mmu == &vcpu->arch.guest_mmu;
	if (!trip)
		return;
	trip->back++;
	trip->ticks += l1t_ticks_since(l3->trip_since_ticks, now);
	trip->l2_exits += vcpu->stat.exits - l3->trip_l2_exits;
	l3->trip = NULL;
}

static struct l1t_trips *trips_of(struct l1t_l3 *l3, u32 key)
{
	struct l1t_trips *t;

	for (t = l3->trips; t < l3->trips + l3->nr_trips; t++)
		if (t->key == key)
			return t;
	if (l3->nr_trips == L1T_L3_REASONS)
		return NULL;
	t->key = key;
	l3->nr_trips++;
	return t;
}

/**
 * l1t_l3_reflected() - KVM reflects an exit of L3 to L2
 * @l3: of the vCPU
 * @vcpu: the vCPU
 * @key: level and reason of the exit, see l1t_key()
 * @since_ticks: when it began
 */
void l1t_l3_reflected(struct l1t_l3 *l3, const struct kvm_vcpu *vcpu, u32 key,
		      u64 since_ticks)
{
	l3->trip = trips_of(l3, key);
	if (!l3->trip)
		return;
	l3->trip->reflected++;
	l3->trip_since_ticks = since_ticks;
	l3->trip_l2_exits = vcpu->stat.exits;
}

/*
 * KVM's messages, one after the other, copied because KVM may be unloaded. The
 * first is used for those that do not fit. The size is more than all messages of
 * one KVM take, so that no guest can use up the space for another's.
 */
static char messages[SZ_16K] = "other";
static unsigned int messages_end = sizeof("other");
static DEFINE_RAW_SPINLOCK(messages_lock);

static unsigned int find_message(const char *message)
{
	unsigned int at = 0;

	while (at < messages_end &&
	       strncmp(messages + at, message, L1T_L3_MESSAGE_BYTES - 1))
		at += strlen(messages + at) + 1;
	return at;
}

/**
 * l1t_l3_message_place() - record one of KVM's messages
 * @message: a string of KVM's
 *
 * Context: any but an interrupt.
 * Return: its place, for l1t_l3_message(); 0 if there is no space for it.
 */
u32 l1t_l3_message_place(const char *message)
{
	unsigned int len = strnlen(message, L1T_L3_MESSAGE_BYTES - 1), at;

	raw_spin_lock(&messages_lock);
	at = find_message(message);
	if (at == messages_end) {
		if (at + len < sizeof(messages)) {
			/* The place is published only after this. */
			memcpy(messages + at, message, len);
			messages_end += len + 1;
		} else {
			at = 0;
		}
	}
	raw_spin_unlock(&messages_lock);
	return at;
}

/**
 * l1t_l3_message() - one of KVM's messages
 * @place: from a struct l1t_failed
 *
 * Return: the message; "other" for place 0.
 */
const char *l1t_l3_message(u32 place)
{
	return messages + place;
}

static struct l1t_failed *failed_of(struct l1t_l3 *l3, u32 message, u32 error)
{
	struct l1t_failed *f;

	for (f = l3->failed; f < l3->failed + l3->nr_failed; f++)
		if (f->message == message && f->error == error)
			return f;
	if (l3->nr_failed == L1T_L3_FAILED)
		return NULL;
	f->message = message;
	f->error = error;
	l3->nr_failed++;
	return f;
}

/**
 * l1t_l3_failed() - KVM refuses an entry into L3
 * @l3: of the vCPU
 * @message: place of KVM's message
 * @error: passed with it
 */
void l1t_l3_failed(struct l1t_l3 *l3, u32 message, u32 error)
{
	struct l1t_failed *f = failed_of(l3, message, error);

	if (f)
		f->count++;
}
