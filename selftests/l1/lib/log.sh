# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The kernel's log of a run is part of its result.

LOG_BAD='WARNING:|BUG:|BUG |Oops|general protection|Call Trace|unable to handle|possible (circular|recursive) locking|INFO: (task|rcu|possible|inconsistent|lockdep)|rcu.*(stall|self-detected)|hung task|blocked for more than|soft lockup|hard LOCKUP|kmemleak: [0-9]+ new|UBSAN|KASAN|init-l[01]: error|Kernel panic|unreferenced object'

# What a stock kernel says while it boots on these machines, and means no harm:
# Bochs' CPU claims a firmware of a version known for its errata.
LOG_HARMLESS='\[Firmware Bug\]: TSC_DEADLINE disabled'

# The kernel tells of allocations that fail because the test fail_nth wants it.
LOG_WANTED='/ Comm: fail_nth /,/<\/TASK>/d; /WARNING: .* event_define_fields/d'

# bad_log_lines FILE…
bad_log_lines()
{
	cat -- "$@" | tr -d '\r' | sed "$LOG_WANTED" | grep -aE "$LOG_BAD" | grep -avE "$LOG_HARMLESS" | awk '!seen[$0]++' || true
}
