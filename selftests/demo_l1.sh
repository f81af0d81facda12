#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The part of the demo that runs in L1.
export COLUMNS=80

screen()
{
	printf '\n== %s\n' "$1"
}

# run COMMAND: prints the command as a root shell shows it, then runs it
run()
{
	printf '# %s\n' "$1"
	sh -c "$1" 2>&1
}

guest()
{
	name=$1
	shift
	vmm -name "guest=$name" "$@" < /dev/null > /dev/null 2>&1 &
}

echo "== L1 is up: Linux $(uname -r) with $(ls /dev/kvm)."
echo "== Starting three guests (L2):"
echo "==   web    does port I/O and MMIO, then sleeps"
echo "==   build  executes CPUID and RDMSR, and touches memory"
echo "==   lab    runs a nested guest (L3) of its own"
guest web --forever --order mixed out=40 mmio=10 halt=5 --period-us 2000
guest build --forever cpuid=400 rdmsr=60 ept=4
guest lab --forever --order mixed l3=20 l3out=10 cpuid=5
sleep 1

screen "Load the module. Guests that are running keep running and are found."
run "modprobe l1tune"
sleep 6

screen "Screen 1 of 5: this machine at a glance, busiest guest first."
run "l1tune"

screen "Screen 2 of 5: which exits the guests take, how often, how long, and who spends the time."
run "l1tune stat"

screen "Screen 3 of 5: how the time of one kind of exit is distributed."
run "l1tune hist web IO_INSTRUCTION"

screen "Screen 4 of 5: allow three guests. The fourth is refused by KVM itself."
run "l1tune limits max_vms=3"
run "vmm -name guest=fourth cpuid=10"
run "dmesg | tail -n 1"
run "l1tune limits"

screen "Screen 5 of 5: what is worth changing, observed for five seconds."
run "l1tune advise -i 5"

screen "Unload the module. The guests keep running."
run "rmmod l1tune"
killall vmm
wait
