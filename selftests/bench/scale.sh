#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Many guests, and one with many vCPUs, in an L1 host whose time is instructions
# and that has one CPU. Prints "scale WHAT… VALUE"; comparisons are with the
# module against without.
PATH=$PATH:/selftests
MANY=${1:-1000}
tmp=$(mktemp -d)

fail()
{
	echo "scale.sh: $*" >&2
	exit 1
}

tell()
{
	echo "scale $*"
}

# crowd_comes NAME ARGUMENT…: until it holds
crowd_comes()
{
	name=$1
	shift
	crowd --hold "$@" > "$tmp/$name" 2>&1 &
	crowd_pid=$!
	until grep -q holding "$tmp/$name"; do
		kill -0 $crowd_pid 2> /dev/null || fail "crowd: $(cat "$tmp/$name")"
		sleep 0.2
	done
}

# Until the devices of the dead are gone, too.
crowd_goes()
{
	kill -TERM $crowd_pid
	wait $crowd_pid
	while ls -d /sys/class/l1tune/l2-* > /dev/null 2>&1; do
		sleep 0.2
	done
}

# What the kernel has allocated for itself, in kB.
kernel_kb()
{
	echo 3 > /proc/sys/vm/drop_caches
	awk '$1 == "Slab:" || $1 == "Percpu:" || $1 == "VmallocUsed:" { n += $2 } END { print n }' /proc/meminfo
}

# creation CROWD FIELD: "LAST-OF-TENFOLD VALUE" for each tenfold
creation()
{
	sed -n "s/^created [0-9]* \([0-9]*\) .*$2=\([0-9]*\).*/\1 \2/p" "$tmp/$1"
}

# percent_more WITHOUT WITH
percent_more()
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b - a) / a * 100 }'
}

# compare_creation WHAT WITHOUT WITH
compare_creation()
{
	for field in ticks cpu_ns; do
		creation "$2" $field > "$tmp/a"
		creation "$3" $field > "$tmp/b"
		paste -d ' ' "$tmp/a" "$tmp/b" | while read -r n without _ with; do
			case $field in
			ticks) of="instructions on the machine" ;;
			*) of="instructions of the creating threads" ;;
			esac
			tell "$1, up to $n: $of, without $without"
			tell "$1, up to $n: $of, % more with the module $(percent_more "$without" "$with")"
		done
	done
}

# instructions_of COMMAND…: that it had a CPU for, at one a nanosecond
instructions_of()
{
	ticks "$@" 2>&1 > /dev/null | sed -n 's/^ticks=.* cpu_ns=\([0-9]*\).*/\1/p'
}

# throughput: what passes on the machine for each of 400 guests that 8 threads
# create; of three rounds the middle one
throughput()
{
	for _ in 1 2 3; do
		crowd_comes eight --vms 400 --threads 8
		sed -n 's/^created \([0-9]*\) \([0-9]*\) ticks=\([0-9]*\).*/\1 \2 \3/p' "$tmp/eight" |
			awk '{ n += $2 - $1 + 1; sum += ($2 - $1 + 1) * $3 } END { printf "%.0f\n", sum / n }'
		crowd_goes
	done | sort -n | sed -n 2p
}

# slab_bytes CACHE: of an object, with its part of what its slab does not use
slab_bytes()
{
	cd "/sys/kernel/slab/$1" || fail "there is no cache $1"
	echo $(((4096 << $(cat order)) / $(cat objs_per_slab)))
}

# What a CPUID takes from its guest's thread. The guest has a name that is told apart.
exit_cost()
{
	for n in 1000 6000; do
		vmm --time "cpuid=$n" | sed -n 's/.*cpu_ns=\([0-9]*\).*/\1/p'
	done | awk '{ n[NR] = $1 } END { printf "%.1f", (n[2] - n[1]) / 5000 }'
}

echo 0 > /proc/sys/kernel/randomize_va_space
echo 0 > /sys/module/kvm/parameters/halt_poll_ns
# Once, so that what is set up at first is.
crowd --vms 20 --exits 1

crowd_comes one-without --vms "$MANY"
kb_without=$(kernel_kb)
crowd_goes
eight_without=$(throughput)
for vcpus in 30 60 120 240; do
	crowd_comes "vcpus$vcpus-without" --vcpus $vcpus
	crowd_goes
done

modprobe l1tune
tell "CPUID, guests there 0: instructions $(exit_cost)"
crowd_comes one-with --vms "$MANY"
kb_with=$(kernel_kb)
compare_creation "creation of a guest" one-without one-with
tell "memory of a guest with one vCPU that has not run: bytes $(((kb_with - kb_without) * 1024 / MANY))"
tell "memory of a vCPU with 96 reasons in use, by the slabs' sizes: bytes $(($(slab_bytes l1tune_vcpu) + (96 + 8) / 8 * $(slab_bytes l1tune_chunk)))"
crowd_goes
crowd_comes many --vms "$MANY" --exits 5
tell "CPUID, guests there $MANY: instructions $(exit_cost)"
tell "l1tune stat --json, $MANY guests: instructions $(instructions_of l1tune stat --json)"
tell "l1tune list --json, $MANY guests: instructions $(instructions_of l1tune list --json)"
tell "l1tune top --once -d 1, $MANY guests: instructions $(instructions_of l1tune top --once -d 1)"
while :; do cat /sys/class/l1tune/l2-*/stats; done > /dev/null 2>&1 &
reader=$!
tell "CPUID, guests there $MANY, all being read all the time: instructions $(exit_cost)"
kill $reader
crowd_goes
tell "creation of a guest by 8 threads: instructions on the machine, without $eight_without"
tell "creation of a guest by 8 threads: instructions on the machine, % more with the module $(percent_more "$eight_without" "$(throughput)")"
for vcpus in 30 60 120 240; do
	crowd_comes "vcpus$vcpus-with" --vcpus $vcpus
	a=$(creation "vcpus$vcpus-without" ticks | cut -d ' ' -f 2)
	b=$(creation "vcpus$vcpus-with" ticks | cut -d ' ' -f 2)
	tell "creation of a guest with $vcpus vCPUs: instructions on the machine for each, without $((a / vcpus))"
	tell "creation of a guest with $vcpus vCPUs: instructions on the machine for each, % more with the module $(percent_more "$a" "$b")"
	crowd_goes
done
rmmod l1tune
rm -r "$tmp"
