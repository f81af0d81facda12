#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Uevents: guests come and go with who they are, and at their end with what they
# came to; who may not read a guest's counts does not read them there either.
. "${0%/*}/lib.sh"

# What the guests' devices tell, a directory an event and a file a variable.
cat > "$TMP/listener" <<'EOF'
#!/bin/sh
case $DEVPATH in
*/l1tune/l2-*) env > "$1/$ACTION-${DEVPATH##*/}.new" && mv "$1/$ACTION-${DEVPATH##*/}.new" "$1/$ACTION-${DEVPATH##*/}" ;;
esac
EOF
chmod 755 "$TMP" "$TMP/listener"
mkdir "$TMP/events"

# variable EVENT NAME
variable()
{
	sed -n "s/^$2=//p" "$TMP/events/$1"
}

# identity EVENT
identity()
{
	echo "$(variable "$1" PID) $(variable "$1" UID) $(variable "$1" COMM)"
}

ktap_print_header
ktap_set_plan 7

uevent "$TMP/listener" "$TMP/events" &
listener=$!
load

chmod 666 /dev/kvm
cp /usr/bin/vmm "$TMP/a
b"
su user -s /bin/sh -c "exec '$TMP/a
b' --vcpus 2 --hold --spin-user-us 1000 cpuid=500 out=100" < /dev/null > "$TMP/one" 2>&1 &
pid_one=$!
within 30 said one holding
within 30 test -e "$TMP/events/add-l2-1"
equal "PID, UID and COMM" "$pid_one 1000 a\\nb" "$(identity add-l2-1)"
result "a guest that comes: its process, its user, its name escaped"

equal "counts in the event" "" "$(grep -E '^EXITS|_NS=' "$TMP/events/add-l2-1")"
result "it has no counts yet"

su user -s /bin/sh -c "cat $CLASS/l2-1/uevent" > "$TMP/read" &&
	equal "PID read" "$pid_one" "$(sed -n 's/^PID=//p' "$TMP/read")" &&
	equal "counts read" "" "$(grep -E '^EXITS|_NS=' "$TMP/read")"
result "the file uevent, which all may read, shows no counts"

exits=$(kvm_exits one)
kill -KILL "$pid_one"
within 30 test -e "$TMP/events/remove-l2-1"
equal "PID, UID and COMM" "$pid_one 1000 a\\nb" "$(identity remove-l2-1)"
result "a guest that goes: who it was"

equal "EXITS" "$exits" "$(variable remove-l2-1 EXITS)"
result "and its exits, which are KVM's own count"

for name in exit_time_ns user_time_ns wait_time_ns runq_time_ns throttled_ns guest_time_ns; do
	equal $name "$(value totals/$name)" "$(variable remove-l2-1 "$(echo $name | tr a-z A-Z)")" || break
done && [ "$(variable remove-l2-1 USER_TIME_NS)" -ge 200000000 ]
result "and its times, which are in the totals, 200 OUTs of 1 ms in them"

start two --hold cpuid=10
within 30 test -e "$TMP/events/add-l2-2"
unload
within 30 test -e "$TMP/events/remove-l2-2"
equal "PID" "$(pid two)" "$(variable remove-l2-2 PID)"
result "the module goes: its guests do so too"

kill $listener
ktap_finished
