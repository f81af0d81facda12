#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# l1tune watch --hang finds no hang where there is none, for CHAOS_SECONDS (60), and then
# the same watcher finds one that is real.
#
#	guest			why its vCPUs do not exit for a while
#	short			they run and end, or are killed
#	busy			four of them and others wait for two CPUs, which go offline
#	idle			a halt of ten minutes
#	paced			one exit a second is allowed; it has one vCPU, because the VMM
#				lets the others of a guest wait for one, which is a hang
#	stuck, at the end	a page that userfaultfd never fills: the only hang
. "${0%/*}/lib.sh"
. "$HERE/chaos_lib.sh"

DURATION=${CHAOS_SECONDS:-60}
ACTIVITIES="guests readers cpus"
HANG_S=10

hangs()
{
	grep '"event":"hang"' "$TMP/watched"
}

# The first of them, for whoever looks why.
no_hang()
{
	! hangs | cut -c 1-400 | sed 's/^/# /' | grep -m 5 .
}

only_stuck()
{
	hangs | grep -q "\"pid\":$(pid stuck),"
}

ktap_print_header
needs_disposable "CPUs are offlined at random"
ktap_set_plan 4
load

runs busy --vcpus 4 --forever cpuid=100 out=20 mmio=5 halt=1
runs idle --forever --period-us 600000000 cpuid=1 halt=1
runs paced --forever cpuid=1000
echo 1 > "$(guest_of paced)/limits/max_exits_per_sec"
background watched l1tune watch --json --hang ${HANG_S}s
chaos "$DURATION" came_round
check "each activity ran its minimum number of rounds" ran_all
check "no vCPU is reported to hang" no_hang

background stuck stuck 0
wait_for said stuck stuck
check "the watcher that ran during the chaos reports a vCPU that is stuck after it" within $((3 * HANG_S)) only_stuck
kill -TERM "$(pid watched)"
wait "$(pid watched)"
check "watch --hang prints a summary when it is terminated" grep -q '"event":"summary"' "$TMP/watched"
kill_guests
unload

ktap_finished
