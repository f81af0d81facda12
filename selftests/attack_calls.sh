#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A user with access to /dev/kvm alone lets so many threads of a VM wait in KVM's ioctls
# that the module cannot register one more vCPU, and runs that one: it must not escape
# max_exits_per_sec. Needs a clock that counts instructions and a kernel that can be preempted
# anywhere.
. "${0%/*}/lib.sh"

RATE=1000

# calls [forever|more]: the program of a user
calls()
{
	background calls timeout -s KILL 120 out_of_calls 1000 "$@"
	[ -z "$1" ] || within 60 said calls used_up
	case $1 in
	forever) sleep 1 && limit max_exits_per_sec $RATE ;;
	more) limit max_vcpus $(($(sed -n 's/^used_up.* vcpus=//p' "$TMP/calls") + 1)) ;;
	esac
	wait "$(pid calls)"
	status=$?
	sed 's/^/# /' "$TMP/calls"
	equal "exit status" 0 $status && said calls used_up=yes
}

# cpuids WHEN
cpuids()
{
	sed -n "s/^$1 cpuids=\([0-9]*\) .*/\1/p" "$TMP/calls"
}

# again WHEN
again()
{
	sed -n "s/^$1 .* again=//p" "$TMP/calls"
}

ktap_print_header
ktap_set_plan 7
open_kvm
load

before=$(value totals/unattributed)
calls && equal "EAGAIN" "no no" "$(again held) $(again free)" && [ "$(cpuids held)" -gt 10000 ] &&
	[ $(($(value totals/unattributed) - before)) -ge "$(cpuids held)" ]
result "without limits a vCPU that the module cannot register runs, and its exits count as unattributed"
within 30 has_guests 0

calls forever && equal "EAGAIN" yes "$(again held)"
result "a vCPU that the module cannot register leaves its guest when max_exits_per_sec is set"
within 30 has_guests 0
no_limits

# EAGAIN: there is room, but nothing to reserve it with.
calls more && said calls more=EAGAIN
result "16 threads that wait for 8 vCPUs leave room for one more under max_vcpus"
within 30 has_guests 0
no_limits

limit max_exits_per_sec $RATE
calls
result "with max_exits_per_sec 16 threads of a VM can wait in ioctls as without it"
equal "EAGAIN" yes "$(again held)" && equal "CPUIDs" 0 "$(cpuids held)"
result "a vCPU that cannot be paced does not run, and its VMM gets EAGAIN"
# In two seconds; a guest may take what arrives in 100 ms at once.
[ "$(cpuids free)" -gt $RATE ] && [ "$(cpuids free)" -lt $((RATE * 5 / 2)) ]
result "a vCPU that could not be paced runs at its pace when the 16 threads have left"
within 30 has_guests 0
check "usage is 0 after all vCPUs have ended" equal "usage" "0 0" "$(value usage/vms) $(value usage/vcpus)"
no_limits
unload
ktap_finished
