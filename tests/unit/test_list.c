/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lists: order, unlinking while walking, harmless second unlinking.
 */
#include "tests/unit/tap.h"

#include <string.h>

#include "kernel/lib/list.h"

struct item {
	char c;
	struct list link;
};

static struct list head = LIST_INIT(head);

static const char *text(void)
{
	static char buf[16];
	struct list *pos;
	int n = 0, back = 0;

	list_for_each(pos, &head)
		buf[n++] = container_of(pos, struct item, link)->c;
	buf[n] = 0;
	for (pos = head.prev; pos != &head; pos = pos->prev)
		back++;
	return back == n ? buf : "links disagree";
}

int main(void)
{
	struct item i[4] = { { .c = 'a' }, { .c = 'b' }, { .c = 'c' }, { .c = 'd' } };
	struct list *pos, *tmp;

	ok(list_empty(&head) && !list_pop(&head), "empty");
	for (int k = 0; k < 3; k++)
		list_push(&head, &i[k].link);
	list_push_front(&head, &i[3].link);
	ok(!strcmp(text(), "dabc"), "push, push_front: %s", text());
	list_del(&i[1].link);
	list_del(&i[1].link);
	ok(!strcmp(text(), "dac") && list_empty(&i[1].link), "del twice");
	list_add_before(&i[0].link, &i[1].link);
	ok(!strcmp(text(), "dbac"), "add_before");
	list_for_each_safe(pos, tmp, &head) {
		if (container_of(pos, struct item, link)->c != 'b')
			list_del(pos);
	}
	ok(!strcmp(text(), "b"), "unlink while walking");
	ok(list_pop(&head) == &i[1].link && list_empty(&head), "pop");
	return done_testing();
}
