/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads through a virtual address space: windows first, then the page tables. */
#include <string.h>

#include "arch/arch.h"

u64 km_space_step_bytes(const struct km_space *space, unsigned step)
{
	unsigned shift = space->page_shift ? space->page_shift : space->arch->page_shift;
	unsigned levels = space->arch->levels(space);

	/* A table fills a page with entries of 8 bytes. */
	return (u64)1 << (shift + (shift - 3) * (levels - km_min(step, levels)));
}

enum km_status km_space_translate(struct km_space *space, u64 vaddr, u64 *ret_paddr, u64 *ret_left)
{
	for (unsigned i = 0; i < space->n_windows; i++) {
		const struct km_window *w = &space->windows[i];

		if (vaddr >= w->start && vaddr < w->end) {
			*ret_paddr = w->paddr + (vaddr - w->start);
			*ret_left = w->end - vaddr;
			return KM_OK;
		}
	}
	if (space->root == KM_NO_ROOT)
		return KM_UNMAPPED;
	return space->arch->translate(space, vaddr, ret_paddr, ret_left, NULL, NULL);
}

/*
 * Translates [VADDR, VADDR + LEN) where it lies together in physical memory: KM_OK and its address
 * in *RET_PADDR. Otherwise *RET_TOGETHER is how many bytes from VADDR on do.
 */
static enum km_status translate_run(struct km_space *space, u64 vaddr, size_t len, u64 *ret_paddr,
				    u64 *ret_together)
{
	u64 paddr, left;
	enum km_status status = km_space_translate(space, vaddr, ret_paddr, &left);

	*ret_together = 0;
	if (status != KM_OK)
		return status;
	while (left < len) {
		*ret_together = left;
		if (vaddr + left < vaddr)
			return KM_UNMAPPED;
		u64 more;

		status = km_space_translate(space, vaddr + left, &paddr, &more);
		if (status != KM_OK || paddr != *ret_paddr + left)
			return status;
		left += more;
	}
	*ret_together = len;
	return KM_OK;
}

enum km_status km_space_read(struct km_space *space, u64 vaddr, void *buf, size_t len)
{
	u8 *to = buf;

	while (len) {
		u64 paddr, left;
		enum km_status status = km_space_translate(space, vaddr, &paddr, &left);

		if (km_unlikely(status != KM_OK))
			return status;
		size_t now = len < left ? len : (size_t)left;

		status = km_image_read(space->image, paddr, to, now);
		if (km_unlikely(status != KM_OK))
			return status;
		to += now;
		len -= now;
		if (len && vaddr + now < vaddr)
			return KM_UNMAPPED;
		vaddr += now;
	}
	return KM_OK;
}

/*
 * A copy made here is told from a view of the image by the lowest bit of `opaque`, which no pointer
 * to an object of the image's has set.
 */
static void *copy_tag(u8 *copy)
{
	return (void *)((uintptr_t)copy | 1);
}

static u8 *tagged_copy(const void *opaque)
{
	return (uintptr_t)opaque & 1 ? (u8 *)((uintptr_t)opaque & ~(uintptr_t)1) : NULL;
}

enum km_status km_space_view(struct km_space *space, u64 vaddr, size_t len, struct km_view *ret)
{
	u64 paddr, together;
	enum km_status status = translate_run(space, vaddr, len, &paddr, &together);

	*ret = (struct km_view){0};
	if (status != KM_OK)
		return status;
	if (together == len)
		return km_image_view(space->image, paddr, len, ret);

	/* The first byte that cannot be read decides before memory for all is asked for: LEN may be
	 * what a damaged dump says. */
	u8 probe;

	status = km_space_read(space, vaddr + len - 1, &probe, 1);
	if (status != KM_OK)
		return status;
	u8 *copy = malloc(len);

	if (!copy)
		return KM_NOMEM;
	status = km_space_read(space, vaddr, copy, len);
	if (status != KM_OK) {
		free(copy);
		return status;
	}
	*ret = (struct km_view){.data = copy, .size = len, .opaque = copy_tag(copy)};
	return KM_OK;
}

void km_space_unview(struct km_space *space, struct km_view *view)
{
	u8 *copy = tagged_copy(view->opaque);

	if (copy)
		free(copy);
	else if (view->data)
		km_image_unview(space->image, view);
	*view = (struct km_view){0};
}

const u8 *km_space_mapped(struct km_space *space, u64 vaddr, size_t len)
{
	u64 paddr, together;

	if (translate_run(space, vaddr, len, &paddr, &together) != KM_OK || together != len)
		return NULL;
	return km_image_mapped(space->image, paddr, len);
}

size_t km_space_read_partial(struct km_space *space, u64 vaddr, void *buf, size_t len,
			     enum km_status *ret_why)
{
	u64 page = (u64)1 << space->arch->page_shift;
	enum km_status why = KM_OK;
	size_t got = 0;
	u8 *to = buf;

	while (len) {
		u64 in_page = page - (vaddr & (page - 1));
		size_t now = len < in_page ? len : (size_t)in_page;
		enum km_status status = km_space_read(space, vaddr, to, now);

		if (status == KM_OK) {
			got += now;
		} else {
			memset(to, 0, now);
			why = why == KM_OK ? status : why;
		}
		to += now;
		len -= now;
		vaddr += now;
	}
	*ret_why = why;
	return got;
}

enum km_status km_space_read_string(struct km_space *space, u64 vaddr, char *buf, size_t size)
{
	u64 page = (u64)1 << space->arch->page_shift;
	size_t have = 0;

	if (!size)
		return KM_OK;
	buf[0] = 0;
	while (have + 1 < size) {
		u64 in_page = page - (vaddr & (page - 1));
		size_t now = km_min(size - 1 - have, (size_t)64);

		now = now < in_page ? now : (size_t)in_page;
		enum km_status status = km_space_read(space, vaddr, buf + have, now);

		if (status != KM_OK) {
			buf[have] = 0;
			return status;
		}
		if (memchr(buf + have, 0, now))
			return KM_OK;
		have += now;
		vaddr += now;
		buf[have] = 0;
	}
	return KM_OK;
}
