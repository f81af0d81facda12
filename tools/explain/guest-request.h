/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_GUEST_REQUEST_H
#define L1TUNE_GUEST_REQUEST_H

#include <stdbool.h>

#include "model/gone.h"

/* What a guest asked its VMM for, by an access to a port like any other. */
enum guest_request_kind {
	/* To be switched off: the VMM exits, with 0 if nothing fails. */
	REQUEST_OFF,
	/* To sleep: the VMM goes on. */
	REQUEST_SLEEP,
	/* To be reset: some VMMs exit, some start it again as a new guest. */
	REQUEST_RESET,
	/* The guest panicked. */
	REQUEST_PANIC,
	/* To exit with a status of the guest's choice. */
	REQUEST_STATUS,
};

struct guest_request {
	enum guest_request_kind kind;
	/* "the guest panicked ..." */
	const char *text;
	const struct gone_port *port;
};

/*
 * False if no vCPU of the guest asked for anything by its last access to a port, which
 * does not say that none did.
 */
bool guest_request_find(const struct gone *gone, struct guest_request *request);

/* Does a VMM that was asked for it exit with this status? */
bool guest_request_explains(const struct guest_request *request, int status);

#endif
