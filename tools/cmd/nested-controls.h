/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CMD_NESTED_CONTROLS_H
#define L1TUNE_CMD_NESTED_CONTROLS_H

#include <jansson.h>

#include "explain/sentences.h"
#include "model/controls.h"
#include "model/snapshot.h"

/* Of each vCPU of a guest, in its order. */
struct guest_controls {
	struct controls *v;
	size_t num;
};

/*
 * Those of vCPUs that use VMX or SVM. It may interrupt them, so only who asks for a
 * guest reads them; of the past there are none.
 */
void guest_controls_load(const struct env *env, const struct guest_snapshot *guest,
			 struct guest_controls *controls);
void guest_controls_free(struct guest_controls *controls);

void guest_controls_print(const struct guest_snapshot *guest,
			  const struct guest_controls *controls);
/* What is said of several vCPUs is said once. */
void guest_controls_explain(const struct guest_controls *controls, struct sentences *findings);
json_t *controls_to_json(const struct controls *controls);

#endif
