#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Debian's unmodified QEMU and limits: its message for each refusal; and a running
# guest survives resets and reboots after limits are lowered below its use. The guest
# is a stock Linux in /l2, see ./check.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

# qemu ARGUMENT…: replaces the calling shell
qemu()
{
	exec qemu-system-x86_64 -accel kvm -cpu host -nodefaults -no-user-config -display none "$@" < /dev/null
}

# says TEXT QEMU-ARGUMENT…: QEMU fails with that text
says()
{
	text=$1
	shift
	(qemu "$@") > "$TMP/says" 2>&1
	status=$?
	sed 's/^/# /' "$TMP/says"
	[ $status -ne 0 ] && grep -q "$text" "$TMP/says"
}

microvm()
{
	says "$1" -M microvm,x-option-roms=off,rtc=on -m 64 -kernel /l2/vmlinuz
}

# up N: whether Linux has booted N times
up()
{
	[ "$(grep -ac 'L2 is up' "$TMP/linux")" -ge "$1" ]
}

ktap_print_header
no_linux
ktap_set_plan 9

load
limit max_vms 0
microvm 'ioctl(KVM_CREATE_VM) failed: 122 Disk quota exceeded'
result "max_vms=0: QEMU says that KVM_CREATE_VM failed, disk quota exceeded"
no_limits
limit max_vcpus 0
microvm 'kvm_init_vcpu: kvm_get_vcpu failed (0): Disk quota exceeded'
result "max_vcpus=0: QEMU says that kvm_get_vcpu failed, disk quota exceeded"
no_limits
limit max_memory_per_vm_bytes 32M
microvm 'KVM_SET_USER_MEMORY_REGION failed.*Disk quota exceeded'
result "max_memory_per_vm_bytes: QEMU says that KVM_SET_USER_MEMORY_REGION failed, and aborts"

limit max_memory_per_vm_bytes 80M
qemu -M q35 -m 64 -S > "$TMP/q35" 2>&1 &
q35=$!
wait_for has_guests 1
sleep 2
kill -0 $q35 && guest=$(grep -lx $q35 $CLASS/l2-*/pid) && peak=$(cat "${guest%/pid}/memory_peak_bytes") &&
	ktap_print_msg "64 MiB and firmware: $peak bytes" &&
	[ "$peak" -ge $((64 << 20)) ] && [ "$peak" -lt $((80 << 20)) ]
result "QEMU's memory for System Management Mode is not counted twice"
kill -KILL $q35
wait $q35 2> /dev/null
no_limits
wait_for has_guests 0

mkfifo "$TMP/monitor.in" "$TMP/monitor.out"
qemu -name guest=linux -M microvm,x-option-roms=off,isa-serial=on,rtc=on -m 192 \
	-serial stdio -monitor pipe:"$TMP/monitor" -kernel /l2/vmlinuz -initrd /l2/initrd \
	-append "$LINUX_APPEND l2.reboot" > "$TMP/linux" 2>&1 &
vmm=$!
cat "$TMP/monitor.out" > "$TMP/monitor" &
exec 3> "$TMP/monitor.in"
check "a Linux boots before limits are set" within 120 up 1
denied=$(cat $L1/denied/max_memory_bytes $L1/denied/max_memory_per_vm_bytes | xargs)

for name in max_vms max_vms_per_user max_vcpus max_vcpus_per_vm max_memory_bytes max_memory_per_vm_bytes max_nested_vms; do
	limit $name 0
done
within 120 up 2 && kill -0 $vmm
result "a Linux reboots while every limit is 0"
echo system_reset >&3
wait_for grep -q 'system_reset' "$TMP/monitor" && within 120 up 4 && kill -0 $vmm
result "QEMU resets a Linux while every limit is 0"
check "a rebooting Linux is denied no memory" equal "denied" "$denied" "$(cat $L1/denied/max_memory_bytes $L1/denied/max_memory_per_vm_bytes | xargs)"

limit max_exits_per_sec 100
# shellcheck disable=SC2034 # for pid
pid_linux=$vmm
wait_for is_throttled linux
paced=$?
limit max_exits_per_sec max
[ $paced -eq 0 ] && ups=$(grep -ac 'L2 is up' "$TMP/linux") && within 120 up $((ups + 1)) && kill -0 $vmm
result "a Linux continues after it was paced"

exec 3>&-
kill -KILL $vmm
wait $vmm 2> /dev/null
no_limits
unload
ktap_finished
