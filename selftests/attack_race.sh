#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A user with access to /dev/kvm alone runs a vCPU before its creation has returned,
# also where the module cannot know any vCPU. Needs two CPUs.
#
#	thread 1:  KVM_CREATE_VCPU ──────────────────────────> returns
#	thread 2:        guesses the descriptor, KVM_RUN ──> exits
. "${0%/*}/lib.sh"

ROUNDS=${RACE_ROUNDS:-1000}

# races ROUNDS: most rounds have to win the race
races()
{
	background race timeout -s KILL 1200 early_run "$1"
	wait "$(pid race)"
	status=$?
	ktap_print_msg "status $status: $(tail -n 1 "$TMP/race")"
	[ $status -eq 0 ] && [ "$(tail -n 1 "$TMP/race" | awk '{ print $4 }')" -gt $(($1 / 2)) ]
}

# KCSAN's reports begin with BUG as well. run_tests judges those, which can be the kernel's own.
no_oops()
{
	! dmesg | grep -v 'BUG: KCSAN: ' | grep -qE 'Oops|BUG:'
}

ktap_print_header
needs_cpus 2
ktap_set_plan 4

load
races $ROUNDS
result "$ROUNDS vCPUs that run before KVM_CREATE_VCPU returns cause no failure"

if no_oops; then
	unload
	borrow /proc/sys/kernel/ftrace_enabled 0
	load
	check "with ftrace disabled the hooks that need it are unavailable" equal "hook" unavailable "$(value hooks/vcpu_create)"
	spin cr0 1 > "$TMP/spin" && grep -q 'rounds [1-9]' "$TMP/spin"
	result "exits for reason 0 of a vCPU unknown to the module cause no failure"
	races 200
	result "without ftrace vCPUs that run before KVM_CREATE_VCPU returns cause no failure"
	unload
	give_back
else
	for what in "hooks that need ftrace" "exits for reason 0" "unknown vCPUs"; do
		ktap_test_fail "$what: not tested because of an earlier oops"
	done
fi

ktap_finished
