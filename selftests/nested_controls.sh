#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vcpu<vcpu>/nested_controls and nested_vmfail: controls with which a guest runs a nested
# guest, and failed VMX instructions, compared with those of the guest's program.
. "${0%/*}/lib.sh"

# controls NAME: prints the file of its vCPU
controls()
{
	cat "$(guest_of "$1")/vcpu0/nested_controls"
}

kind()
{
	controls "$1" | awk '$1 == "kind" { print $2 }'
}

is_kind()
{
	[ "$(kind "$1")" = "$2" ]
}

# listed NAME: "CONTROL VALUE..." for each except the error, which no program writes
listed()
{
	controls "$1" | awk 'NR > 2 && $1 != "vm_instruction_error" { $1 = $1; print }'
}

# vmcs_written NAME: same from its program; a field that it did not write is 0
vmcs_written()
{
	awk '
		NR == FNR { name[$1] = $2; next }
		$1 == "written" {
			sub("where=", "", $3)
			sub("value=", "", $4)
			if ($3 in name)
				value[name[$3]] = $4
		}
		END { for (i in name) print name[i], value[name[i]] == "" ? "0x0" : value[name[i]] }' - "$TMP/$1" <<-END
		0x4000 pin_based_vm_exec_control
		0x4002 cpu_based_vm_exec_control
		0x401e secondary_vm_exec_control
		0x400c vm_exit_controls
		0x4012 vm_entry_controls
		0x4004 exception_bitmap
		0x4006 page_fault_error_code_mask
		0x4008 page_fault_error_code_match
		0x6000 cr0_guest_host_mask
		0x6002 cr4_guest_host_mask
		0x400a cr3_target_count
		0x2000 io_bitmap_a
		0x2002 io_bitmap_b
		0x2004 msr_bitmap
		0x201a ept_pointer
		0x0 virtual_processor_id
		0x2010 tsc_offset
		0x2032 tsc_multiplier
		0x2012 virtual_apic_page_addr
		0x2014 apic_access_addr
		0x401c tpr_threshold
		0x2016 posted_intr_desc_addr
		0x202c xss_exit_bitmap
		0x2026 vmread_bitmap
		0x2028 vmwrite_bitmap
		0x2018 vm_function_control
		0x2024 eptp_list_address
		0x200e pml_address
		0x400e vm_exit_msr_store_count
		0x4010 vm_exit_msr_load_count
		0x4014 vm_entry_msr_load_count
	END
}

# written_at NAME WHERE: 64 bits of its VMCB
written_at()
{
	sed -n "s/^written .*where=$2 value=0x//p" "$TMP/$1" | awk '{ printf "%16s\n", $1 }' | tr ' ' 0
}

# half NAME WHERE FIRST-DIGIT: 32 of these bits, without leading zeros
half()
{
	written_at "$1" "$2" | cut -c "$3-$(($3 + 7))" | sed 's/^0*//; s/^$/0/; s/^/0x/'
}

