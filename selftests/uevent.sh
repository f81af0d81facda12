#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests start and end: uevents, which reach every user, name the guest and its process;
# l1/events, which only root can read, also has the user, the name and the final counts.
. "${0%/*}/lib.sh"

# uevent ACTION L2: prints the variables of that guest's uevent, one per line
uevent()
{
	grep "ACTION=$1 " "$TMP/uevents" | grep "DEVPATH=[^ ]*/l1tune/$2 " | tr ' ' '\n'
}

# told ACTION L2
told()
{
	[ -n "$(uevent "$1" "$2")" ]
}

# variable ACTION L2 NAME
variable()
{
	uevent "$1" "$2" | sed -n "s/^$3=//p"
}

# event ACTION L2: prints its line of l1/events
event()
{
	grep -w "ACTION=$1" $L1/events | grep -w "L2=$2"
}

# detail ACTION L2 NAME
detail()
{
	event "$1" "$2" | sed -n "s/.* $3=\([^ ]*\).*/\1/p"
}

# identity ACTION L2
identity()
{
	printf '%s\n' "$(detail "$1" "$2" PID) $(detail "$1" "$2" UID) $(detail "$1" "$2" COMM)"
}

# secrets: prints variables that a uevent must not have
secrets()
{
	grep -E '^(UID|COMM|EXITS|COUNT|VALUE|USE)=|_NS='
}

ktap_print_header
ktap_set_plan 9

background uevents uevents "$TEST_UID"
wait_for said uevents listening
load

open_kvm
chmod 755 "$TMP"
cp "$(command -v vmm)" "$TMP/a
b"
background one unprivileged "uid:$TEST_UID" "$TMP/a
b" --vcpus 2 --hold --spin-user-us 1000 cpuid=500 out=100
within 30 said one holding
within 30 told add l2-1
equal "PID" "$(pid one)" "$(variable add l2-1 PID)" && equal "secrets" "" "$(uevent add l2-1 | secrets)"
result "the uevent of a new guest has its PID, but no user, name or count"
wait_for event add l2-1 > "$TMP/line" && equal "PID, UID and COMM" "$(pid one) $TEST_UID a\\nb" "$(identity add l2-1)"
result "l1/events has the user and the escaped name of a new guest"

as_user cat $CLASS/l2-1/uevent > "$TMP/read" &&
	equal "PID read" "$(pid one)" "$(sed -n 's/^PID=//p' "$TMP/read")" && equal "secrets read" "" "$(secrets < "$TMP/read")"
result "the world-readable file uevent has the PID, but no user, name or count"

exits=$(kvm_exits one)
kill -KILL "$(pid one)"
within 30 told remove l2-1
equal "PID" "$(pid one)" "$(variable remove l2-1 PID)" && equal "secrets" "" "$(uevent remove l2-1 | secrets)"
result "the uevent of a guest that ended has its PID, but no user, name or count"
wait_for event remove l2-1 > "$TMP/line" && equal "PID, UID and COMM" "$(pid one) $TEST_UID a\\nb" "$(identity remove l2-1)"
result "l1/events has the PID, user and name of a guest that ended"

check "l1/events has KVM's own count of exits of a guest that ended" equal "EXITS" "$exits" "$(detail remove l2-1 EXITS)"

# Totals are at most 100 ms old.
pause_ms 200
bad=0
for name in exit_time_ns guest_time_ns kernel_time_ns vmm_time_ns vmm_sleep_time_ns halted_time_ns blocked_time_ns \
	runq_time_ns throttled_time_ns; do
	equal $name "$(value totals/$name)" "$(detail remove l2-1 "$(echo $name | tr a-z A-Z)")" || bad=1
done
# Two vCPUs spin 100 times for 1 ms each; then the VMM sleeps.
vmm=$(detail remove l2-1 VMM_TIME_NS)
[ $bad = 0 ] && [ "$vmm" -ge 190000000 ] && [ "$(detail remove l2-1 VMM_SLEEP_TIME_NS)" -gt 0 ]
result "l1/events has the times of a guest that ended, equal to the totals"

# VMMs create VMs only to query KVM. None of these lives for a quarter of a second.
for name in first second third; do
	background $name creates 2
done
ended=0
for name in first second third; do
	wait "$(pid $name)" && ended=$((ended + 1))
done
[ $ended = 3 ] && equal "creators without VMs" "" "$(cd "$TMP" && grep -l 'created=0 ' first second third)" &&
	equal "guests in sysfs" "" "$(sed -n 's/.*ACTION=add DEVPATH=[^ ]*\/l1tune\/\(l2-[0-9]*\) .*/\1/p' "$TMP/uevents" | grep -vx l2-1)"
result "VMs that are closed at once are never shown"

start two --hold cpuid=10
wait_for has_guest two
two=$(guest_of two)
two=${two##*/}
within 30 told add "$two"
unload
within 30 told remove "$two"
check "unloading the module sends a remove uevent for each guest" equal "PID" "$(pid two)" "$(variable remove "$two" PID)"

ktap_finished
