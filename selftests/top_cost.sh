#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What l1tune top costs this machine: less than 1 % of one CPU with 50 guests at
# an interval of 1 s. Wants deterministic time: there a CPU executes 1e9
# instructions a second on SVM and 3.5e9 on VMX.
. "${0%/*}/lib.sh"

GUESTS=50
SECONDS_MEASURED=20

# cpu_ns PID: time on a CPU, by the scheduler
cpu_ns()
{
	cut -d' ' -f1 "/proc/$1/schedstat"
}

now_ns()
{
	awk '{ printf "%.0f", $1 * 1e9 }' /proc/uptime
}

all_run()
{
	[ "$(cat "$CLASS"/l2-*/exits | awk '$1 > 50' | wc -l)" = $GUESTS ]
}

ktap_print_header
ktap_set_plan 2

load
for i in $(seq $GUESTS); do
	start "g$i" --forever --order mixed --period-us 200000 halt=2 out=4 mmio=2 cpuid=6 rdmsr=4 vmcall=2 ept=1
done
within 240 all_run || ktap_exit_fail_msg "$GUESTS guests do not get going: $(nr_guests) are there"

# A terminal at which nobody types.
sleep 10000 | TERM=linux script -qec 'stty rows 24 cols 80; exec l1tune top -d 1' "$TMP/screen" > /dev/null 2>&1 &
wait_for pidof l1tune > /dev/null || ktap_exit_fail_msg "top does not run: $(head -c 500 "$TMP/screen")"
top=$(pidof l1tune)
sleep 5
cpu=$(cpu_ns "$top")
start=$(now_ns)
sleep $SECONDS_MEASURED
cpu=$(($(cpu_ns "$top") - cpu))
elapsed=$(($(now_ns) - start))
kill "$top"
wait_for test ! -e "/proc/$top"
killall -q sleep

grep -q "$GUESTS guests, $GUESTS vCPUs" "$TMP/screen"
result "top shows $GUESTS guests"
ktap_print_msg "$((cpu / 1000)) us of $((elapsed / 1000)) us, $(awk "BEGIN { printf \"%.2f\", $cpu / $elapsed * 100 }") % of a CPU; an interval $((cpu / SECONDS_MEASURED / 1000)) us"
[ "$cpu" -gt 0 ] && [ $((cpu * 100)) -lt "$elapsed" ]
result "it takes less than 1 % of a CPU"

kill_guests
unload
ktap_finished
