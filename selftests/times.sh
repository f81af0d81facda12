#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In any interval a vCPU's exit time plus guest time grows by the length of the
# interval, within 1 %, by the tool's clock, which is not the module's.
#
#	clock of l1tune stat:  |<──────────── interval ────────────>|
#	the vCPU's time:       | exit | guest | exit |  guest | exit|
#	sum of both:           |<──────── the same, to 1 % ────────>|
. "${0%/*}/lib.sh"

# near WHAT PERMILLE WANTED GOT
near()
{
	awk -v want="$3" -v got="$4" -v most="$2" 'BEGIN {
		off = (got - want) / want * 1000
		exit !(off <= most && -off <= most)
	}' && return
	ktap_print_msg "$1: wanted $3, got $4"
	return 1
}

# json_value KEY: its first value in $TMP/json
json_value()
{
	sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$TMP/json"
}

ktap_print_header
needs_steady_time
ktap_set_plan 4

load
start busy --forever cpuid=2000
start mixed --forever --order mixed cpuid=200 out=200 mmio=100 rdmsr=100
start halts --forever --period-us 2000 halt=20 cpuid=100
start ended --hold cpuid=100
wait_for said ended holding

for name in busy mixed halts ended; do
	wait_for has_guest $name
	l1tune stat $name -i 4 -c 1 --json | sed 's/.*"l2"//' > "$TMP/json"
	near "$name: exit time + guest time, ns" 10 "$(json_value interval_ns)" \
		$(($(json_value exit_time_ns) + $(json_value guest_time_ns)))
	result "guest $name: exit time and guest time add up to the elapsed time"
done
unload
ktap_finished
