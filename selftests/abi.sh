#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The ABI document and the module's files agree, both ways; modes, owners and
# formats are as documented.
. "${0%/*}/lib.sh"

ktap_print_header
ktap_set_plan 15

# documented: prints the files that the ABI names. A name in angle brackets is each of the
# names in the first column of the table "<name> is one of".
documented()
{
	awk '
	/^What:/ { files[nr++] = $2 }
	/^\t\t<[a-z-]+> is one of$/ { table = $1; next }
	/^[A-Z]/ || /^\t\t[^ ]/ { table = "" }
	table != "" && /^\t\t  [a-z]/ { names[table] = names[table] " " $1 }
	END {
		for (i = 0; i < nr; i++) {
			found = 0
			for (table in names) {
				at = index(files[i], table)
				if (!at)
					continue
				found = 1
				count = split(names[table], name, " ")
				for (n = 1; n <= count; n++)
					print substr(files[i], 1, at - 1) name[n] substr(files[i], at + length(table))
			}
			if (!found)
				print files[i]
		}
	}' "$1"
}

trap 'kill_started; rmdir "$CGROUPS/l1tune-abi/a" "$CGROUPS/l1tune-abi"; clean_up' EXIT
mount_cgroups

load gid=77
start a --vcpus 2 --hold cpuid=10
wait_for has_held a
guest=$(guest_of a)
wait_for test -e "$guest/vcpu1/stats"

# A guest that ends, so that there is a record.
vmm cpuid=10 > "$TMP/gone"
wait_for test -e "$L1/gone/2"

# A pattern, a match of it, and the tenant above.
mkdir -p "$CGROUPS/l1tune-abi/a"
echo / > $L1/tenants/add
echo '/l1tune-abi/*' > $L1/tenants/add
(echo 0 > "$CGROUPS/l1tune-abi/a/cgroup.procs" && ask vm) > "$TMP/match"
wait_for test -e $CLASS/tenant-3/pattern

# The CPU's capabilities are in vmx/ or in svm/.
other=vmx
[ "$(isa)" = vmx ] && other=svm
documented "$(first_of "$HERE/ABI" "$HERE/../module/ABI/sysfs-class-l1tune")" | grep -v "/l1/$other/" | sort > "$TMP/documented"
find "$CLASS/l1/" "$guest/" "$CLASS"/tenant-*/ -type f ! -name uevent |
	sed 's,/l2-[0-9]*/,/l2-<id>/,; s,/tenant-[0-9]*/,/tenant-<tenant>/,; s,/vcpu[0-9]*/,/vcpu<vcpu>/,; s,/gone/[0-9]*$,/gone/<guest>,' |
	sort -u > "$TMP/shown"

missing=$(grep -vxFf "$TMP/shown" "$TMP/documented")
check "every file that the ABI documents exists in sysfs" equal "documented and not there" "" "$missing"

missing=$(grep -vxFf "$TMP/documented" "$TMP/shown")
check "the ABI documents every file in sysfs" equal "there and not documented" "" "$missing"

# modes DIRECTORY FIND-EXPRESSION…
modes()
{
	dir=$1
	shift
	find "$dir/" -type f ! -name uevent "$@" -exec stat -c '%a %u %g' {} + | sort -u
}

equal "modes of what can be set" "644 0 77" \
	"$(modes $L1 '(' -path '*/limits/*' -o -path '*/audit/*' -o -path '*/l1/tune/*' -o -path '*/l1/slow/*over_ns' -o -path '*/l1/start/port' ')')"
result "only limits, audit thresholds, tuning, slow thresholds and start/port of the host are writable, and only by root"

equal "modes of what guests do" "440 0 77" \
	"$(modes $L1 '(' -path '*/l1/events' -o -path '*/l1/totals/*' -o -path '*/denied/max_exits_per_sec' \
		-o -path '*/would_deny/max_exits_per_sec' -o -path '*/l1/slow/exits' -o -path '*/l1/start/times' -o -path '*/l1/start/last' -o -path '*/l1/start/ended' -o -path '*/l1/gone/*' -o -path '*/l1/ended/*' ')')"
