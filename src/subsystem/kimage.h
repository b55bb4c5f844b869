/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels that were loaded by kexec and wait to be started: struct kimage (include/linux/kexec.h,
 * kernel/kexec_core.c), its segments, the list by which an image for reboot is moved into place, and
 * what the segments hold.
 *
 * The segments of a crash image lie in the memory that crashkernel= reserves, which a dump made by kdump
 * does not have; a living kernel and a hypervisor's dump have it. Those of an image for reboot lie in
 * pages anywhere until it is started; the list says in which.
 */
#ifndef KM_SUBSYSTEM_KIMAGE_H
#define KM_SUBSYSTEM_KIMAGE_H

#include "kernel/kernel.h"
#include "subsystem/seen.h"
#include "subsystem/walk.h"

enum { KM_KIMAGE_SEGMENTS = 16 }; /* KEXEC_SEGMENT_MAX */

/* ---- the list ------------------------------------------------------------------------------------ */

/* The low bits of an entry; the rest is a physical page. */
enum {
	KM_IND_DESTINATION = 1, /* pages from here on go there, one after the other */
	KM_IND_INDIRECTION = 2, /* the list goes on in that page */
	KM_IND_DONE = 4,
	KM_IND_SOURCE = 8, /* that page is the next to be copied */
};

struct km_kimage_entry {
	u64 index; /* in the list, from 0 */
	u64 value;
	unsigned flags;	 /* KM_IND_* */
	u64 page;	 /* physical */
	u64 destination; /* physical: of a source, where it goes */
};

struct km_kimage_walk {
	struct km_image *image;
	u64 next; /* the entry to be looked at, when `loaded` is false */
	bool started, done;
	unsigned at; /* in `page` */
	u64 page_address;
	u64 destination;
	u64 index;
	struct km_seen seen;
	struct km_walk_end end;
	u64 page[512];
};

/* Begins at HEAD, the value of kimage.head. IMAGE is borrowed: the list's pages are physical. */
void km_kimage_walk_begin(struct km_kimage_walk *walk, struct km_image *image, u64 head);
/* The next entry, with the one that says KM_IND_DONE; false at the end, of which walk->end tells. */
bool km_kimage_walk_next(struct km_kimage_walk *walk, struct km_kimage_entry *ret);
void km_kimage_walk_end(struct km_kimage_walk *walk);

/* ---- an image -------------------------------------------------------------------------------------- */

enum km_kimage_purpose {
	KM_KIMAGE_UNKNOWN,
	KM_KIMAGE_KERNEL,
	KM_KIMAGE_INITRD,
	KM_KIMAGE_BOOT_PARAMS, /* with the command line */
	KM_KIMAGE_ELFCOREHDR,
	KM_KIMAGE_BACKUP, /* of the first 640 KiB */
	KM_KIMAGE_PURGATORY,
};
/* "kernel", "boot_params", …; static. */
const char *km_kimage_purpose_text(enum km_kimage_purpose purpose);

struct km_kimage_segment {
	struct km_maybe start, memory_size; /* physical, bytes */
	struct km_maybe buffer_size;	    /* bytes that were given; the rest is zero */
	enum km_kimage_purpose purpose;
	const char *evidence; /* static; NULL where the purpose is not known */
};

struct km_kimage_page {
	u64 destination, source; /* physical */
};

struct km_kimage {
	u64 address; /* of its struct kimage */
	bool crash;  /* it is kexec_crash_image */
	struct km_maybe type, start, head, control_page;
	struct km_maybe file_mode, preserve_context, hotplug_support, elfcorehdr_updated;
	struct km_maybe elf_load_addr;
	struct km_maybe kernel_size, initrd_size,
		cmdline_size; /* of the files; kexec_file_load only */
	char loader[64]; /* the kernel's own for this type of file, "" where it was kexec_load */
	struct km_kimage_segment segments[KM_KIMAGE_SEGMENTS];
	size_t n_segments;
	struct km_maybe n_segments_told;
	/* The list. */
	u64 n_destinations, n_sources, n_indirections;
	u64 n_stray; /* sources that go where no segment is */
	bool list_done;
	struct km_walk_end list_end;
	KM_VEC(struct km_kimage_page) pages; /* sorted by destination */
	struct km_image *memory;	     /* borrowed */
};

/* The one of kexec_image and kexec_crash_image that CRASH says. *RET is NULL where none is loaded; the
 * error where that cannot be told. The caller's to free; borrows the kernel. */
struct km_error *km_kimage_read(struct km_kernel *k, bool crash, const struct km_job *job,
				struct km_kimage **ret) km_must_check;
void km_kimage_free(struct km_kimage *image);
KM_DEFINE_CLEANUP(struct km_kimage *, km_kimage_free)

/* What will lie at PADDR when the image is started: read where it lies now. */
enum km_status km_kimage_bytes(const struct km_kimage *image, u64 paddr, void *buf, size_t len);

/* ---- what segments hold ------------------------------------------------------------------------------- */

struct km_elfcorehdr_part {
	bool is_note;
	u64 offset, paddr, vaddr, size;
};

struct km_elfcorehdr {
	bool is_64;
	KM_VEC(struct km_elfcorehdr_part) parts;
};
/* Decodes SIZE bytes. *RET (zeroed by the caller) is to be given to km_elfcorehdr_free(), after an error
 * too: what could be read is there. */
struct km_error *km_elfcorehdr_parse(const u8 *bytes, size_t size,
				     struct km_elfcorehdr *ret) km_must_check;
void km_elfcorehdr_free(struct km_elfcorehdr *headers);
#define km_auto_elfcorehdr km_cleanup(km_elfcorehdr_free)
/* The image's own, in whichever segment it lies. */
struct km_error *km_kimage_elfcorehdr(const struct km_kimage *image,
				      struct km_elfcorehdr *ret) km_must_check;

struct km_kimage_range {
	u64 start, size;
	u32 type; /* e820's */
};
/* Of the image's boot_params. */
struct km_kimage_boot {
	char cmdline[2049]; /* cut to that */
	enum km_status cmdline_status;
	u64 initrd, initrd_size;
	u64 acpi_rsdp;
	bool efi;
	KM_VEC(struct km_kimage_range) map; /* e820, with its extension */
};
struct km_error *km_kimage_boot_params(const struct km_kimage *image,
				       struct km_kimage_boot *ret) km_must_check;
void km_kimage_boot_free(struct km_kimage_boot *boot);
#define km_auto_kimage_boot km_cleanup(km_kimage_boot_free)

#endif
