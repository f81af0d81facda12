#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Usage: fleet_l1.sh LOADS
# For selftests/fleet, in an L1 whose clock counts instructions: what round trips cost
# without l1tune, as lines "cost none KIND 1 INSTRUCTIONS EXITS" (bench/cost.sh); then
# what stat --json prints of a guest with exactly known exits, in each of so many loads
# of the module.
PATH=$PATH:/selftests
sh /selftests/cost.sh -o none -k cpuid,out,ept || exit

load=0
while [ "$load" -lt "$1" ]; do
	modprobe l1tune || exit
	vmm -name guest=web --hold cpuid=5000 out=1000 ept=2000 vmcall=1000 > /dev/null < /dev/null &
	# So long that what it takes to start makes no difference to a rate.
	sleep 3
	l1tune stat --json || exit
	kill -USR1 $!
	wait $! || exit
	rmmod l1tune || exit
	load=$((load + 1))
done
