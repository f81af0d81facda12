// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "model/exception.h"

const char *exception_name(uint64_t vector)
{
	static const char *const names[] = {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "CSO",
		"#TS", "#NP", "#SS", "#GP", "#PF", "vector 15", "#MF", "#AC", "#MC", "#XM",
		"#VE", "#CP",
	};

	return vector < ARRAY_SIZE(names) ? names[vector] : "an exception";
}
