#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Not a test: prints twelve exports of two busy guests, a second apart, for
# selftests/prometheus to replay. Before the seventh a third guest is denied.
. "${0%/*}/lib.sh"

load
limit max_vms 2
limit max_memory_bytes 64G
echo 32G > "$L1/audit/max_memory_bytes"
echo 1 > "$L1/audit/max_vcpus"
start web --vcpus 1 --forever cpuid=200 out=50 halt=5 ept=10
start lab --vcpus 1 --forever l3=20 l3out=5
wait_for has_guests 2
mkdir "$TMP/textfile"
step=1
while [ $step -le 12 ]; do
	[ $step -ne 7 ] || asks EDQUOT vm || exit 1
	sleep 1
	l1tune export --textfile "$TMP/textfile" || exit 1
	printf 'export %02d\n' $step
	cat "$TMP/textfile/l1tune.prom"
	step=$((step + 1))
done
kill_guests
no_limits
rmmod l1tune
