// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "capture/erase.h"

#define ERASE_MAX (1u << 30) /* bytes of one */

static int by_start(const void *a, const void *b)
{
	const struct km_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Overlapping ranges become one. */
void km_erase_sort(struct km_erase *erase)
{
	size_t i, n = 0;

	if (!erase->n)
		return;
	qsort(erase->ranges, erase->n, sizeof(*erase->ranges), by_start);
	for (i = 1; i < erase->n; i++) {
		struct km_range *last = &erase->ranges[n];

		if (erase->ranges[i].start <= last->end)
			last->end = km_max(last->end, erase->ranges[i].end);
		else
			erase->ranges[++n] = erase->ranges[i];
	}
	erase->n = n + 1;
}

void km_erase_done(struct km_erase *erase)
{
	free(erase->ranges);
	km_str_free(&erase->text);
	erase->ranges = NULL;
	erase->n = 0;
}

static struct km_error *add_range(struct km_erase *erase, u64 start, u64 end)
{
	struct km_range *grown = realloc(erase->ranges, (erase->n + 1) * sizeof(*grown));

	if (!grown)
		return km_error_nomem();
	erase->ranges = grown;
	erase->ranges[erase->n++] = (struct km_range){start, end};
	return NULL;
}

/* Page by page: what lies together for the kernel need not in memory. */
static struct km_error *add_virtual(struct km_erase *erase, struct km_kernel *k, const char *what,
				    u64 address, u64 size)
{
	while (size) {
		u64 paddr, left, n;
		enum km_status status =
			km_space_translate(km_kernel_space(k), address, &paddr, &left);

		if (status)
			return km_error_status(status, "%s at 0x%llx cannot be erased", what,
					       (unsigned long long)address);
		n = km_min(size, left);
		KM_TRY(add_range(erase, paddr, paddr + n));
		address += n;
		size -= n;
	}
	return NULL;
}

static struct km_error *parse(const char *what, char *name, size_t room, u64 *ret_size)
{
	size_t len = strcspn(what, ":");
	char *end;

	*ret_size = 0;
	if (!len || len >= room)
		return km_error_new(KM_ERROR_USAGE, "--erase %s: not a symbol's name", what);
	memcpy(name, what, len);
	name[len] = 0;
	if (!what[len])
		return NULL;
	errno = 0;
	*ret_size = strtoull(what + len + 1, &end, 0);
	if (errno || *end || end == what + len + 1 || !*ret_size || *ret_size > ERASE_MAX)
		return km_error_new(
			KM_ERROR_USAGE,
			"--erase %s: after the colon comes a number of bytes, at most %u", what,
			ERASE_MAX);
	return NULL;
}

struct km_error *km_erase_add(struct km_erase *erase, struct km_kernel *k, const char *what)
{
	bool follow = what[0] == '*';
	char name[KM_SYMBOL_NAME_MAX];
	struct km_symbol_place place;
	u64 size, address;

	KM_TRY(parse(what + follow, name, sizeof(name), &size));
	if (!km_symbol(k, name, &place))
		return km_error_new(KM_ERROR_MISSING,
				    "--erase %s: this kernel has no symbol of that name", what);
	address = place.symbol.address;
	if (follow) {
		enum km_status status = km_read_pointer(k, address, &address);

		if (status)
			return km_error_status(status, "--erase %s: the pointer", what);
		if (!size)
			return km_error_new(KM_ERROR_USAGE,
					    "--erase %s: how many bytes are there? *SYMBOL:BYTES",
					    what);
		if (!address)
			return NULL;
	} else if (!size) {
		size = place.symbol.size;
	}
	if (!size || size > ERASE_MAX)
		return km_error_new(KM_ERROR_USAGE,
				    "--erase %s: its size is not known; say %s:BYTES", what, what);
	KM_TRY(add_virtual(erase, k, name, address, size));
	km_str_addf(&erase->text, "erase %s %llu\n", what, (unsigned long long)size);
	return erase->text.failed ? km_error_nomem() : NULL;
}