# vmcb_written NAME: same as vmcs_written for a VMCB
vmcb_written()
{
	echo "intercepts $(for where in 0x0 0x8 0x10; do half "$1" $where 9; half "$1" $where 1; done | xargs)"
	for field in iopm_base_pa=0x40 msrpm_base_pa=0x48 tsc_offset=0x50; do
		echo "${field%=*} 0x$(written_at "$1" "${field#*=}" | sed 's/^0*//; s/^$/0/')"
	done
	echo "asid $(half "$1" 0x58 9)"
}

# holds NAME VMM-ARGUMENT...: starts such a guest and waits for the end of its program
holds()
{
	start "$@" --hold && within 120 has_held "$1"
}

# forever NAME VMM-ARGUMENT...: starts such a guest and waits until it has been in L3
forever()
{
	start "$@" --forever && within 30 has_guest "$1" && within 60 is_kind "$1" $area
}

# same NAME TIMES: the controls are shown and the same in each read
same()
{
	listed "$1" > "$TMP/first"
	grep -q . "$TMP/first" || return 1
	for _ in $(seq "$2"); do
		listed "$1" > "$TMP/next"
		cmp "$TMP/first" "$TMP/next" || return 1
	done
}

# known: whether BTF says where KVM keeps the controls; Debian's 5.10 has none
known()
{
	! uname -r | grep -q '^5\.10\.'
}

# when_known NAME COMMAND...
when_known()
{
	if known; then
		check "$@"
	else
		ktap_test_skip "$1" "this kernel has no BTF of its modules"
	fi
}

as_written()
{
	if [ "$(isa)" = vmx ]; then
		listed lab | sort > "$TMP/listed"
		vmcs_written lab | sort > "$TMP/wanted"
	else
		listed lab | grep -E '^(intercepts|iopm_base_pa|msrpm_base_pa|tsc_offset|asid) ' | sort > "$TMP/listed"
		vmcb_written lab | sort > "$TMP/wanted"
	fi
	[ "$(wc -l < "$TMP/wanted")" -ge 5 ] && equal "controls" "$(cat "$TMP/wanted")" "$(cat "$TMP/listed")"
}

# survives_churn: reads the file while guests turn VMX or SVM on and off, and end
survives_churn()
{
	background churn vmm -name guest=churn --churn 10 --nested --slow-every 1 --slow-us 200000 out=1 off=1
	while ! said churn churned; do
		cat "$CLASS"/l2-*/vcpu0/nested_controls >> "$TMP/churned" 2> /dev/null
	done
	grep -q '^kind ' "$TMP/churned" || return 1
	! grep -E '^kind (busy|unknown)' "$TMP/churned"
}

# never_freed: the file never shows memory that is no longer a VMCS; this VMM's VMCS has
# 0x5a in all bytes
never_freed()
{
	background flip vmx_state_flip 3000
	within 30 has_guest flip || return 1
	flipped=$(guest_of flip)
	while ! said flip flipped; do
		cat "$flipped/vcpu0/nested_controls" >> "$TMP/flipped" 2> /dev/null
	done
	ktap_print_msg "$(cat "$TMP/flip"), $(grep -c '^kind vmcs' "$TMP/flipped") times with a VMCS, $(grep -c '^kind none' "$TMP/flipped") without"
	grep -q '^kind vmcs' "$TMP/flipped" && grep -q '^kind none' "$TMP/flipped" || return 1
	! grep -vE '^(kind|address) ' "$TMP/flipped" | grep -vE '^[a-z0-9_]+ 0x(0|(5a)+) *$'
}

# vmfails NAME: "NUMBER COUNT" for each error that occurred
vmfails()
{
	awk '$2 { print $1, $2 }' "$(guest_of "$1")/vcpu0/nested_vmfail"
}

# said_by_tool NAME WORDS
said_by_tool()
{
	l1tune nested "pid:$(pid "$1")" > "$TMP/tool"
	grep -qF "$2" "$TMP/tool" || { cat "$TMP/tool"; return 1; }
}

ktap_print_header
ktap_set_plan 14
load

# HLT and RDPMC exiting, a TSC offset, exceptions 1 and 13, and so on; on VMX a VPID too.
if [ "$(isa)" = vmx ]; then
	area=vmcs
	set -- 0x4002=0x80000888 0x401e=0x28 0x0=7 0x4004=0x2002 0x2010=0x123456789 0x6000=0x20 0x6002=0x2000 \
		0x4006=5 0x4008=1 0x2000=0x5000
else
	area=vmcb
	set -- 0x0=0x10000 0x8=0x400000002002 0x50=0x123456789 0x58=6
fi
for control; do
	options="$options --control $control"
done

# shellcheck disable=SC2086 # words on purpose
holds lab --written $options --expect l3=5 l3out=5 || ktap_print_msg "$(tail -n 3 "$TMP/lab")"
if known; then
	check "kind is vmcs or vmcb" equal "kind" $area "$(kind lab)"
else
	check "kind is unknown on a kernel without BTF of its modules" equal "kind" unknown "$(kind lab)"
fi
when_known "nested_controls shows the controls that the guest's program has written" as_written
holds plain cpuid=5
when_known "kind is none for a guest that is not a hypervisor" equal "kind" none "$(kind plain)"
holds off --nested off=1
when_known "kind is none after a guest turned VMX or SVM off" equal "kind" none "$(kind off)"

known && forever busy l3=50 cpuid=50
when_known "nested_controls can be read while the vCPU runs" same busy 50
known && stop busy
when_known "nested_controls can be read while the VMM is stopped" same busy 5
known && forever asleep --nested halt=1 --period-us 200000
when_known "nested_controls can be read while the vCPU sleeps" same asleep 50
when_known "nested_controls can be read while vCPUs end and turn VMX or SVM on and off" survives_churn

if [ "$(isa)" = vmx ]; then
	when_known "nested_controls shows only a valid VMCS while VMCSs are set and cleared" never_freed
else
	ktap_test_skip "nested_controls shows only a valid VMCS while VMCSs are set and cleared" "this is SVM"
fi

as_user cat "$(guest_of lab)/vcpu0/nested_controls" > "$TMP/read" 2>&1
grep -q 'Permission denied' "$TMP/read"
result "other users cannot read vcpu0/nested_controls"

if [ "$(isa)" = vmx ]; then
	holds wrong --failures 3 --mistakes 17 l3=5 || ktap_print_msg "$(tail -n 3 "$TMP/wrong")"
	sed -n 's/^failure error=\([0-9]*\) count=\([0-9]*\)/\1 \2/p' "$TMP/wrong" | sort > "$TMP/wanted"
	vmfails wrong | grep -vE '^[78] ' | sort > "$TMP/failed"
	[ "$(wc -l < "$TMP/wanted")" -eq 8 ] && equal "errors" "$(cat "$TMP/wanted")" "$(cat "$TMP/failed")"
	result "failed VMX instructions are counted by error number as in the guest's program"
	# Wrong guest state causes an exit, not an error of the instruction: the last three.
	equal "refused entries" 14 "$(vmfails wrong | awk '$1 == 7 || $1 == 8 { n += $2 } END { print n }')"
	result "nested_vmfail counts entries that fail for controls and host state"
	said_by_tool wrong "6 with error 12, UNSUPPORTED_VMCS_COMPONENT: VMREAD or VMWRITE of a field that is not there"
	result "l1tune nested names the errors of failed VMX instructions"
else
	equal "file" "" "$(cat "$(guest_of lab)/vcpu0/nested_vmfail")"
	result "nested_vmfail is empty on SVM"
	ktap_test_skip "nested_vmfail counts entries that fail for controls and host state" "this is SVM"
	ktap_test_skip "l1tune nested names the errors of failed VMX instructions" "this is SVM"
fi
if [ "$(isa)" = vmx ]; then
	when_known "l1tune nested shows controls by their names" said_by_tool lab "hlt_exiting rdpmc_exiting"
else
	when_known "l1tune nested shows controls by their names" said_by_tool lab "rdtsc cpuid"
fi

kill_guests
unload
ktap_finished
