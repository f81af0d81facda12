#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# max_nested_vms: a guest that may not use VMX or SVM sees #UD and runs on; one
# that may does; a place is free again when it is no longer used.
. "${0%/*}/lib.sh"

# met_undefined NAME: how often the guest saw #UD
met_undefined()
{
	sed -n 's/^undefined .*count=//p' "$TMP/$1"
}

# nested NAME VMM-ARGUMENT…: such a guest, kept after its program
nested()
{
	start "$@" --hold
	within 60 said "$1" holding
}

# The state of a hypervisor can be made up on VMX only; on SVM it would be
# looked at before KVM knows whether it is any good.
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

equal "nested_vms" 1 "$(value usage/nested_vms)"
result "one older than the limit counts"
nested second l3=10
equal "nested_vms" 2 "$(value usage/nested_vms)" && equal "#UD" "" "$(met_undefined second)"
result "up to the limit guests have guests"

nested third --nested --expect cpuid=25 out=5
equal "#UD" 1 "$(met_undefined third)" && said third "count=25"
result "one beyond meets #UD and runs on"
equal "counts" "1 0 2" "$(value denied/max_nested_vms) $(cat "$(guest_of third)/nested" | grep -c on) $(value usage/nested_vms)"
result "it is counted as denied, and not as nested"
asks "ok ok ok EPERM" vm vcpu:0 reset restore
result "its state cannot be restored, a reset can"

kill -USR1 "$(pid second)"
finish second
wait_for test ! -e "$(guest_of second)/nested"
nested fourth l3=10
equal "#UD" "" "$(met_undefined fourth)" && equal "nested_vms" 2 "$(value usage/nested_vms)"
result "a place is free when its guest ends"
let_go fourth
wait_for equal "nested_vms" 1 "$(value usage/nested_vms)"

nested fifth off=1
equal "#UD" "" "$(met_undefined fifth)" && equal "nested_vms" 1 "$(value usage/nested_vms)"
result "a place is free when VMX or SVM is turned off"
nested sixth l3=10
equal "#UD" "" "$(met_undefined sixth)" && equal "nested_vms" 2 "$(value usage/nested_vms)"
result "and another may have it"
let_go fifth sixth

wait_for equal "nested_vms" 1 "$(value usage/nested_vms)"
asks "ok ok ok $(live_state ok EINVAL)" vm vcpu:0 reset restore
result "with a place free, state is restored, or refused for what it is"
equal "nested_vms" 1 "$(value usage/nested_vms)"
result "and gives its place back"

limit max_nested_vms 0
nested seventh --vcpus 2 --nested cpuid=10
equal "#UD" "1 1" "$(met_undefined seventh | xargs)"
result "0: none at all, for each vCPU"
kill -0 "$(pid older)" && equal "nested" on "$(cat "$(guest_of older)/nested")"
result "who has a guest keeps it"
let_go seventh

limit max_nested_vms max
nested eighth --vcpus 2 l3=50
equal "#UD" "" "$(met_undefined eighth)"
result "max: as if it were not there"

kill_guests
wait_for has_guests 0
equal "usage" "0 0" "$(value usage/vms) $(value usage/nested_vms)" && equal "hook" off "$(value hooks/refuse_nested)"
result "in the end nothing is in use"

unload
ktap_finished
