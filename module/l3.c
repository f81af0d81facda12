// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that runs a guest of its own, L3, enters it with an exit. Of L3's exits
 * KVM handles some itself; the others it leaves to the vCPU's own hypervisor, which
 * handles them, with exits of its own, and enters L3 again:
 *
 *	L3 --exit--> KVM --> L2, its exits ... --VMRESUME--> KVM --> L3
 *	     |<------------------ a trip ------------------->|
 *
 * Nothing here is on the way of an exit that KVM handles and after which the guest
 * of the same level goes on.
 */
#include <linux/kvm_host.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "clock.h"
#include "l3.h"

/* Does the guest's CPUID have VMX or SVM? */

#define CPUID_VMX	1
#define CPUID_SVM	0x80000001

/**
 * l1t_l3_offered() - does the VMM offer a vCPU VMX or SVM
 * @vcpu: in an exit, so that the VMM cannot change that
 *
 * Context: the exit path, once a vCPU.
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
 * l1t_l3_new() - memory for what is known of a vCPU's L3
 * @first: an entry that KVM has refused before, or none (its count is 0)
 *
 * Context: the vCPU's thread, may sleep. Return: that, or NULL.
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
 * @now: by l1t_ticks()
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
 * l1t_l3_reflected() - KVM leaves an exit of L3 to L2
 * @l3: of the vCPU
 * @vcpu: the vCPU
 * @key: level and reason of the exit, see l1t_key()
 * @since_ticks: when it was
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
 * KVM's messages, one after the other; the first is for those that find no room.
 * They are copied, as KVM may go. The size is more than all of one KVM take, so
 * that no guest can use up the room for another's.
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
 * l1t_l3_message_place() - the place of one of KVM's messages
 * @message: a string of KVM's
 *
 * Context: any. Return: for l1t_l3_message(); 0 if there is no room for it.
 */
u32 l1t_l3_message_place(const char *message)
{
	unsigned int len = strnlen(message, L1T_L3_MESSAGE_BYTES - 1), at;

	raw_spin_lock(&messages_lock);
	at = find_message(message);
	if (at == messages_end) {
		if (at + len < sizeof(messages)) {
			/* A reader has the place from what is written after this. */
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
 * @place: of it, from a struct l1t_failed
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
 * @error: that came with it
 */
void l1t_l3_failed(struct l1t_l3 *l3, u32 message, u32 error)
{
	struct l1t_failed *f = failed_of(l3, message, error);

	if (f)
		f->count++;
}
