#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Everything at once, for CHAOS_SECONDS (60): guests of random size start, run, end
# and are killed; limits are written at random; 8 readers read all files; the module
# and KVM are reloaded, and CPUs are offlined and onlined. Nothing may be left over.
. "${0%/*}/lib.sh"
. "$HERE/chaos_lib.sh"

DURATION=${CHAOS_SECONDS:-60}
ACTIVITIES="guests limits readers modules cpus"
if kvm_is_module; then
	ACTIVITIES="$ACTIVITIES kvms"
fi

ktap_print_header
needs_disposable "CPUs are offlined and KVM is unloaded at random"
ktap_set_plan 5

load
# A first run warms the caches.
chaos 10
unload
before=$(kernel_kb)
rm -f "$TMP"/*
load
chaos "$DURATION" came_round
result "no guest is left in sysfs after $DURATION s of chaos"
check "each activity ran its minimum number of rounds" ran_all

check "usage is 0 after the chaos" equal "usage" "0 0 0" "$(value usage/vms) $(value usage/vcpus) $(value usage/memory_bytes)"

no_limits
start after --hold cpuid=100
wait_for has_held after || ktap_print_msg "its VMM said: $(xargs < "$TMP/after"), guests: $(cd "$CLASS" && echo l2-*)"
equal "CPUID exits" 100 "$(l1tune stat "pid:$(pid after)" --noheadings --bytes -o REASON,COUNT | awk 'tolower($1) == "cpuid" { print $2 }')" &&
	equal "hooks" "off ok" "$(sort -u $L1/hooks/* | xargs)"
result "after the chaos all hooks are attached and exits of a new guest are counted exactly"
kill_guests

unload
memory_is_back "$before" 2048 "the kernel's memory is free again after the chaos"

ktap_finished
