#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Idle and healthy guests for ten minutes: there is nothing to advise. Needs
# deterministic time (SVM with --icount), in which idle time passes at once.
. "${0%/*}/lib.sh"

MINUTES=10

# silent SECONDS GUEST…: whether nothing is advised
silent()
{
	seconds=$1
	shift
	l1tune advise -i "$seconds" "$@" > "$TMP/advice" && grep -q '^nothing worth changing' "$TMP/advice" && return
	sed 's/^/# /' "$TMP/advice"
	return 1
}

# at_pace NAME MOST: whether a guest has exited since, at most MOST times a second
at_pace()
{
	exits=$(($(kvm_exits "$1") - $(cat "$TMP/before_$1")))
	ktap_print_msg "$1: $exits exits in $MINUTES minutes"
	[ $exits -gt 0 ] && [ $exits -le $(($2 * MINUTES * 60)) ]
}

GUESTS="idle ticking serves paused"

ktap_print_header
ktap_set_plan $((MINUTES + 4))

load
runs idle --forever --period-us 400000 halt=10
runs ticking --forever --period-us 10000 halt=100
runs serves --forever --ioeventfd --period-us 20000 halt=10 out=10
runs paused --forever --period-us 10000 halt=1
stop paused
for guest in $GUESTS; do
	kvm_exits "$guest" > "$TMP/before_$guest"
done

minute=1
while [ $minute -le $MINUTES ]; do
	# shellcheck disable=SC2086 # several guests
	check "minute $minute: advise is silent on $GUESTS" silent 60
	minute=$((minute + 1))
done
at_pace idle 10 && at_pace ticking 500 && at_pace serves 1000
result "running guests had exits, and no more than they were built for"
check "a stopped guest had no exits" equal "exits" "$(cat "$TMP/before_paused")" "$(kvm_exits paused)"
kill_guests
wait_for has_guests 0

background alone spin busy 1000000
wait_for has_guest alone && wait_for has_exits "$(guest_of alone)"
check "advise is silent on a busy guest with a CPU of its own" silent 10
end alone

# A guest that needs advice, so that silence means something.
start busy --forever --spin-user-us 100 out=10
wait_for has_guest busy && wait_for has_exits "$(guest_of busy)"
! silent 1 > "$TMP/said" && grep -q '(unknown-device)$' "$TMP/advice"
result "advise is not silent on a guest that is busy with a device"
end busy

unload
ktap_finished
