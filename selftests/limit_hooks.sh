#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Another module hooks the functions that limits need (rival.ko, like a livepatch):
# it can as long as no limit is set; a limit that cannot be enforced says so, and
# the other limits are enforced.
. "${0%/*}/lib.sh"

in_log()
{
	dmesg | tail -n 20 | grep -q "$1"
}

if [ "$(isa)" = vmx ]; then
	# The name of the VMXON handler depends on the kernel.
	grep -qF " handle_vmxon" /proc/kallsyms && VMXON=handle_vmxon || VMXON=handle_vmon
	NESTED="$VMXON vmx_set_nested_state enter_vmx_operation free_nested"
else
	NESTED="vmrun_interception svm_set_nested_state svm_free_nested"
fi

ktap_print_header
needs_rival
ktap_set_plan 9

load
failed=
# shellcheck disable=SC2086 # words on purpose
for function in kvm_arch_init_vm kvm_arch_vcpu_precreate kvm_arch_prepare_memory_region \
	kvm_arch_free_vm kvm_arch_vcpu_destroy kvm_arch_vcpu_ioctl_run $NESTED; do
	rival_takes $function && rival_leaves || failed="$failed $function"
done
check "with no limit set another module can hook any of KVM's functions" equal "functions that another cannot own" "" "$failed"

rival_takes kvm_arch_init_vm
limit max_vms 1
limit max_vcpus_per_vm 1
equal "hooks" "unavailable ok" "$(value hooks/refuse_vm) $(value hooks/refuse_vcpu)" &&
	equal "effective" "0 0 1" "$(value effective/max_vms) $(value effective/max_vms_per_user) $(value effective/max_vcpus_per_vm)"
result "a limit is unavailable and not effective while another module hooks its function"
check "the log says that a limit is set but not in force" wait_for in_log 'l1tune: limit max_vms is set and not in force: hook refuse_vm is unavailable'
check "other limits are enforced while one limit cannot be" asks "ok ok ok EDQUOT" vm vm vcpu:0 vcpu:1
l1tune limits > "$TMP/limits"
equal "status of l1tune limits" 1 $? && grep -q 'max_vms .*unavailable\|max_vms .*no' "$TMP/limits"
result "l1tune limits shows a limit that is not enforced, and exits with 1"

rival_leaves
limit max_vms 1
equal "hook" ok "$(value hooks/refuse_vm)" && equal "effective" 1 "$(value effective/max_vms)" && asks "ok EDQUOT" vm vm &&
	wait_for in_log 'l1tune: limit max_vms is in force again'
result "setting the limit again enforces it after the other module is unloaded"

rival_takes kvm_arch_init_vm 2> /dev/null && rival_leaves
equal "refused" 1 "$(lsmod | grep -q '^rival ' || echo 1)" && asks "ok EDQUOT" vm vm
result "another module cannot hook a function that a limit uses"
no_limits
rival_takes kvm_arch_init_vm && rival_leaves
result "another module can hook the function after the limit is unset"

# shellcheck disable=SC2086 # the first word
set -- $NESTED
rival_takes "$1"
limit max_nested_vms 0
equal "hook" unavailable "$(value hooks/refuse_nested)" && equal "effective" 0 "$(value effective/max_nested_vms)" &&
	vmm l3=5 > "$TMP/out" 2>&1
result "max_nested_vms is unavailable while another module hooks its function"
rival_leaves
no_limits

unload
ktap_finished
