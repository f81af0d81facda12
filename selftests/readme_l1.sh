#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The part of selftests/readme that runs in L1: sessions in docs/ on limits, the
# configuration, tuning and Prometheus, with guests like those shown there.
. "${0%/*}/lib.sh"

session()
{
	printf '# %s\n' "$1"
	sh -c "$1" 2>&1
}

load
start first --hold cpuid=10
start second --vcpus 2 --hold cpuid=10
wait_for has_held first
wait_for has_held second
session "l1tune limits audit.max_vcpus_per_vm=1 max_vms=3 max_memory_bytes=8M"
l1tune events > "$TMP/events" 2>&1 &
events=$!
sleep 1
# Its memory is denied, so it ends before it is shown.
start third --vcpus 2 --hold cpuid=10
wait "$(pid third)"
session "l1tune limits"
sleep 1
echo "# l1tune events"
kill $events
cat "$TMP/events"
no_limits
kill_guests

printf '%s\n' '# of this machine' 'max_vm = 20' 'max_memory_bytes = 200G' > /etc/l1tune.conf
session "l1tune apply --check"
session "sed -i 's/max_vm\\>/max_vms/' /etc/l1tune.conf"
session "l1tune apply --check"

session "l1tune tune"
start web --forever --spin-user-us 300 out=40 mmio=10
start db --forever --period-us 500 halt=10
start idle --forever --period-us 500000 halt=1
sleep 1
session "l1tune advise -i 5"
session "l1tune try halt_poll_ns=2000000 --l2 db --for 5"
kill_guests

mkdir -p /var/lib/prometheus/node-exporter
start web --hold cpuid=60000 hlt=1001 out=20000 l3=500
within 60 has_held web
session "l1tune export --textfile /var/lib/prometheus/node-exporter"
session "grep 'exits_total{guest=\"web\"' /var/lib/prometheus/node-exporter/l1tune.prom"
kill_guests
unload
