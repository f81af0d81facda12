// SPDX-License-Identifier: GPL-2.0
/* The kernel's messages about devices: taken apart, understood, shown. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "ktap.h"
#include "ui/event-show.h"

#define GUEST	"/devices/virtual/l1tune/l2-3"
#define L1	"/devices/virtual/l1tune/l1"
#define OURS	"\0SUBSYSTEM=l1tune"

/* The array's own NUL ends the last key. */
#define TAKE(message, event) take(message, sizeof(message), event)
#define SHOWS(message, line, json) shows(message, sizeof(message), line, json)
#define REFUSED(message, len, name) refused(message, len, name)

static int take(const char *message, size_t len, struct event *event)
{
	char *buf = xmemdup0(message, len);
	struct uevent uevent;
	int err = uevent_parse(buf, len, &uevent);

	if (!err)
		err = event_take_uevent(&uevent, event);
	free(buf);
	return err;
}

static void refused(const char *message, size_t len, const char *name)
{
	char *buf = xmemdup0(message, len);
	struct uevent uevent;

	ktap_ok(uevent_parse(buf, len, &uevent) == -EINVAL, "%s", name);
	free(buf);
}

static void test_parse(void)
{
	static const char message[] = "change@" L1 OURS "\0A=1\0B=\0C=a=b\0=x\0D\0SEQNUM=7";
	char buf[sizeof(message)];
	struct uevent uevent;
	size_t len;

	memcpy(buf, message, sizeof(buf));
	ktap_ok(!uevent_parse(buf, sizeof(buf), &uevent), "a message");
	ktap_equal(uevent.action, "change", "its action");
	ktap_equal(uevent_device(&uevent), "l1", "its device");
	ktap_equal(uevent_get(&uevent.keys, "A"), "1", "a value");
	ktap_equal(uevent_get(&uevent.keys, "B"), "", "an empty value");
	ktap_equal(uevent_get(&uevent.keys, "C"), "a=b", "a value with a =");
	ktap_equal(uevent_get(&uevent.keys, "SEQNUM"), "7", "the last value");
	ktap_equal(uevent_get(&uevent.keys, "D"), NULL, "a key without a value");
	ktap_equal(uevent_get(&uevent.keys, ""), NULL, "a value without a key");
	REFUSED("", 0, "nothing");
	REFUSED("add@/x\0A=1", 10, "no NUL at the end");
	REFUSED("add/x", 6, "no @");
	REFUSED("@/x", 4, "no action");
	REFUSED("add@x", 6, "no path");
	REFUSED("libudev\0\xfe\xed\xca\xfe", 13, "udev's own message");
	for (len = 0; len < sizeof(message); len++) {
		char *cut = xmemdup0(message, len);

		uevent_parse(cut, len, &uevent);
		free(cut);
	}
	ktap_ok(true, "cut off anywhere");
}

static void check_unescape(const char *s, const char *expected)
{
	char *unescaped = event_unescape(s);

	ktap_equal(unescaped, expected, s);
	free(unescaped);
}

static void test_unescape(void)
{
	check_unescape("qemu-system-x86", "qemu-system-x86");
	check_unescape("a\\nb\\e[2J\\\\\\\"", "a\nb\033[2J\\\"");
	check_unescape("gr\\303\\274n\\001", "gr\303\274n\001");
	check_unescape("\\", "\\");
	check_unescape("\\000\\400\\18\\1", "\\000\\400\\18\\1");
	check_unescape("\\x41\\", "\\x41\\");
}

static void shows(const char *message, size_t len, const char *expected_line,
		  const char *expected_json)
{
	const struct table_style style = { };
	struct event event;
	char *line, *text;
	json_t *json;

	if (take(message, len, &event)) {
		ktap_ok(false, "%s is an event", expected_line);
		return;
	}
	event.time = (struct timespec){ .tv_nsec = 250000000 };
	line = event_line(&event, &style);
	ktap_equal(line, expected_line, "as a line");
	json = event_to_json(&event);
	text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
	ktap_equal(text, expected_json, "as JSON");
	json_decref(json);
	free(text);
	free(line);
	event_free(&event);
}

