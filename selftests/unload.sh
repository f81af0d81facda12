#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The module is loaded and unloaded twenty times, or UNLOAD_ROUNDS, while guests run under
# load, start and end, and while readers have its files open.
. "${0%/*}/lib.sh"

ROUNDS=${UNLOAD_ROUNDS:-20}

ktap_print_header
ktap_set_plan 4

start busy --vcpus 2 --forever cpuid=500 out=50 mmio=50
start churn --churn 100000 cpuid=5
wait_for said busy vcpus

# Reads all files until stopped.
while [ ! -e "$TMP/stop" ]; do
	cat $CLASS/l1/totals/* $CLASS/l2-*/* $CLASS/l2-*/vcpu*/stats
done > /dev/null 2>&1 &
reader=$!

failed=0
found=0
round=0
while [ $round -lt $ROUNDS ]; do
	round=$((round + 1))
	load_module || failed=$((failed + 1))
	wait_for has_guest busy && found=$((found + 1))
	rmmod l1tune || failed=$((failed + 1))
done
touch "$TMP/stop"
wait $reader

check "the module loads and unloads $ROUNDS times while guests run" equal "failed loads and unloads" 0 "$failed"
check "the module finds the running guest after each of $ROUNDS loads" equal "times the guest was found" $ROUNDS "$found"

kill -0 "$(pid busy)" && kill -TERM "$(pid busy)" && finish busy
result "a guest continues and ends without an error while the module is loaded and unloaded"
let_go churn

[ ! -e $CLASS ] && ! grep -qF '[l1tune]' /proc/kallsyms
result "no sysfs file and no symbol of the module is left after the last unload"

ktap_finished
