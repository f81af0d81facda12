#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a clean Debian with DKMS, the headers of a kernel and the packages in /out.
# A package must not unload what guests may run on: rmmod and modprobe tell.
set -uo pipefail
. "${0%/*}/root_lib.sh"
KERNEL=$(find /lib/modules -mindepth 1 -maxdepth 1 -printf '%f\n' | head -n 1)
CALLS=/tmp/calls
UNITS=/etc/systemd/system

# module VERSION: is that one installed for the kernel
module()
{
	local ko
	ko=$(find "/lib/modules/$KERNEL/updates" -name 'l1tune.ko*' 2> /dev/null)
	[[ -n $ko && $(modinfo -F version "$ko") == "$1" ]]
}

# All files but what dpkg and DKMS keep about themselves, such as this machine's key.
files()
{
	find / -xdev \( -path /proc -o -path /out -o -path /selftests -o -path /tmp -o -path /sys -o -path /var/lib/dpkg -o \
		-path /var/lib/dkms/mok.\* -o -path /var/cache -o -path /var/log -o -path /lib/modules/"$KERNEL"/modules.\* -o -path /usr/lib/modules/"$KERNEL"/modules.\* \) \
		-prune -o -print | sort
}

install_debs()
{
	dpkg --force-confold -i "$@" > "$LOG" 2>&1
}

for command in rmmod modprobe; do
	printf '#!/bin/sh\necho "%s $*" >> %s\n' $command $CALLS > /usr/local/sbin/$command
	chmod 755 /usr/local/sbin/$command
done
export PATH=/usr/local/sbin:$PATH
touch $CALLS

ktap_print_header
ktap_set_plan 14

next=$(basename /out/l1tune-dkms_*.1_all.deb)
next=${next#*_} next=${next%_*}
version=${next%.1}
before=$(files)

install_debs /out/l1tune-dkms_"${version}"_all.deb /out/l1tune_"${version}"_amd64.deb
result "install"
[[ $(dkms status -m l1tune -v "$version" -k "$KERNEL") == *installed* ]] && module "$version"
result "the module is built for $KERNEL"
l1tune --version > "$LOG" && [[ -e /etc/l1tune.conf && -e /usr/share/man/man8/l1tune.8.gz && -e /usr/share/man/man5/l1tune.conf.5.gz &&
	-e /usr/share/bash-completion/completions/l1tune && -e /usr/share/zsh/vendor-completions/_l1tune &&
	-e /usr/share/fish/vendor_completions.d/l1tune.fish ]] && l1tune apply --check > "$LOG" 2>&1
result "the tool, its manual and completions, and a configuration that is right"
[[ -L $UNITS/multi-user.target.wants/l1tune.service && ! -e $UNITS/timers.target.wants/l1tune-export.timer &&
	! -e $UNITS/multi-user.target.wants/l1tune-record.service ]]
result "the service is enabled, the export and the history are for the operator to enable"

echo 'max_vms = 20' >> /etc/l1tune.conf
install_debs /out/l1tune-dkms_"${next}"_all.deb /out/l1tune_"${next}"_amd64.deb && module "$next" &&
	[[ $(dkms status -m l1tune) != *"$version,"* ]] && grep -qx 'max_vms = 20' /etc/l1tune.conf && [[ -L $UNITS/multi-user.target.wants/l1tune.service ]]
result "upgrade: the module too; the configuration stays"
install_debs /out/l1tune-dkms_"${version}"_all.deb /out/l1tune_"${version}"_amd64.deb && module "$version" && grep -qx 'max_vms = 20' /etc/l1tune.conf
result "and back"

dpkg --remove l1tune l1tune-dkms > "$LOG" 2>&1 && [[ -e /etc/l1tune.conf && -z $(find /lib/modules -name 'l1tune*') && -z $(dkms status -m l1tune) ]]
result "removed: only the configuration stays"
mkdir -p /var/lib/l1tune && touch /var/lib/l1tune/bench.json
dpkg --purge l1tune l1tune-dkms > "$LOG" 2>&1 && files | diff <(echo "$before") - > "$LOG"
result "purged: nothing stays"
[[ ! -s $CALLS ]] || { cp $CALLS "$LOG"; false; }
result "no package loaded or unloaded a module"

# A fleet's: built and signed here, installed where nothing is built.
mkdir /build && cd /build && tar -xf /out/l1tune.tar.gz --strip-components=1
openssl req -new -x509 -newkey rsa:2048 -keyout /tmp/key.pem -outform DER -out /tmp/cert.der -nodes -days 30 -subj "/CN=a fleet/" > "$LOG" 2>&1
make modules-deb KVER="$KERNEL" SIGN_KEY=/tmp/key.pem SIGN_CERT=/tmp/cert.der > "$LOG" 2>&1
result "make modules-deb for $KERNEL"
deb=$(echo build/deb/l1tune-module-*.deb)
install_debs "$deb" /out/l1tune_"${version}"_amd64.deb && module "$version" &&
	[[ $(modinfo -F signer "/lib/modules/$KERNEL/updates/l1tune.ko") == "a fleet" ]] && grep -q 'updates/l1tune.ko' "/lib/modules/$KERNEL/modules.dep"
result "it is signed, is all that l1tune needs, and modprobe finds it"
cp "/lib/modules/$KERNEL/updates/l1tune.ko" /tmp/signed.ko && rm "$deb" && make modules-deb KVER="$KERNEL" KO=/tmp/signed.ko > "$LOG" 2>&1 &&
	dpkg-deb --fsys-tarfile "$deb" | tar -xO ./lib/modules/"$KERNEL"/updates/l1tune.ko | cmp - /tmp/signed.ko > "$LOG" 2>&1 &&
	! make modules-deb KVER=1.2.3 KO=/tmp/signed.ko > "$LOG" 2>&1 && grep -q "is for the kernel $KERNEL, and not for 1.2.3" "$LOG"
result "one that was signed elsewhere is packaged as it is, and only for its kernel"
dpkg --purge l1tune "l1tune-module-$KERNEL" > "$LOG" 2>&1 && [[ -z $(find /lib/modules -name 'l1tune*') ]] && ! grep -q l1tune "/lib/modules/$KERNEL/modules.dep"
result "and goes"

# What make install and make uninstall do besides the tool.
make install-source > "$LOG" 2>&1 && packaging/dkms install "$version" "$KERNEL" >> "$LOG" 2>&1 && module "$version" &&
	packaging/dkms install "$version" "$KERNEL" >> "$LOG" 2>&1 && packaging/dkms remove "$version" "$KERNEL" >> "$LOG" 2>&1 &&
	[[ -z $(dkms status -m l1tune) && -z $(find /lib/modules -name 'l1tune*') ]]
result "without packages: by DKMS, twice is as good as once, and gone again"

ktap_finished
