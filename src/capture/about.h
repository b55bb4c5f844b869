/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a dump's headers say of the machine: taken from the source's headers, and from its memory. */
#ifndef KM_CAPTURE_ABOUT_H
#define KM_CAPTURE_ABOUT_H

#include "base/base.h"
#include "image/image.h"
#include "kernel/kernel.h"

struct km_about {
	struct kdump_header header; /* names, time, CPUs; sizes and status are the writer's */
	u64 phys_base;
	u16 machine;			    /* ELF e_machine */
	struct km_str notes;		    /* the source's notes, but for those that writers add */
	size_t vmcoreinfo, vmcoreinfo_size; /* of its text within `notes`; size 0: there is none */
	const struct km_image_segment *segments; /* the source's PT_LOADs, borrowed */
	size_t n_segments;
	struct km_space *space; /* for virtual addresses of physical memory; NULL: not known */
};

/* KERNEL may be NULL. SOURCE and KERNEL are borrowed. */
struct km_error *km_about_init(struct km_about *about, struct km_image *source,
			       struct km_kernel *kernel) km_must_check;
void km_about_done(struct km_about *about);

/* Appends an ELF note as Linux pads it. */
void km_note_append(struct km_str *notes, const char *name, u32 type, const void *desc,
		    size_t size);
/* Where the content of a note with NAME begins after its head. */
static inline size_t km_note_head(size_t name_size)
{
	return 12 + ((name_size + 3) & ~(size_t)3);
}

#endif
