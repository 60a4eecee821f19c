/* SPDX-License-Identifier: BSD-2-Clause */
/* The pieces of which answer heads are put together, and the names of status codes. */
#pragma once
#include <stdint.h>

#include "filecache.h"
#include "text.h"

#define HEAD_MAX 768	/* the head of a file's answer: every part of it is bounded */

const char *head_reason(unsigned status);

/* Status line and Server. */
void head_begin(struct text *t, unsigned status);

/* What describes a file: type, length, validators, coding. For 206 the length is the part's. */
void head_entity(struct text *t, const struct entry *e, uint64_t content_length);

/* Validators and Vary only, as in 304. */
void head_validators(struct text *t, const struct entry *e);