static void test_show(void)
{
	SHOWS("add@" GUEST OURS "\0PID=12\0UID=107\0COMM=a\\e[2J\\\"b\0EXITS=0",
	      "1970-01-01 00:00:00.250 added       l2-3: pid 12, uid 107, comm \"a\\x1b[2J\"b\"",
	      "{\"kind\":\"added\",\"id\":3,\"name\":null,\"pid\":12,\"uid\":107,\"comm\":\"a\\u001B[2J\\\"b\"}");
	SHOWS("remove@" GUEST OURS "\0PID=12\0UID=0\0COMM=vmm\0EXITS=7\0EXIT_TIME_NS=1500\0GUEST_TIME_NS=2000000",
	      "1970-01-01 00:00:00.250 removed     l2-3: pid 12, uid 0, comm \"vmm\": 7 exits, 1.50us from exit to entry, 2.00ms in the guest",
	      "{\"kind\":\"removed\",\"id\":3,\"name\":null,\"exits\":7,\"exit_time_ns\":1500,\"guest_time_ns\":2000000,\"end\":null,\"pid\":12,\"uid\":0,\"comm\":\"vmm\"}");
	SHOWS("change@" L1 OURS "\0EVENT=limit\0LIMIT=max_vms\0VALUE=20\0USE=20\0PID=9\0UID=0\0COMM=vmm\0ACTION_TAKEN=denied\0ERRNO=EDQUOT\0COUNT=3",
	      "1970-01-01 00:00:00.250 denied      max_vms=20, use 20: pid 9, uid 0, comm \"vmm\": EDQUOT (3 times)",
	      "{\"kind\":\"denied\",\"id\":null,\"name\":null,\"limit\":\"max_vms\",\"value\":20,\"use\":20,\"count\":3,\"pid\":9,\"uid\":0,\"comm\":\"vmm\",\"errno\":\"EDQUOT\",\"tenant\":null,\"cgroup\":null}");
	SHOWS("change@" L1 OURS "\0EVENT=limit\0LIMIT=max_memory_per_vm_bytes\0VALUE=1073741824\0USE=536870912\0L2=l2-4\0ACTION_TAKEN=audited\0ERRNO=EDQUOT\0COUNT=1",
	      "1970-01-01 00:00:00.250 audited     l2-4: audit.max_memory_per_vm_bytes=1G, use 512M",
	      "{\"kind\":\"audited\",\"id\":4,\"name\":null,\"limit\":\"max_memory_per_vm_bytes\",\"value\":1073741824,\"use\":536870912,\"count\":1,\"pid\":null,\"uid\":null,\"comm\":null,\"errno\":\"EDQUOT\",\"tenant\":null,\"cgroup\":null}");
	SHOWS("change@" L1 OURS "\0EVENT=limit\0LIMIT=max_exits_per_sec\0VALUE=1000\0USE=5000\0L2=l2-4\0ACTION_TAKEN=denied\0ERRNO=0\0COUNT=1",
	      "1970-01-01 00:00:00.250 denied      l2-4: max_exits_per_sec=1000, use 5000",
	      "{\"kind\":\"denied\",\"id\":4,\"name\":null,\"limit\":\"max_exits_per_sec\",\"value\":1000,\"use\":5000,\"count\":1,\"pid\":null,\"uid\":null,\"comm\":null,\"errno\":null,\"tenant\":null,\"cgroup\":null}");
	SHOWS("change@" L1 OURS "\0EVENT=effective\0LIMIT=max_vms\0EFFECTIVE=0\0HOOK=refuse_vm\0STATE=unavailable",
	      "1970-01-01 00:00:00.250 ineffective max_vms: hook refuse_vm is unavailable; it is not enforced",
	      "{\"kind\":\"ineffective\",\"id\":null,\"name\":null,\"limit\":\"max_vms\",\"hook\":\"refuse_vm\",\"hook_state\":\"unavailable\"}");
	SHOWS("change@" L1 OURS "\0EVENT=effective\0LIMIT=max_vms\0EFFECTIVE=1\0HOOK=refuse_vm\0STATE=ok",
	      "1970-01-01 00:00:00.250 effective   max_vms: hook refuse_vm is ok",
	      "{\"kind\":\"effective\",\"id\":null,\"name\":null,\"limit\":\"max_vms\",\"hook\":\"refuse_vm\",\"hook_state\":\"ok\"}");
	SHOWS("remove@" L1 OURS,
	      "1970-01-01 00:00:00.250 unloaded    the module l1tune",
	      "{\"kind\":\"unloaded\",\"id\":null,\"name\":null}");
	SHOWS("change@" L1 OURS "\0EVENT=new\033[2J",
	      "1970-01-01 00:00:00.250 other       new\\x1b[2J",
	      "{\"kind\":\"other\",\"id\":null,\"name\":null,\"what\":\"new\\u001B[2J\"}");
	SHOWS("change@" GUEST OURS "\0PID=-1\0COUNT=99999999999999999999",
	      "1970-01-01 00:00:00.250 other       l2-3: change",
	      "{\"kind\":\"other\",\"id\":3,\"name\":null,\"what\":\"change\"}");
}

