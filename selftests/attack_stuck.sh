#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A vCPU's thread waits in mid-exit for a page that is never filled, and another
# thread in KVM waits for the vCPU. The module still unloads, the guest continues
# when the page is filled, and limits are enforced while the module is loaded.
#
#	vCPU:   exit ── KVM touches a page ── waits for userfaultfd ─────┐
#	slot:   KVM_SET_USER_MEMORY_REGION waits for the vCPU (SRCU)     │
#	rmmod:  ─────── returns ── modprobe ── finds the guest ──────────┤
#	page:                                                    filled ─┘ the guest continues
. "${0%/*}/lib.sh"

MOST_SECONDS=20

# unload_cs: how long rmmod takes with no stuck thread, in hundredths of a second:
# grace periods, which are longer on a busy machine
unload_cs()
{
	load
	start usual --hold cpuid=10
	limit max_memory_bytes 1G
	start_cs=$(uptime_cs)
	unload
	echo $(($(uptime_cs) - start_cs))
	kill_vmms
}

# where NAME: prints its threads and their kernel stacks
where()
{
	for thread in "/proc/$(pid "$1")/task"/*; do
		echo "$(basename "$thread") $(sed 's/+0x.*//' "$thread/stack" | xargs)"
	done
}

is_stuck()
{
	where stuck | grep -q handle_userfault
}

unload_in_background()
{
	rm -f "$TMP/unloaded"
	start_cs=$(uptime_cs)
	{
		rmmod l1tune && echo $(($(uptime_cs) - start_cs)) > "$TMP/took" && touch "$TMP/unloaded"
	} &
	unloader=$!
}

unloaded()
{
	[ -e "$TMP/unloaded" ]
}

# Releases the module for the tests that follow.
release()
{
	unloaded && return
	let_go stuck
	wait $unloader
}

went_on()
{
	said stuck 'clock 2' && { [ "$how" != slot ] || said stuck 'slot ok'; }
}

# try WHAT [slot|later]: tests unloading with such a guest; the module is set up already
try()
{
	what=$1
	how=$2
	# shellcheck disable=SC2086 # no word if empty
	background stuck stuck 65534 $how
	within $MOST_SECONDS said stuck stuck && is_stuck
	result "$what: a vCPU waits in mid-exit for a page"
	before=$(where stuck)
	unload_in_background
	if [ "$how" = slot ] && srcu_spins; then
		within $((4 * unload_seconds)) unloaded
		result "$what: rmmod returns within 8 s, or eight times its usual time, on this kernel with a busy SRCU worker"
	else
		within $unload_seconds unloaded
		result "$what: rmmod returns within 2 s, or twice its usual time"
	fi
	if unloaded; then
		ktap_print_msg "rmmod took $(cat "$TMP/took") cs"
		check "$what: after rmmod the VMM's threads wait in the same place" equal "threads" "$before" "$(where stuck)"
		load && wait_for has_guests 1
		result "$what: the module loads again and finds the guest"
		kill -USR1 "$(pid stuck)"
		wait_for went_on && exits_grow "$(guest_of stuck)"
		result "$what: the guest continues when the page is filled"
		let_go stuck
		wait_for has_guests 0
		unload
	else
		release
		for after in "the VMM's threads wait in the same place" "the module loads again" "the guest continues"; do
			ktap_test_fail "$what: $after: not tested because rmmod hangs"
		done
	fi
}

ktap_print_header
ktap_set_plan 27
allow_users
usual_cs=$(unload_cs)
unload_seconds=$((usual_cs > 100 ? usual_cs / 50 : 2))
ktap_print_msg "with nothing stuck rmmod takes $usual_cs cs"

load
try "no limit"

load
limit max_exits_per_sec 1
try "a pace of one exit a second"

# In one of the two the stuck exit is the one that exceeds the pace.
load
limit max_exits_per_sec 1
try "a pace of one exit a second, one exit later" later

load
echo 1 > $L1/audit/max_memory_bytes
try "an audited memory limit, and a slot that waits" slot

load
limit max_memory_bytes 1G
limit max_vms 1
background stuck stuck 65534 slot
within $MOST_SECONDS said stuck stuck
check "max_vms is enforced while a vCPU is stuck and a slot waits for it" asks "EDQUOT" vm
limit max_vms max
check "max_memory_bytes is enforced while a vCPU is stuck and a slot waits for it" asks "ok ok EDQUOT" vm slot:0:4M slot:1:1G
let_go stuck
wait_for has_guests 0

try "a memory limit, and a slot that waits" slot

ktap_finished
