#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each limit: up to it, one beyond it, 0 and max. KVM's errors are as documented,
# resources that are freed or that KVM fails to create do not count, and a guest may add
# memory again that it had before.
#
#	older:   one VM, one vCPU, 2 MiB ───┼──────────────────────────> to the end
#	module:                          loaded, max_vms=3
#	asks:    up to the limit │ one beyond │ 0 │ max      for each limit in turn
#	running: two vCPUs, continues beyond all limits at 0, ends by itself
. "${0%/*}/lib.sh"

denied()
{
	cat "$L1/denied/$1"
}

ktap_print_header
ktap_set_plan 23

keep older vm vcpu:0 slot:0:2M
load max_vms=3
wait_for has_guests 1

check "max_vms counts guests older than the module, and a closed VM no longer counts" asks "ok ok EDQUOT EDQUOT ok ok" vm vm vm vm close vm
check "denied/max_vms counts each denial" equal "denied" 2 "$(denied max_vms)"
limit max_vms 0
check "max_vms=0 denies every VM" asks "EDQUOT" vm
kill -0 "$(pid older)" && equal "vms" 1 "$(value usage/vms)"
result "max_vms=0 does not affect running VMs"
limit max_vms max
check "max_vms=max denies no VM" asks "ok ok ok" vm vm vm

limit max_vcpus_per_vm 2
check "max_vcpus_per_vm counts each VM separately" asks "ok ok ok EDQUOT EDQUOT ok ok" vm vcpu:0 vcpu:1 vcpu:2 vcpu:3 vm vcpu:5
check "a vCPU that KVM itself refuses does not count for max_vcpus_per_vm" asks "ok ok EEXIST EEXIST ok EDQUOT" vm vcpu:0 vcpu:0 vcpu:0 vcpu:1 vcpu:2
limit max_vcpus_per_vm 0
check "max_vcpus_per_vm=0 denies every vCPU" asks "ok EDQUOT" vm vcpu:0
limit max_vcpus_per_vm max

# The older guest has one.
limit max_vcpus 4
check "max_vcpus counts the vCPUs of all VMs, including VMs older than the module" asks "ok ok ok ok ok EDQUOT" vm vcpu:0 vcpu:1 vm vcpu:0 vcpu:1
check "vCPUs of a closed VM no longer count for max_vcpus" asks "ok ok ok ok ok ok ok ok" vm vcpu:0 vcpu:1 vcpu:2 close vm vcpu:0 vcpu:1
limit max_vcpus max

limit max_memory_per_vm_bytes 8M
check "max_memory_per_vm_bytes is exact to the byte" asks "ok ok EDQUOT ok EDQUOT" vm slot:0:4M slot:1:5M slot:1:4M slot:2:4K
check "memory shared by two address spaces counts once, other memory counts in each" asks "ok ok ok EDQUOT" vm slot:0:8M share:0@1 slot:2@1:4K
check "a slot that moves away from the same memory in the other address space counts as more" asks "ok ok ok EDQUOT" vm slot:0:8M share:0@1 move:0
asks "ok ok ok ok ok ok ok ok ok EDQUOT" \
	vm slot:0:8M log:0 move:0 log:0 del:0 slot:0:8M del:0 slot:1:8M slot:2:4K
result "a VM at its memory limit may move, log, delete and re-add slots"
if [ "$(answers vm far:0:8M)" = "ok EINVAL" ]; then
	check "a slot that KVM itself refuses does not count for max_memory_per_vm_bytes" asks "ok EINVAL EINVAL ok EDQUOT" vm far:0:8M far:0:8M slot:1:8M slot:2:4K
else
	ktap_test_skip "a slot that KVM itself refuses does not count for max_memory_per_vm_bytes" "this KVM accepts slots at any address"
fi
limit max_memory_per_vm_bytes max
moves 301 > "$TMP/moves" &
mover=$!
wait_for grep -q . "$TMP/moves"
equal "usage" $(((2 << 20) + $(cat "$TMP/moves"))) "$(value usage/memory_bytes)"
result "a VM has no more memory than its slots, however often one moves"
kill -KILL $mover
wait $mover 2> /dev/null
limit max_memory_per_vm_bytes 0
check "max_memory_per_vm_bytes=0 denies every slot except KVM's own" asks "ok EDQUOT ok" vm slot:0:4K vcpu:0
limit max_memory_per_vm_bytes max

# The older guest has 2M.
limit max_memory_bytes 10M
asks "ok ok ok EDQUOT ok EDQUOT ok ok" vm slot:0:4M vm slot:0:8M slot:0:4M slot:1:4K close vm
result "max_memory_bytes counts the memory of all VMs, including VMs older than the module"
check "memory of a closed VM no longer counts for max_memory_bytes" asks "ok ok ok ok ok" vm slot:0:8M close vm slot:0:8M
equal "usage" $((2 << 20)) "$(value usage/memory_bytes)"
result "usage/memory_bytes is the memory of the only remaining VM"
limit max_memory_bytes max

start running --forever --vcpus 2 cpuid=100 ept=10
wait_for has_guest running
for name in max_vms max_vms_per_user max_vcpus max_vcpus_per_vm max_memory_bytes max_memory_per_vm_bytes; do
	limit $name 0
done
exits_grow "$(guest_of running)" && exits_grow "$(guest_of running)"
result "a guest continues when every limit is lowered below its use"
kill -TERM "$(pid running)" && finish running
result "a guest beyond every limit ends without an error"

no_limits
kill_guests
wait_for has_guests 0
equal "usage" "0 0 0 0" "$(value usage/vms) $(value usage/vcpus) $(value usage/memory_bytes) $(value usage/nested_vms)" &&
	equal "hooks of limits" off "$(sort -u $L1/hooks/refuse_* $L1/hooks/throttle)"
result "with no guests and no limits usage is 0 and the hooks that refuse are off"

unload
ktap_finished
