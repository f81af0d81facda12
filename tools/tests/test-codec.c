// SPDX-License-Identifier: GPL-2.0
/* What a reader of a history takes in memory, whatever a few bytes of a file say. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "ktap.h"
#include "record/codec.h"

#define ELEMENT	1000

/* Whether a reader takes an array of so many elements. */
static bool takes(size_t num)
{
	struct codec writer = codec_writer(), reader;
	size_t read = 0;
	void *array;
	bool good;

	codec_array(&writer, NULL, &num, 0, ELEMENT);
	reader = codec_reader(writer.buf, writer.len);
	array = codec_array(&reader, NULL, &read, 0, ELEMENT);
	good = codec_is_complete(&reader) && read == num;
	free(array);
	codec_free(&writer);
	return good;
}

/* How many copies of a string a reader makes before it gives up; a byte stands for each. */
static size_t copies(const char *s, size_t most)
{
	unsigned char *zeros = xcalloc(most, 1);
	struct codec reader = codec_reader(zeros, most);
	char *copy = NULL;
	size_t num;

	for (num = 0; num < most && !reader.is_bad; num++) {
		codec_string(&reader, &copy, s);
		free(copy);
	}
	free(zeros);
	return num;
}

int main(void)
{
	char *megabyte = xcalloc((1 << 20) + 1, 1);

	memset(megabyte, 'x', 1 << 20);
	ktap_start();
	ktap_ok(takes(0) && takes(1) && takes(1000), "a reader takes arrays of no, of one and of 1000 elements");
	ktap_ok(!takes(2000000), "a reader takes no array of 2 GB");
	ktap_ok(!takes(SIZE_MAX), "a reader takes no array of as many elements as there are numbers");
	ktap_ok(copies(megabyte, 5000) <= 1024, "a reader makes no more than 1 GB of copies of a string");
	free(megabyte);
	return ktap_end();
}
