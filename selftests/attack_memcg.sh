#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The module's allocations for guests are charged to the VMM's memory cgroup.
#
#	cgroup unloaded:  VMM with 64 vCPUs, without the module ──> bytes of slab
#	cgroup loaded:    VMM with 64 vCPUs, with the module    ──> at least 64 KiB more
. "${0%/*}/lib.sh"

VCPUS=64
# The least that the module can keep for a vCPU
BYTES=1024

trap 'kill_started; rmdir "$CGROUPS"/l1tune-test-*; clean_up' EXIT
mount_cgroups memory || skip_all "there is no memory controller of cgroup2"

# slab NAME: bytes of slab charged to a VMM in a cgroup of its own
slab()
{
	mkdir "$CGROUPS/l1tune-test-$1"
	sh -c "echo 0 > $CGROUPS/l1tune-test-$1/cgroup.procs; exec ask vm $(seq $VCPUS | sed 's/^/vcpu:/' | xargs) hold" < /dev/null > "$TMP/$1" 2>&1 &
	vmm=$!
	within 30 said "$1" holding
	# The kernel updates these statistics every two seconds.
	sleep 3
	awk '$1 == "slab" { print $2 }' "$CGROUPS/l1tune-test-$1/memory.stat"
	kill -KILL $vmm
	wait $vmm 2> /dev/null
}

ktap_print_header
ktap_set_plan 1

before=$(slab unloaded)
load
after=$(slab loaded)
ktap_print_msg "$VCPUS vCPUs: $before bytes charged without the module, $after with it"
[ $((after - before)) -ge $((VCPUS * BYTES)) ]
result "the module's memory for a guest and its vCPUs is charged to the VMM's cgroup"

unload
ktap_finished
