#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a clean Debian with DKMS, the headers of a kernel and the packages in /out.
# A package must not unload the module while guests may need it: rmmod and modprobe are
# replaced by scripts that log their calls.
set -uo pipefail
. "${0%/*}/root_lib.sh"
KERNEL=$(find /lib/modules -mindepth 1 -maxdepth 1 -printf '%f\n' | head -n 1)
CALLS=/tmp/calls
UNITS=/etc/systemd/system

# module VERSION: whether that version is installed for the kernel
module()
{
	local ko
	ko=$(find "/lib/modules/$KERNEL/updates" -name 'l1tune.ko*' 2> /dev/null)
	[[ -n $ko && $(modinfo -F version "$ko") == "$1" ]]
}

# files: all files except dpkg's and DKMS's own, such as this machine's key
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
result "the packages install"
[[ $(dkms status -m l1tune -v "$version" -k "$KERNEL") == *installed* ]] && module "$version"
result "DKMS builds the module for $KERNEL"
l1tune --version > "$LOG" && [[ -e /etc/l1tune.conf && -e /usr/share/man/man8/l1tune.8.gz && -e /usr/share/man/man5/l1tune.conf.5.gz &&
	-e /usr/share/bash-completion/completions/l1tune && -e /usr/share/zsh/vendor-completions/_l1tune &&
	-e /usr/share/fish/vendor_completions.d/l1tune.fish ]] && l1tune apply --check > "$LOG" 2>&1
result "the tool, its manual and completions, and a valid configuration are installed"
[[ -L $UNITS/multi-user.target.wants/l1tune.service && ! -e $UNITS/timers.target.wants/l1tune-export.timer &&
	! -e $UNITS/multi-user.target.wants/l1tune-record.service ]]
result "the service is enabled; export and history are not"

echo 'max_vms = 20' >> /etc/l1tune.conf
install_debs /out/l1tune-dkms_"${next}"_all.deb /out/l1tune_"${next}"_amd64.deb && module "$next" &&
	[[ $(dkms status -m l1tune) != *"$version,"* ]] && grep -qx 'max_vms = 20' /etc/l1tune.conf && [[ -L $UNITS/multi-user.target.wants/l1tune.service ]]
result "an upgrade replaces the module and keeps the configuration"
install_debs /out/l1tune-dkms_"${version}"_all.deb /out/l1tune_"${version}"_amd64.deb && module "$version" && grep -qx 'max_vms = 20' /etc/l1tune.conf
result "a downgrade restores the previous module and keeps the configuration"

dpkg --remove l1tune l1tune-dkms > "$LOG" 2>&1 && [[ -e /etc/l1tune.conf && -z $(find /lib/modules -name 'l1tune*') && -z $(dkms status -m l1tune) ]]
result "removal leaves only the configuration"
mkdir -p /var/lib/l1tune && touch /var/lib/l1tune/bench.json
dpkg --purge l1tune l1tune-dkms > "$LOG" 2>&1 && files | diff <(echo "$before") - > "$LOG"
result "purging leaves no files"
[[ ! -s $CALLS ]] || { cp $CALLS "$LOG"; false; }
result "no package loaded or unloaded a module"

# A module for a fleet: built and signed here, installed without building.
mkdir /build && cd /build && tar -xf /out/l1tune.tar.gz --strip-components=1
openssl req -new -x509 -newkey rsa:2048 -keyout /tmp/key.pem -outform DER -out /tmp/cert.der -nodes -days 30 -subj "/CN=a fleet/" > "$LOG" 2>&1
make modules-deb KVER="$KERNEL" SIGN_KEY=/tmp/key.pem SIGN_CERT=/tmp/cert.der > "$LOG" 2>&1
result "make modules-deb builds a package for $KERNEL"
deb=$(echo build/deb/l1tune-module-*.deb)
install_debs "$deb" /out/l1tune_"${version}"_amd64.deb && module "$version" &&
	[[ $(modinfo -F signer "/lib/modules/$KERNEL/updates/l1tune.ko") == "a fleet" ]] && grep -q 'updates/l1tune.ko' "/lib/modules/$KERNEL/modules.dep"
result "the package's module is signed, satisfies l1tune's dependency, and is found by modprobe"
cp "/lib/modules/$KERNEL/updates/l1tune.ko" /tmp/signed.ko && rm "$deb" && make modules-deb KVER="$KERNEL" KO=/tmp/signed.ko > "$LOG" 2>&1 &&
	dpkg-deb --fsys-tarfile "$deb" | tar -xO ./lib/modules/"$KERNEL"/updates/l1tune.ko | cmp - /tmp/signed.ko > "$LOG" 2>&1 &&
	! make modules-deb KVER=1.2.3 KO=/tmp/signed.ko > "$LOG" 2>&1 && grep -q "is for the kernel $KERNEL, and not for 1.2.3" "$LOG"
result "make modules-deb packages an already signed module unchanged, and only for its kernel"
dpkg --purge l1tune "l1tune-module-$KERNEL" > "$LOG" 2>&1 && [[ -z $(find /lib/modules -name 'l1tune*') ]] && ! grep -q l1tune "/lib/modules/$KERNEL/modules.dep"
result "purging the package with the built module leaves no module"

# The module's part of make install and make uninstall.
make install-source > "$LOG" 2>&1 && packaging/dkms install "$version" "$KERNEL" >> "$LOG" 2>&1 && module "$version" &&
	packaging/dkms install "$version" "$KERNEL" >> "$LOG" 2>&1 && packaging/dkms remove "$version" "$KERNEL" >> "$LOG" 2>&1 &&
	[[ -z $(dkms status -m l1tune) && -z $(find /lib/modules -name 'l1tune*') ]]
result "without packages, packaging/dkms installs the module, also twice, and removes it"

ktap_finished
