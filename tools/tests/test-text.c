// SPDX-License-Identifier: GPL-2.0
/* Strings: names of guests, /proc, escapes, units, selectors. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/format.h"
#include "base/util.h"
#include "ktap.h"
#include "model/name.h"
#include "model/proc.h"
#include "model/select.h"

/* The array's own NUL ends the last argument. */
#define NAME(cmdline, expected, source) \
	check_name(cmdline, sizeof(cmdline), expected, source)

static void check_name(const char *cmdline, size_t len, const char *expected,
		       const char *expected_source)
{
	struct identity identity;

	identity_find(cmdline, len, NULL, &identity);
	ktap_equal(identity.name, expected, expected_source);
	if (identity.name)
		ktap_equal(identity.name_source, expected_source, "its source");
	identity_free(&identity);
}

static void test_names(void)
{
	NAME("/usr/bin/qemu-system-x86_64\0-name\0guest=web,debug-threads=on",
	     "web", "qemu -name");
	NAME("qemu-system-x86_64\0-m\0001G\0-name\0web", "web", "qemu -name");
	NAME("/usr/bin/kvm\0-id\000100\0-name\0web,debug-threads=on", "web",
	     "qemu -name");
	NAME("/usr/libexec/qemu-kvm\0--name\0debug-threads=on,guest=a,,b",
	     "a,b", "qemu -name");
	NAME("qemu-system-x86_64\0-name\0process=x,debug-threads=on", NULL,
	     "qemu -name without a guest");
	NAME("qemu-system-x86_64\0-name\0web\0-name\0debug-threads=on", "web",
	     "qemu -name");
	NAME("qemu-system-x86_64\0-name\0one\0-name\0guest=two", "two",
	     "qemu -name");
	NAME("qemu-system-x86_64\0-name", NULL, "qemu -name without a value");
	NAME("qemu-system-x86_64\0-name\0", NULL, "qemu -name with an empty one");
	NAME("qemu-system-x86_64\0-append\0--id x", NULL, "qemu without a name");
	NAME("/usr/bin/firecracker\0--id\0vm7\0--api-sock\0/s", "vm7",
	     "firecracker --id");
	NAME("/firecracker-v1.7.0-x86_64\0--id=vm8\0--start-time-us\0001",
	     "vm8", "firecracker --id");
	NAME("firecracker\0--identity\0x", NULL, "firecracker with another option");
	NAME("firecracker\0--api-sock\0/run/api.sock", NULL,
	     "firecracker without --id, and a socket that names nothing");
	NAME("jailer\0--id\0vm9\0--exec-file\0fc\0--\0--id\0no", "vm9",
	     "jailer --id");
	NAME("jailer\0--\0--id\0no", NULL, "jailer, another's --id");
	NAME("emulator\0-avd\0Pixel_6", "Pixel_6", "emulator -avd");
	NAME("emulator\0@Pixel_7\0-no-window", "Pixel_7", "emulator @AVD");
	NAME("/sdk/emulator/qemu/linux-x86_64/qemu-system-x86_64-headless\0-avd\0P",
	     "P", "emulator -avd");
	NAME("/usr/bin/crosvm\0run\0--name\0arcvm\0--cpus\0004", "arcvm",
	     "crosvm --name");
	NAME("crosvm\0run\0--name=arc", "arc", "crosvm --name");
	NAME("cloud-hypervisor\0--api-socket\0/s", "s",
	     "cloud-hypervisor --api-socket");
	NAME("kvmtool\0-nam\0no", NULL, "a VMM that is not known");
	NAME("qemu-system-x86_64\0-hda\0/home/ann/disk.img", NULL,
	     "a home directory is not a guest's name");
	NAME("qemu-system-x86_64\0-hda\0/proc/self/fd/3", NULL,
	     "a descriptor is not a guest's name");
	NAME("/opt/vmm\0-name\0guest=web,debug-threads=on", "web",
	     "-name guest=");
	NAME("", NULL, "an empty argument");
	check_name("", 0, NULL, "no command line");
	check_name("crosvm\0--name=open", strlen("crosvm") + 12, "open",
		   "crosvm --name");
}

static void check_cgroup(const char *text, const char *expected,
			 const char *name)
{
	char *path = proc_parse_cgroup(text);

	ktap_equal(path, expected, name);
	free(path);
}

static void test_proc(void)
{
	uint64_t ticks = 0;

	check_cgroup("0::/a.slice/b:c\n", "/a.slice/b:c", "cgroup v2");
	check_cgroup("12:cpu,cpuacct:/x\n1:name=systemd:/y\n0::/\n", "/y",
		     "both: systemd's");
	check_cgroup("4:cpu:/x\n3:cpuset:/z\n", "/x", "v1: cpu's");
	check_cgroup("1:name=systemd:/\n4:memory:/m\n", "/m", "v1: not the root");
	check_cgroup("0::/", "/", "v2: the root, no newline");
	check_cgroup("rubbish\n::\n7:x\n\n", NULL, "rubbish");
	check_cgroup("", NULL, "nothing");
	ktap_ok(!proc_parse_start("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 0\n",
				  &ticks) && ticks == 4711,
		"start of a process whose name has a parenthesis");
	ktap_ok(proc_parse_start("7 (a) S 1 2", &ticks), "stat that ends early");
	ktap_ok(proc_parse_start("", &ticks), "stat that is empty");
}

