#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What a user learns of other users' guests: uevents contain no counts, and files
# with counts cannot be read.
#
#	root:   load, limits, guest, denial, audit, kill, unload
#	             │ uevents                     │ files
#	user:   listens: PID, guest, limit only    reads: usage and limits only
. "${0%/*}/lib.sh"

ALLOWED='ACTION DEVPATH SUBSYSTEM SEQNUM DEVTYPE EVENT LIMIT PID L2 HOOK STATE EFFECTIVE ACTION_TAKEN ERRNO'

# unexpected: prints variables that are not allowed
unexpected()
{
	tr ' ' '\n' < "$TMP/uevents" | sed -n 's/=.*//p' | sort -u | while read -r variable; do
		echo " $ALLOWED " | grep -q " $variable " || echo "$variable"
	done | xargs
}

# can_read FILE…: prints the files that an ordinary user can read
can_read()
{
	for file; do
		[ ! -e "$file" ] || ! as_user cat "$file" > /dev/null 2>&1 || echo "$file"
	done
}

ktap_print_header
ktap_set_plan 8

background uevents uevents "$TEST_UID"
wait_for said uevents listening
load
limit max_vms 3
limit max_vcpus_per_vm 1
echo 1 > $L1/audit/max_vms
limit max_exits_per_sec 1000
runs guest --hold cpuid=5000
answers vm vcpu:0 vcpu:1 vcpu:2 > /dev/null
answers vm vm vm vm > /dev/null
check "another user receives the uevent of a denial" wait_for said uevents 'ACTION_TAKEN=denied.*LIMIT=max_vms\|LIMIT=max_vms.*ACTION_TAKEN=denied'
check "another user receives the uevent of an exceeded audit threshold" wait_for said uevents ACTION_TAKEN=audited

files=$(ls $L1/totals/* $L1/denied/max_exits_per_sec $L1/would_deny/max_exits_per_sec)
check "another user cannot read totals and counts of pacing" equal "readable" "" "$(can_read $files | xargs)"
equal "readable" "" "$(can_read $CLASS/l2-1/*exits* $CLASS/l2-1/*_ns $CLASS/l2-1/stats $CLASS/l2-1/reasons $CLASS/l2-1/vcpu0/stats | grep -v created_ns | xargs)"
result "another user cannot read the exits, times and statistics of a guest"
[ -n "$(can_read $L1/usage/vms)" ] && [ -n "$(can_read $L1/limits/max_vms)" ]
result "another user may read usage and limits"
equal "readable" "" "$(can_read $L1/events | xargs)" && [ -e $L1/events ]
result "another user cannot read l1/events"

no_limits
let_go guest
wait_for said uevents 'ACTION=remove DEVPATH=[^ ]*/l2-1 ' && said uevents 'ACTION=add DEVPATH=[^ ]*/l2-1 '
result "another user receives the uevents of guests that start and end"
unload
wait_for said uevents 'ACTION=remove DEVPATH=[^ ]*/l1 '
ktap_print_msg "$(wc -l < "$TMP/uevents") uevents, unexpected variables: $(unexpected)"
check "no uevent has a count, a rate, a user or a name" equal "unexpected variables" "" "$(unexpected)"

let_go uevents
ktap_finished
