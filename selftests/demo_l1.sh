#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The part of the demonstration that runs in L1.
export COLUMNS=80

# show WHAT COMMAND…
show()
{
	printf '\n== %s\n# %s\n' "$1" "$2"
	sh -c "$2"
}

guest()
{
	name=$1
	shift
	vmm -name "guest=$name" "$@" < /dev/null > /dev/null 2>&1 &
}

echo "== L1 is up: Linux $(uname -r), KVM there: $(ls /dev/kvm)"
echo "== Starting three L2s: web does port I/O and sleeps, build runs CPUID and touches memory, lab runs a guest of its own."
guest web --forever --order mixed out=40 mmio=10 halt=5 --period-us 2000
guest build --forever cpuid=400 rdmsr=60 ept=4
guest lab --forever --order mixed l3=20 l3out=10 cpuid=5
sleep 1
show "Loading the module; the guests run on and are found." "modprobe l1tune"
sleep 6
show "This machine at a glance." "l1tune"
show "Its guests, those that cost most first." "l1tune list"
show "Which exits they took, how often and how long." "l1tune stat"
show "Unloading it; the guests run on." "rmmod l1tune"
killall vmm
wait