static void check_escape(const char *s, const char *expected, const char *name)
{
	char *escaped = escape_string(s, false);

	ktap_equal(escaped, expected, name);
	free(escaped);
}

static void test_escape(void)
{
	char *s;

	check_escape("web-1 \\x41", "web-1 \\x41", "harmless text stays");
	check_escape("a\033[31mb", "a\\x1b[31mb", "escape sequence");
	check_escape("a\nb\tc\rd\177", "a\\x0ab\\x09c\\x0dd\\x7f", "controls");
	check_escape("gr\303\274n \346\227\245", "gr\303\274n \346\227\245",
		     "UTF-8 stays");
	check_escape("\302\233\061m", "\\xc2\\x9b1m", "C1 control");
	check_escape("\342\200\256evil", "\\xe2\\x80\\xaeevil",
		     "reordering character");
	check_escape("\377\300\257\355\240\200",
		     "\\xff\\xc0\\xaf\\xed\\xa0\\x80", "not UTF-8");
	check_escape("ab\303", "ab\\xc3", "UTF-8 that ends early");
	check_escape("\364\220\200\200", "\\xf4\\x90\\x80\\x80",
		     "beyond Unicode");
	s = escape_string("gr\303\274n", true);
	ktap_equal(s, "gr\\xc3\\xbcn", "ASCII only");
	free(s);
	s = escape_invalid_utf8("\033\303\274\303");
	ktap_equal(s, "\033\303\274\\xc3", "for JSON only what is not UTF-8");
	free(s);
}

static void check_format(char *got, const char *expected)
{
	ktap_equal(got, expected, expected);
	free(got);
}

static void test_format(void)
{
	check_format(format_ns(0), "0ns");
	check_format(format_ns(999), "999ns");
	check_format(format_ns(1000), "1.00us");
	check_format(format_ns(9994), "9.99us");
	check_format(format_ns(9996), "10.0us");
	check_format(format_ns(999499), "999us");
	check_format(format_ns(999500), "1.00ms");
	check_format(format_ns(999499999), "999ms");
	check_format(format_ns(999500000), "1.00s");
	check_format(format_ns(599 * NSEC_PER_SEC), "599s");
	check_format(format_ns(605 * NSEC_PER_SEC), "10m05s");
	check_format(format_ns(7500 * NSEC_PER_SEC), "2h05m");
	check_format(format_ns(UINT64_MAX), "213503d23h");
	check_format(format_bytes(0), "0B");
	check_format(format_bytes(512 << 20), "512M");
	check_format(format_bytes(1536 << 20), "1.5G");
	check_format(format_bytes(UINT64_MAX), "16E");
	check_format(format_rate(0.123), "0.12");
	check_format(format_rate(12.34), "12.3");
	check_format(format_rate(123456.7), "123457");
	check_format(format_percent(0.125), "12.5%");
}

/* Whether a guest of the name web with everything else 7 is meant. */
static void check_select(const char *text, int expected)
{
	struct guest guest = { .id = 7, .pid = 77, .uid = 777,
			       .name = xstrdup("web"),
			       .cgroup = xstrdup("/machine.slice/web.scope") };
	char *arg = xstrdup(text);
	struct selection selection;
	struct error error = { };
	int got = selection_parse(&arg, 1, &selection, &error);

	if (got == STATUS_OK) {
		got = selection_matches(&selection, &guest) ? 1 : 0;
		selection_free(&selection);
	} else {
		got = -1;
		error_free(&error);
	}
	free(arg);
	guest_free(&guest);
	ktap_ok(got == expected, "selector '%s' %s", text,
		expected < 0 ? "is refused" : expected ? "is it" : "is not it");
}

static void test_select(void)
{
	check_select("7", 1);
	check_select("l2-7", 1);
	check_select("8", 0);
	check_select("l2-77", 0);
	check_select("pid:77", 1);
	check_select("pid:7", 0);
	check_select("uid:777", 1);
	check_select("uid:0", 0);
	check_select("web", 1);
	check_select("w*", 0);
	check_select("name:w*", 1);
	check_select("name:*x", 0);
	check_select("name:W*", 0);
	check_select("name:w[ae]b", 1);
	check_select("cgroup:/machine.slice/*", 1);
	check_select("cgroup:*web.scope", 1);
	check_select("cgroup:/other", 0);
	check_select("l2-x", 0);
	check_select("", -1);
	check_select("pid:", -1);
	check_select("pid:x", -1);
	check_select("uid:-1", -1);
	check_select("name:", -1);
	check_select("pid:99999999999999999999", -1);
}

int main(void)
{
	/* The C locale has no micro sign and escapes all beyond ASCII. */
	setlocale(LC_ALL, "C");
	ktap_start();
	test_names();
	test_proc();
	test_escape();
	test_format();
	test_select();
	return ktap_end();
}
