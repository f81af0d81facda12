#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Commands of l1tune.service, from its unit: the limits of /etc/l1tune.conf are in
# force before the first guest, and the service fails and says why if one is not.
. "${0%/*}/lib.sh"

VENDOR=$(kvm_vendor)
CONF=/etc/l1tune.conf
UNIT=$(first_of "$HERE/systemd/l1tune.service" "$HERE/../tools/systemd/l1tune.service")

# unit KEY: runs that command of the unit; its output is in $TMP/said
unit()
{
	command=$(sed -n "s,^$1=@sbindir@,$(dirname "$(command -v l1tune)"),p" $UNIT)
	$command > "$TMP/said" 2>&1
}

# configure LINE…
configure()
{
	printf '%s\n' "$@" > $CONF
}

# fails STATUS TEXT: whether the command before it ended with STATUS and printed TEXT
fails()
{
	status=$?
	equal "exit status" "$1" $status && { [ -z "$2" ] || grep -q "$2" "$TMP/said"; } && return
	ktap_print_msg "said: $(cat "$TMP/said")"
	return 1
}

ktap_print_header
needs_disposable "it writes /etc/l1tune.conf and unloads KVM"
needs_rival
ktap_set_plan 12

configure "# a comment" "max_vms = 1	# one" "audit.max_vcpus = 0" "gid = 107"
unit ExecStart
fails 0 '' && ! [ -s "$TMP/said" ] && equal "files" "1 0 107" "$(value limits/max_vms) $(value audit/max_vcpus) $(
	cat /sys/module/l1tune/parameters/gid)"
result "ExecStart loads the module and applies the configuration"
asks "ok EDQUOT ok" vm vm vcpu:0 && equal "would deny" 1 "$(value would_deny/max_vcpus)"
result "limits of the configuration are enforced for the first guest"

keep one vm
configure "max_vms = 2" "max_memory_bytes = 1G" "gid = 107"
unit ExecReload
fails 0 "audit.max_vcpus is 0 and no line of $CONF sets it" && asks "ok EDQUOT" vm vm
result "ExecReload changes limits while a guest runs, and names a limit that no line sets"

start lives --forever cpuid=50 out=5
wait_for said lives vcpus
unload && unit ExecStart
fails 0 '' && equal "adopted" 1 "$(cat "$(guest_of lives)/adopted")" && exits_grow "$(guest_of lives)" &&
	equal "VMs" 2 "$(value usage/vms)" && asks EDQUOT vm
result "after an upgrade guests continue and are adopted, and limits are enforced again"
kill -KILL "$(pid lives)"
wait_for has_guests 1

configure "max_vms = 3" "max_vm = 4" "max_vcpus = x"
unit ExecReload
fails 1 "$CONF:2: .*did you mean max_vms" && grep -q "$CONF:3: " "$TMP/said" && equal "limit" 2 "$(value limits/max_vms)"
result "ExecReload of an invalid configuration fails, names the lines and changes nothing"
let_go one
unload

unit ExecStart
fails 1 "$CONF:2: " && equal "limit" max "$(value limits/max_vms)" && vmm cpuid=50 > "$TMP/out" 2>&1 &&
	wait_for has_guests 0 && [ "$(value totals/exits)" -ge 50 ]
result "ExecStart with an invalid configuration fails, but the module still counts"
unload

configure "max_vms = 1"
module=$(modprobe -D l1tune | sed -n 's/^insmod \([^ ]*l1tune\.ko\).*/\1/p')
mv "$module" "$module.away"
unit ExecStart
fails 3 'l1tune cannot be loaded.*dkms status'
result "ExecStart fails and says what to do if this kernel has no module"
mv "$module.away" "$module"

rival_takes kvm_arch_init_vm
configure "max_vms = 1" "max_vcpus_per_vm = 1"
unit ExecStart
fails 1 'max_vms is set and not effective: its hook refuse_vm is unavailable' &&
	asks "ok ok ok EDQUOT" vm vm vcpu:0 vcpu:1
result "ExecStart fails if another module hooks a function; the other limits are enforced"
rival_leaves
unit ExecReload
fails 0 '' && asks "ok EDQUOT" vm vm
result "ExecReload attaches the hook after the other module is unloaded"

no_limits
limit max_memory_bytes 512M
limit max_nested_vms 3
l1tune save && unload && unit ExecStart
fails 0 '' && equal "limits" "536870912 3 max" "$(value limits/max_memory_bytes) $(value limits/max_nested_vms) $(value limits/max_vms)" &&
	equal "lines" "max_vms = max max_memory_bytes = 512M" "$(grep -E 'max_vms|memory' $CONF | xargs)"
result "ExecStart sets the limits that l1tune save wrote"
unload

rmmod $VENDOR
unit ExecStart
fails 0 '' && equal "hook" ok "$(value hooks/refuse_memory)" && lsmod | grep -q "^$VENDOR "
result "ExecStart loads KVM, so that limits are in force"

configure "gid = 108"
unit ExecReload
fails 1 "$CONF:1: gid = 108: the module was loaded with gid=0" && equal "limit" 536870912 "$(value limits/max_memory_bytes)"
result "ExecReload fails and changes nothing if gid differs from its value at load"

rm $CONF
unload
ktap_finished
