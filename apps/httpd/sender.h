/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One answer on its way to a client that does not take it at once, or that comes from a file. Holds no copy of the
 * body: memory is the cache's, kept by a reference, and a file is read again where the socket stopped.
 */
#pragma once
#include <stddef.h>

#include "batch.h"
#include "respond.h"

struct server;
struct conn;
struct request;
struct sender;

/*
 * Takes the response over, with its references, of which `sent` bytes are out. NULL: no memory, the response
 * is still the caller's.
 */
struct sender *sender_new(struct server *s, struct conn *c, const struct request *r, struct response *rsp, size_t sent);

/* Sends what the socket takes, up to a fair share. BATCH_SENT: all done, c->out is NULL again. */
enum batch_result sender_run(struct server *s, struct conn *c);

/* Gives it up, logged with what was sent. */
void sender_free(struct server *s, struct conn *c);
