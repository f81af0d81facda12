#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The machine is suspended, down to each level that the kernel can test, while guests
# run, one of them paced: suspending succeeds, and afterwards guests continue and are
# counted.
. "${0%/*}/lib.sh"

LEVELS="freezer devices platform processors"

ktap_print_header
needs_disposable "it suspends the machine"
[ -e /sys/power/pm_test ] || skip_all "this kernel cannot test suspension (CONFIG_PM_SLEEP_DEBUG)"
ktap_set_plan 6

load
start free --forever cpuid=50 out=5
start paced --vcpus 2 --forever cpuid=50
wait_for said free vcpus
wait_for said paced vcpus
wait_for has_guest paced
echo 100 > "$(guest_of paced)/limits/max_exits_per_sec"
exits_grow "$(guest_of paced)"

for level in $LEVELS; do
	echo "$level" > /sys/power/pm_test
	if [ $level = processors ] && ! grep -qw deep /sys/power/mem_sleep; then
		ktap_test_skip "the machine suspends as far as $level, and guests continue" "this machine has no deep sleep"
		continue
	fi
	echo mem > /sys/power/state && exits_grow "$(guest_of free)" && exits_grow "$(guest_of paced)"
	result "the machine suspends as far as $level, and guests continue"
done
echo none > /sys/power/pm_test

check "all hooks are attached after suspending" equal "hooks" ok "$(sort -u $L1/hooks/* | grep -vx off | xargs)"

kill_guests
start after --hold cpuid=100
wait_for has_held after
equal "exits" "$(kvm_exits after)" "$(cat "$(guest_of after)/exits")" && equal "untraced" 0 "$(value totals/untraced)"
result "exits of a new guest are counted exactly after suspending"
kill_guests

unload
ktap_finished
