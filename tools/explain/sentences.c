// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdlib.h>

#include "explain/sentences.h"

void sentences_add(struct sentences *texts, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*GROW(texts->v, texts->num) = xvasprintf(fmt, ap);
	va_end(ap);
}

void sentences_free(struct sentences *texts)
{
	size_t i;

	for (i = 0; i < texts->num; i++)
		free(texts->v[i]);
	free(texts->v);
	*texts = (struct sentences){ };
}