result "totals, events, records of ended guests and pacing counts are readable by root and the group gid only"

equal "modes of the others" "444 0 77" \
	"$(modes $L1 ! -path '*/limits/*' ! -path '*/audit/*' ! -path '*/l1/tune/*' ! -path '*/l1/tenants/*' ! -path '*/l1/events' \
		! -path '*/l1/slow/*' ! -path '*/l1/start/*' ! -path '*/l1/gone/*' ! -path '*/l1/ended/*' ! -path '*/l1/totals/*' ! -path '*/denied/max_exits_per_sec' ! -path '*/would_deny/max_exits_per_sec')"
result "all other files of the host are world-readable"

equal "modes of what can be set" "640 0 77" "$(modes "$guest" '(' -path '*/limits/*' -o -path '*/tune/*' ')')" &&
	equal "modes of the others" "440 0 77" "$(modes "$guest" ! -path '*/limits/*' ! -path '*/tune/*')"
result "files of a guest are readable by root and the group gid only"

equal "modes of what can be set" "640 0 77" "$(modes $CLASS/tenant-1 '(' -path '*/limits/*' -o -path '*/audit/*' ')')" &&
	equal "modes of a match" "440 0 77" "$(modes $CLASS/tenant-3)" &&
	equal "modes of the others" "440 0 77" "$(modes $CLASS/tenant-1 ! -path '*/limits/*' ! -path '*/audit/*')" &&
	equal "modes of what defines" "200 0 77" "$(modes $L1/tenants)"
result "files of a tenant are readable by root and the group gid only, and a match is not writable"

equal "files without one line" "" "$(find $L1/ -type f ! -name uevent ! -path '*/l1/tenants/*' ! -path '*/l1/events' ! -path '*/l1/gone/*' ! -path '*/l1/start/times' ! -path '*/l1/start/last' | while read -r f; do
	[ "$(wc -l < "$f")" = 1 ] || echo "$f"
done)"
result "every file of the host has exactly one line, except events, records and starts"

# SVM instructions have no error numbers to count.
[ "$(isa)" = vmx ] || of_vmx=nested_vmfail
equal "hooks" "off ok" "$(sort -u $L1/hooks/* | xargs)" &&
	equal "hooks that are off" "${of_vmx:+$of_vmx }refuse_memory refuse_nested refuse_run refuse_vcpu refuse_vm sched_switch throttle timer" \
		"$(grep -lx off $L1/hooks/* | sed 's,.*/,,' | sort | xargs)"
result "without limits and watchers their hooks are off and all others are ok"

equal "isa" "$(isa)" "$(value isa)" &&
	equal "virtualized" "$(grep -c -m1 -w hypervisor /proc/cpuinfo)" "$(value virtualized)"
result "isa and virtualized agree with /proc/cpuinfo"

refused=$(find "$L1/" "$guest/" "$CLASS"/tenant-*/ -type f ! -name uevent | while read -r f; do
	{ echo invalid > "$f"; } 2> /dev/null && echo "$f accepts it"
done)
check "no file accepts an invalid value" equal "writes" "" "$refused"

check "l1/events has a line for a new guest" grep -q "^[0-9]* [0-9]* EVENT=guest ACTION=add L2=${guest##*/} PID=$(pid a) UID=0 COMM=vmm\$" $L1/events

# A snapshot may be 100 ms old.
wait_for grep -qx 3 $L1/totals/vms && equal "usage" "1 2" "$(value usage/vms) $(value usage/vcpus)"
result "usage and totals count a new guest"

kill_guests
wait_for has_guests 0 && equal "usage" "0 0 0" "$(value usage/vms) $(value usage/vcpus) $(value usage/memory_bytes)"
result "usage drops to 0 when the only guest is killed"
unload

load_module gid=4294967295 2> /dev/null
equal "status" 1 $? && dmesg | tail -n 3 | grep -q 'l1tune: gid=4294967295 is not a group'
result "loading with an invalid gid fails and the log says why"

ktap_finished
