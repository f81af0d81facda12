/* SPDX-License-Identifier: GPL-2.0 */
/* Our own tracepoints: l1tune:l1tune_deny and l1tune:l1tune_throttle. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM l1tune

#if !defined(L1TUNE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define L1TUNE_TRACE_H

#include <linux/tracepoint.h>

#include "limit.h"
#include "tenant.h"

TRACE_EVENT(l1tune_deny,
	TP_PROTO(const struct l1t_exceeded *what),
	TP_ARGS(what),
	TP_STRUCT__entry(
		__field(unsigned int, limit)
		__field(bool, audited)
		__field(u64, value)
		__field(u64, use)
		__field(int, err)
		__field(u64, l2)
		__field(u64, tenant)
		__field(pid_t, tgid)
		__field(uid_t, uid)
		__array(char, comm, TASK_COMM_LEN)
	),
	TP_fast_assign(
		__entry->limit = what->limit;
		__entry->audited = what->bound == L1T_BOUND_AUDIT;
		__entry->value = what->value;
		__entry->use = what->use;
		__entry->err = what->err;
		__entry->l2 = what->guest_id;
		__entry->tenant = what->tenant ? what->tenant->id : 0;
		__entry->tgid = what->pid;
		__entry->uid = what->uid;
		memcpy(__entry->comm, what->comm, TASK_COMM_LEN);
	),
	TP_printk("limit=%s %s value=%llu use=%llu err=%d l2=%llu tenant=%llu tgid=%d uid=%u comm=%s",
		  __print_symbolic(__entry->limit,
				   { L1T_MAX_VMS, "max_vms" },
				   { L1T_MAX_VMS_PER_USER, "max_vms_per_user" },
				   { L1T_MAX_VCPUS, "max_vcpus" },
				   { L1T_MAX_VCPUS_PER_VM, "max_vcpus_per_vm" },
				   { L1T_MAX_MEMORY, "max_memory_bytes" },
				   { L1T_MAX_MEMORY_PER_VM, "max_memory_per_vm_bytes" },
				   { L1T_MAX_NESTED_VMS, "max_nested_vms" },
				   { L1T_MAX_EXITS_PER_SEC, "max_exits_per_sec" },
				   { L1T_MAX_VMS_PER_SEC, "max_vms_per_sec" }),
		  __entry->audited ? "audited" : "denied", __entry->value,
		  __entry->use, __entry->err, __entry->l2,
		  __entry->tenant, __entry->tgid, __entry->uid,
		  __entry->comm)
);

TRACE_EVENT(l1tune_throttle,
	TP_PROTO(u64 l2, u32 vcpu, u64 rate, u64 slept_ns),
	TP_ARGS(l2, vcpu, rate, slept_ns),
	TP_STRUCT__entry(
		__field(u64, l2)
		__field(u32, vcpu)
		__field(u64, rate)
		__field(u64, slept_ns)
	),
	TP_fast_assign(
		__entry->l2 = l2;
		__entry->vcpu = vcpu;
		__entry->rate = rate;
		__entry->slept_ns = slept_ns;
	),
	TP_printk("l2=%llu vcpu=%u rate=%llu slept_ns=%llu", __entry->l2,
		  __entry->vcpu, __entry->rate, __entry->slept_ns)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
