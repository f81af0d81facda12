#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The cost of l1tune top: less than 1 % of one CPU with 50 guests at an interval of 1 s.
# That is 10 million instructions on a CPU with 1e9 instructions a second, which is slower
# than any CPU with VMX or SVM. Needs deterministic time, in which an instruction is a
# tick.
. "${0%/*}/lib.sh"

GUESTS=50
SECONDS_MEASURED=20
MOST=10000000

# cpu_ns PID: time on a CPU, by the scheduler
cpu_ns()
{
	cut -d' ' -f1 "/proc/$1/schedstat"
}

# instructions NS
instructions()
{
	awk -v ns="$1" '/^cpu MHz/ { printf "%.0f\n", ns * $4 / 1000; exit }' /proc/cpuinfo
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
within 240 all_run || ktap_exit_fail_msg "only $(nr_guests) of $GUESTS guests are running"

# A terminal without input.
mkfifo "$TMP/keys"
TERM=linux script -qec 'stty rows 24 cols 80; echo $$ > "$L1TUNE_TEST/top"; exec l1tune top -d 1' "$TMP/screen" <> "$TMP/keys" > /dev/null 2>&1 &
wait_for grep -qs "$GUESTS guests" "$TMP/screen" || ktap_exit_fail_msg "top does not run: $(head -c 500 "$TMP/screen")"
top=$(cat "$TMP/top")
sleep 5
cpu=$(cpu_ns "$top")
sleep $SECONDS_MEASURED
cpu=$(($(cpu_ns "$top") - cpu))
kill "$top"
wait_for test ! -e "/proc/$top"

check "top shows $GUESTS guests" grep -q "$GUESTS guests, $GUESTS vCPUs" "$TMP/screen"
interval=$(($(instructions $cpu) / SECONDS_MEASURED))
ktap_print_msg "$interval instructions an interval, $(awk '/^cpu MHz/ { print $4; exit }' /proc/cpuinfo) million ticks a second"
[ $interval -gt 0 ] && [ $interval -lt $MOST ]
result "an interval of top takes less than $MOST instructions, 1 % of a slow CPU"

kill_guests
unload
ktap_finished
