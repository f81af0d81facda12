#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Usage: fleet_l1.sh LOADS
# For selftests/fleet, in an L1 whose clock counts instructions. Prints the cost of
# round trips without l1tune, as lines "cost none KIND 1 INSTRUCTIONS EXITS"
# (bench/cost.sh); then loads the module LOADS times, each time with the output of
# stat --json for a guest with exactly known exits.
PATH=$PATH:/selftests
sh /selftests/cost.sh -o none -k cpuid,out,ept || exit

load=0
while [ "$load" -lt "$1" ]; do
	modprobe l1tune || exit
	vmm -name guest=web --hold cpuid=5000 out=1000 ept=2000 vmcall=1000 > /dev/null < /dev/null &
	# Long enough for the start not to affect rates.
	sleep 3
	l1tune stat --json || exit
	kill -USR1 $!
	wait $! || exit
	rmmod l1tune || exit
	load=$((load + 1))
done
