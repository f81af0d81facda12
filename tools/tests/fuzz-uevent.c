// SPDX-License-Identifier: GPL-2.0
/*
 * Feeds damaged messages of the kernel and lines of l1/events to their parsers,
 * and shows what they make of them. As in fuzz-statsfile.c: LLVMFuzzerTestOneInput() is libFuzzer's,
 * main() is for where there is none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "ui/event-show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line is one line, and does nothing to a terminal. */
static void check_line(const char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < 0x20 || (unsigned char)*line >= 0x7f)
			abort();
}

static void use(const struct event *event)
{
	const struct table_style style = { };
	char *line = event_line(event, &style);
	json_t *json = event_to_json(event), *again;
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);

	check_line(line);
	again = text ? json_loads(text, 0, NULL) : NULL;
	if (!again || !json_equal(json, again))
		abort();
	json_decref(again);
	json_decref(json);
	free(text);
	free(line);
}

static bool parse(const uint8_t *data, size_t size)
{
	/* Without a byte to spare, so that one read too far is seen. */
	char *buf = malloc(size ? size : 1);
	struct uevent uevent;
	struct event event;
	bool is_event;

	if (!buf)
		abort();
	memcpy(buf, data, size);
	is_event = !uevent_parse(buf, size, &uevent) &&
		   !event_take_uevent(&uevent, &event);
	if (is_event) {
		use(&event);
		event_free(&event);
	}
	free(buf);
	return is_event;
}

static bool parse_record(const uint8_t *data, size_t size)
{
	char *line = xmemdup0((const char *)data, size);
	struct record record;
	struct event event;
	bool is_event = !record_parse(line, &record);

	if (is_event) {
		event_take_record(&record, &event);
		use(&event);
		event_free(&event);
	}
	free(line);
	return is_event;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size);
	parse_record(data, size);
	return 0;
}

#ifndef LIBFUZZER
static const char good[][300] = {
	"add@/devices/virtual/l1tune/l2-3\0ACTION=add\0SUBSYSTEM=l1tune\0PID=12\0UID=107\0COMM=qemu\\n\\303\\274\0SEQNUM=7",
	"remove@/devices/virtual/l1tune/l2-3\0ACTION=remove\0SUBSYSTEM=l1tune\0PID=12\0UID=107\0COMM=vmm\0EXITS=7\0EXIT_TIME_NS=1500\0GUEST_TIME_NS=9",
	"change@/devices/virtual/l1tune/l1\0SUBSYSTEM=l1tune\0EVENT=limit\0LIMIT=max_memory_bytes\0VALUE=20\0USE=20\0PID=9\0UID=0\0COMM=vmm\0ACTION_TAKEN=denied\0ERRNO=EDQUOT\0COUNT=3\0L2=l2-4",
	"change@/devices/virtual/l1tune/l1\0SUBSYSTEM=l1tune\0EVENT=limit\0ACTION_TAKEN=audited\0LIMIT=max_vms",
	"change@/devices/virtual/l1tune/l1\0SUBSYSTEM=l1tune\0EVENT=effective\0LIMIT=max_vms\0EFFECTIVE=0\0HOOK=refuse_vm\0STATE=unavailable",
	"1 12 EVENT=guest ACTION=remove L2=l2-3 PID=12 UID=107 COMM=a b EXITS=7 EXIT_TIME_NS=1500 GUEST_TIME_NS=9",
	"2 34 EVENT=limit LIMIT=max_vms VALUE=20 USE=20 PID=9 UID=0 COMM=vmm ACTION_TAKEN=denied ERRNO=EDQUOT COUNT=3 L2=l2-4",
};

static uint64_t state;

/* xorshift64: the same numbers everywhere. */
static uint32_t below(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % limit;
}

static void damage(uint8_t *message, size_t *size)
{
	static const char odd[] = "\0=@/\\\"-09\033\n\x80\xff\xe2";
	uint32_t at = below(*size), from = below(*size), len;

	switch (below(5)) {
	case 0:
		message[at] ^= 1 << below(8);
		break;
	case 1:
		message[at] = odd[below(sizeof(odd))];
		break;
	case 2:
		*size = below(*size) + 1;
		break;
	case 3:
		len = below(*size - (at > from ? at : from)) + 1;
		memmove(message + at, message + from, len);
		break;
	case 4:
		message[at] = below(256);
		break;
	}
}

/* Without what pads it in the table, but with its last NUL. */
static size_t size_of(const char *message)
{
	size_t size = sizeof(good[0]);

	while (size > 1 && !message[size - 2])
		size--;
	return size;
}

int main(int argc, char *argv[])
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
	uint64_t seconds = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;
	time_t end = time(NULL) + seconds;
	uint64_t accepted = 0, i;

	for (i = 0; i < rounds && (i % 1024 || time(NULL) < end); i++) {
		uint8_t message[sizeof(good[0])];
		unsigned int times;
		size_t size;

		state = 0x9e3779b97f4a7c15ULL * (i + 1);
		memcpy(message, good[below(ARRAY_SIZE(good))], sizeof(message));
		size = size_of((const char *)message);
		for (times = 1 + below(6); times; times--)
			damage(message, &size);
		accepted += parse(message, size) ||
			    parse_record(message, size);
	}
	printf("KTAP version 1\n1..1\n");
	printf("# %llu rounds, %llu accepted\n", (unsigned long long)i,
	       (unsigned long long)accepted);
	/* All or none accepted would say that nothing was really tried. */
	printf("%sok 1 - damaged messages of the kernel and lines of l1/events do no harm\n",
	       accepted && accepted < i ? "" : "not ");
	return accepted && accepted < i ? 0 : 1;
}
#endif
