# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What in the kernel's log of an L1 fails a test: for run_tests.sh there, and for l1/run, which also has the console's.

LOG_BAD='WARNING:|BUG:|BUG |Oops|general protection|Call Trace|unable to handle|possible (circular|recursive) locking|INFO: (task|rcu|possible|inconsistent|lockdep)|rcu.*(stall|self-detected)|hung task|blocked for more than|soft lockup|hard LOCKUP|UBSAN|KASAN|init-l[01]: error|Kernel panic|unreferenced object'

# What a stock kernel says while it boots on these machines, and means no harm:
# Bochs' CPU claims a firmware of a version known for its errata.
LOG_HARMLESS='\[Firmware Bug\]: TSC_DEADLINE disabled'

# The kernel tells of allocations that fail because the test fail_nth wants it, and of
# the guest that the OOM killer is to kill.
LOG_WANTED='/ Comm: fail_nth /,/<\/TASK>/d; /WARNING: .* event_define_fields/d; / die invoked oom-killer: /,/ memory: usage /d'

# A kernel with KCSAN has data races of its own. Of its reports, which stand
# between lines of equals signs, those that have the module in neither stack do
# not count; what an interrupt has interrupted is no part of its stack. Nor do those
# that any user of a work or of a sleep by a timer has: both accesses are of the
# kernel's own functions, to what the work or timer is queued by.
LOG_OWN_RACES='
BEGIN {
	one = "(drain_workqueue|process_one_work|worker_thread|queue_work_on|queue_delayed_work_on|try_to_grab_pending|__hrtimer_run_queues|hrtimer_active)"
	kernels = " in " one " / " one "$"
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
