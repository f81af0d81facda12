#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A user has KVM_RUN fail before KVM loads the vCPU, and the vCPU's timer fire afterwards:
# what pays for exits must not run in a thread that is outside KVM_RUN, where another
# thread may have the vCPU.
. "${0%/*}/lib.sh"

SECONDS_LONG=${NOT_LOADED_SECONDS:-20}

# About a hundred a second are allowed, and the timer is faster.
LIMIT=100

is_unharmed()
{
	timeout 20 cat $L1/totals/exits $CLASS/l2-*/exits > /dev/null
	equal "status of cat" 0 $? && equal "denied" 0 "$(value denied/max_exits_per_sec)"
}

open_kvm
timeout 30 not_loaded "$TEST_UID" 0 | grep -q alone=fails || skip_all "this KVM loads the vCPU before KVM_RUN can fail"
ktap_print_header
needs_cpus 2
ktap_set_plan 4
load
limit max_exits_per_sec $LIMIT

background user timeout -s KILL 300 not_loaded "$TEST_UID" "$SECONDS_LONG"
within 30 said user alone=fails && sleep $((SECONDS_LONG / 2)) && is_unharmed
result "a timer that fires outside KVM_RUN takes no tokens"
sleep "$SECONDS_LONG" && is_unharmed
result "a timer that fires outside KVM_RUN takes no tokens while another thread is in KVM_RUN"
wait "$(pid user)"
equal "exit status" 0 $? && said user together=fails
result "KVM_RUN fails before KVM loads the vCPU until the program ends"
check "the guest ends with its VMM" within 30 has_guests 0
unload
ktap_finished
