#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# max_nested_vms: a guest that may not use VMX or SVM gets #UD and continues; guests
# up to the limit may use it, and no longer count when they stop doing so.
. "${0%/*}/lib.sh"

# met_undefined NAME: how often the guest got #UD
met_undefined()
{
	sed -n 's/^undefined .*count=//p' "$TMP/$1"
}

# nested NAME VMM-ARGUMENT…: a guest that is kept after its program ends
nested()
{
	start "$@" --hold
	within 60 said "$1" holding
}

# Nested state can only be made up on VMX; on SVM KVM would check it first and
# refuse it.
live_state()
{
	[ "$(isa)" = vmx ] && echo "$1" || echo "$2"
}

ktap_print_header
ktap_set_plan 14

start older --hold l3=10
within 60 said older holding
load max_nested_vms=2
wait_for has_guest older

check "max_nested_vms counts a nested guest older than the module" equal "nested_vms" 1 "$(value usage/nested_vms)"
nested second l3=10
equal "nested_vms" 2 "$(value usage/nested_vms)" && equal "#UD" "" "$(met_undefined second)"
result "max_nested_vms lets guests use VMX or SVM up to the limit"

nested third --nested --expect cpuid=25 out=5
equal "#UD" 1 "$(met_undefined third)" && said third "count=25"
result "a guest beyond max_nested_vms gets an invalid opcode fault and continues"
equal "counts" "1 0 2" "$(value denied/max_nested_vms) $(cat "$(guest_of third)/nested" | grep -c on) $(value usage/nested_vms)"
result "a guest beyond max_nested_vms is counted as denied and not as nested"
# Without EFER.SVME KVM itself takes no such state, with EINVAL.
# shellcheck disable=SC2046 # one word each
asks "ok ok ok $(live_state EPERM "ok EPERM")" vm vcpu:0 reset $(live_state "" svme) restore
result "beyond max_nested_vms restoring nested state fails with EPERM, a reset does not"

kill -USR1 "$(pid second)"
finish second
wait_for test ! -e "$(guest_of second)/nested"
nested fourth l3=10
equal "#UD" "" "$(met_undefined fourth)" && equal "nested_vms" 2 "$(value usage/nested_vms)"
result "max_nested_vms allows another guest when a nested guest ends"
let_go fourth
wait_for values_are 1 usage/nested_vms

nested fifth off=1
equal "#UD" "" "$(met_undefined fifth)" && equal "nested_vms" 1 "$(value usage/nested_vms)"
result "a guest that turns VMX or SVM off no longer counts for max_nested_vms"
nested sixth l3=10
equal "#UD" "" "$(met_undefined sixth)" && equal "nested_vms" 2 "$(value usage/nested_vms)"
result "another guest may use VMX or SVM after one turned it off"
let_go fifth sixth

wait_for values_are 1 usage/nested_vms
check "below max_nested_vms only KVM itself checks restored nested state" asks "ok ok ok $(live_state ok EINVAL)" vm vcpu:0 reset restore
check "nested state of a VM that ended does not count for max_nested_vms" equal "nested_vms" 1 "$(value usage/nested_vms)"

limit max_nested_vms 0
nested seventh --vcpus 2 --nested cpuid=10
check "max_nested_vms=0 raises #UD on every vCPU that uses VMX or SVM" equal "#UD" "1 1" "$(met_undefined seventh | xargs)"
kill -0 "$(pid older)" && equal "nested" on "$(cat "$(guest_of older)/nested")"
result "a guest keeps its nested guests when max_nested_vms becomes 0"
let_go seventh

limit max_nested_vms max
nested eighth --vcpus 2 l3=50
check "max_nested_vms=max lets every vCPU use VMX or SVM" equal "#UD" "" "$(met_undefined eighth)"

kill_guests
wait_for has_guests 0
equal "usage" "0 0" "$(value usage/vms) $(value usage/nested_vms)" && equal "hook" off "$(value hooks/refuse_nested)"
result "usage is 0 and the hook is off after all guests have ended"

unload
ktap_finished