static void record_is(const char *text, const char *expected_json)
{
	char *line = xstrdup(text), *shown;
	struct record record;
	struct event event;
	json_t *json;

	if (record_parse(line, &record)) {
		ktap_ok(false, "%s is a record", text);
		free(line);
		return;
	}
	event_take_record(&record, &event);
	json = event_to_json(&event);
	shown = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
	ktap_equal(shown, expected_json, text);
	json_decref(json);
	free(shown);
	event_free(&event);
	free(line);
}

static void test_record(void)
{
	static const char *const refused[] = {
		"", "7", "7 8", "x 8 EVENT=guest", "0 8 EVENT=guest",
		"7 x EVENT=guest", "-7 8 EVENT=guest",
	};
	struct record record;
	char line[] = "18446744073709551615 12 EVENT=x A= B C=a=b";
	size_t i;

	ktap_ok(!record_parse(line, &record), "a record is parsed");
	ktap_ok(record.seq == UINT64_MAX && record.time_ns == 12,
		"it has a number and a time");
	ktap_equal(uevent_get(&record.keys, "A"), "", "an empty value of a record");
	ktap_equal(uevent_get(&record.keys, "B"), NULL, "a key without a value in a record");
	ktap_equal(uevent_get(&record.keys, "C"), "a=b", "a value with a = in a record");
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		char *copy = xstrdup(refused[i]);

		ktap_ok(record_parse(copy, &record) == -EINVAL,
			"no record: '%s'", refused[i]);
		free(copy);
	}
	record_is("1 2 EVENT=guest ACTION=add L2=l2-3 PID=12 UID=107 COMM=a b EXITS=5",
		  "{\"kind\":\"added\",\"id\":3,\"name\":null,\"pid\":12,\"uid\":107,\"comm\":\"a b EXITS=5\"}");
	record_is("1 2 EVENT=guest ACTION=remove L2=l2-4294967296 PID=12 UID=0 COMM=a EXITS=5 EXITS=7 EXIT_TIME_NS=8 USER_TIME_NS=1 GUEST_TIME_NS=9",
		  "{\"kind\":\"removed\",\"id\":4294967296,\"name\":null,\"exits\":7,\"exit_time_ns\":8,\"guest_time_ns\":9,\"end\":null,\"pid\":12,\"uid\":0,\"comm\":\"a EXITS=5\"}");
	record_is("1 2 EVENT=limit LIMIT=max_vms VALUE=1 USE=2 PID=3 UID=4 COMM=a ERRNO=0 L2=l2 ACTION_TAKEN=audited ERRNO=EAGAIN COUNT=5 L2=l2-6",
		  "{\"kind\":\"audited\",\"id\":6,\"name\":null,\"limit\":\"max_vms\",\"value\":1,\"use\":2,\"count\":5,\"pid\":3,\"uid\":4,\"comm\":\"a ERRNO=0 L2=l2\",\"errno\":\"EAGAIN\",\"tenant\":null,\"cgroup\":null}");
	record_is("1 2 EVENT=effective LIMIT=max_vms EFFECTIVE=1 HOOK=refuse_vm STATE=ok",
		  "{\"kind\":\"effective\",\"id\":null,\"name\":null,\"limit\":\"max_vms\",\"hook\":\"refuse_vm\",\"hook_state\":\"ok\"}");
	record_is("1 2 EVENT=later", "{\"kind\":\"other\",\"id\":null,\"name\":null,\"what\":\"later\"}");
	record_is("1 2 COMM=", "{\"kind\":\"other\",\"id\":null,\"name\":null,\"what\":\"\"}");
}

static void test_others(void)
{
	struct event event;

	ktap_ok(TAKE("add@" GUEST "\0SUBSYSTEM=net", &event) == -ENOENT,
		"another subsystem");
	ktap_ok(TAKE("add@" GUEST, &event) == -ENOENT, "no subsystem");
	ktap_ok(TAKE("add@/devices/virtual/l1tune/l2-3x" OURS, &event) == -ENOENT,
		"another device");
	ktap_ok(TAKE("add@/devices/virtual/l1tune/" OURS, &event) == -ENOENT,
		"a device without a name");
}

int main(void)
{
	setlocale(LC_ALL, "C");
	setenv("TZ", "UTC", 1);
	ktap_start();
	test_parse();
	test_unescape();
	test_show();
	test_record();
	test_others();
	return ktap_end();
}
