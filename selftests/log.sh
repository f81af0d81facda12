# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Lines in the kernel log that fail a test: for run_tests.sh in an L1, and for l1/run,
# which also has the console's log.

LOG_BAD='WARNING:|BUG:|BUG |Oops|general protection|Call Trace|unable to handle|possible (circular|recursive) locking|INFO: (task|rcu|possible|inconsistent|lockdep)|rcu.*(stall|self-detected)|hung task|blocked for more than|soft lockup|hard LOCKUP|UBSAN|KASAN|init-l[01]: error|Kernel panic|unreferenced object'

# Harmless messages of a stock kernel that boots on these machines: Bochs' CPU has a
# microcode version with known errata.
LOG_HARMLESS='\[Firmware Bug\]: TSC_DEADLINE disabled'

# Expected reports: allocations that the program fail_nth fails on purpose, and the
# guest that the OOM killer is meant to kill.
LOG_WANTED='/ Comm: fail_nth /,/<\/TASK>/d; /WARNING: .* event_define_fields/d; / die invoked oom-killer: /,/ memory: usage /d'

# KCSAN also reports data races of the kernel itself, between lines of equals signs.
# Reports without the module in either stack do not count; the part of a stack that an
# interrupt interrupted is ignored. Nor do races that any user of a work item, of a timer's
# sleep or of the clock has: both accesses are by the kernel's own functions, to the work or
# timer, or the clock was updated while it was read, which its sequence count tells.
LOG_OWN_RACES='
BEGIN {
	one = "(drain_workqueue|move_linked_works|process_one_work|worker_thread|queue_work_on|queue_delayed_work_on|try_to_grab_pending|__hrtimer_run_queues|hrtimer_active)"
	kernels = " in " one " / " one "$| in ktime_get_mono_fast_ns\\+[^ ]*$"
}
function tell(  i) {
	for (i = 0; i < held; i++)
		if (ours && !usual || lines[i] !~ /BUG: KCSAN: /)
			print lines[i]
	held = ours = usual = report = interrupted = 0
}
/====================/ {
	ends = report
	if (!ends)
		tell()
	lines[held++] = $0
	if (ends)
		tell()
	next
}
held == 1 { report = /BUG: KCSAN: /; usual = $0 ~ kernels }
!report { tell(); print; next }
/(read|write).* to 0x/ { interrupted = 0 }
/ asm_[a-z_]*\+0x/ { interrupted = 1 }
/\+0x.* \[l1tune\]/ && !interrupted { ours = 1 }
{ lines[held++] = $0 }
END { tell() }'

# bad_log_lines FILE…
bad_log_lines()
{
	cat -- "$@" | tr -d '\r' | sed "$LOG_WANTED" | awk "$LOG_OWN_RACES" | grep -aE "$LOG_BAD" | grep -avE "$LOG_HARMLESS" | awk '!seen[$0]++' || true
}
