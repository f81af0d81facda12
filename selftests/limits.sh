#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each limit at what it allows, one beyond, and none at all: KVM's answers are
# those of the interface, what is freed or fails is usable again at once, and
# what a guest has had it may have again.
. "${0%/*}/lib.sh"

denied()
{
	cat "$L1/denied/$1"
}

ktap_print_header
ktap_set_plan 21

keep older vm vcpu:0 slot:0:2M
load max_vms=3
wait_for has_guests 1

asks "ok ok EDQUOT EDQUOT ok ok" vm vm vm vm close vm
result "max_vms: up to it, counting one older than the module; a freed place is there at once"
equal "denied" 2 "$(denied max_vms)"
result "denied counts both"
limit max_vms 0
asks "EDQUOT" vm
result "max_vms 0: none at all"
kill -0 "$(pid older)" && equal "vms" 1 "$(value usage/vms)"
result "what is there stays"
limit max_vms max
asks "ok ok ok" vm vm vm
result "max_vms max: as if it were not there"

limit max_vcpus_per_vm 2
asks "ok ok ok EDQUOT EDQUOT ok ok" vm vcpu:0 vcpu:1 vcpu:2 vcpu:3 vm vcpu:5
result "max_vcpus_per_vm: each VM has its own"
asks "ok ok EEXIST EEXIST ok EDQUOT" vm vcpu:0 vcpu:0 vcpu:0 vcpu:1 vcpu:2
result "vCPUs that KVM refuses afterwards lose no place"
limit max_vcpus_per_vm 0
asks "ok EDQUOT" vm vcpu:0
result "max_vcpus_per_vm 0: none at all"
limit max_vcpus_per_vm max

# The older guest has one.
limit max_vcpus 4
asks "ok ok ok ok ok EDQUOT" vm vcpu:0 vcpu:1 vm vcpu:0 vcpu:1
result "max_vcpus: of all VMs together, the older one's too"
asks "ok ok ok ok ok ok ok ok" vm vcpu:0 vcpu:1 vcpu:2 close vm vcpu:0 vcpu:1
result "vCPUs of a VM that is gone are free at once"
limit max_vcpus max

limit max_memory_per_vm_bytes 8M
asks "ok ok EDQUOT ok EDQUOT" vm slot:0:4M slot:1:5M slot:1:4M slot:2:4K
result "max_memory_per_vm_bytes: to the byte"
asks "ok ok ok EDQUOT" vm slot:0:8M share:0@1 slot:2@1:4K
result "two address spaces: what both share counts once, and one alone does not escape"
asks "ok ok ok ok ok ok ok ok ok EDQUOT" \
	vm slot:0:8M log:0 move:0 log:0 del:0 slot:0:8M del:0 slot:1:8M slot:2:4K
result "what a VM has had it may have again; moves, logging and deletions are not asked"
if [ "$(answers vm far:0:8M)" = "ok EINVAL" ]; then
	asks "ok EINVAL EINVAL ok EDQUOT" vm far:0:8M far:0:8M slot:1:8M slot:2:4K
	result "slots that KVM refuses afterwards lose no place"
else
	ktap_test_skip "slots that KVM refuses afterwards lose no place" "this KVM takes them at any address"
fi
limit max_memory_per_vm_bytes 0
asks "ok EDQUOT ok" vm slot:0:4K vcpu:0
result "max_memory_per_vm_bytes 0: none, and KVM's own slots are not asked"
limit max_memory_per_vm_bytes max

# The older guest has 2M.
limit max_memory_bytes 10M
asks "ok ok ok EDQUOT ok EDQUOT ok ok" vm slot:0:4M vm slot:0:8M slot:0:4M slot:1:4K close vm
result "max_memory_bytes: of all VMs together, the older one's too"
asks "ok ok ok ok ok" vm slot:0:8M close vm slot:0:8M
result "memory of a VM that is gone is free at once"
equal "usage" $((2 << 20)) "$(value usage/memory_bytes)"
result "and what is left is the older one's"
limit max_memory_bytes max

start running --forever --vcpus 2 cpuid=100 ept=10
wait_for has_guest running
for name in max_vms max_vms_per_user max_vcpus max_vcpus_per_vm max_memory_bytes max_memory_per_vm_bytes; do
	limit $name 0
done
exits_grow "$(guest_of running)" && exits_grow "$(guest_of running)"
result "a guest runs on when limits are lowered below what it has"
kill -TERM "$(pid running)" && finish running
result "and ends as it should"

no_limits
kill_guests
wait_for has_guests 0
equal "usage" "0 0 0 0" "$(value usage/vms) $(value usage/vcpus) $(value usage/memory_bytes) $(value usage/nested_vms)" &&
	equal "hooks of limits" off "$(sort -u $L1/hooks/refuse_* $L1/hooks/throttle)"
result "in the end nothing is in use, and no hook is held"

unload
ktap_finished
