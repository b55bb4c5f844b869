/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of this room share: files that are mapped or read, the overlay of extents, notes,
 * and the table of functions that a format is.
 */
#ifndef KM_IMAGE_FORMAT_H
#define KM_IMAGE_FORMAT_H

#include <pthread.h>
#include <stdatomic.h>

#include "image/image.h"

/* ---- mapping.c: a file in memory, and what becomes of SIGBUS ---- */

struct km_mapping {
	u8 *data; /* NULL: not mapped */
	size_t size;
	struct km_mapping_slot *slot;
	u64 *poked; /* offsets of the pages that differ from the file's, sorted; owned */
	size_t n_poked;
};

/* Maps SIZE bytes of FD, privately. False where that cannot be had: the caller reads instead. */
bool km_mapping_map(struct km_mapping *mapping, int fd, u64 size, bool writable);
/* Has the byte at OFFSET read as VALUE; only before the mapping is sealed. False: no memory. */
bool km_mapping_poke(struct km_mapping *mapping, u64 offset, u8 value);
/* Lets go of the memory behind these bytes; the file has them still. Pages that were poked stay. */
void km_mapping_forget(struct km_mapping *mapping, u64 offset, u64 len);
/* Takes the right to write back. */
void km_mapping_seal(struct km_mapping *mapping);
void km_mapping_unmap(struct km_mapping *mapping);
/* Whether the system failed to bring in any page of these bytes, since the mapping was made. */
bool km_mapping_damaged_slow(const struct km_mapping *mapping, u64 offset, u64 len);
extern atomic_uint km_mapping_faults;
static inline bool km_mapping_damaged(const struct km_mapping *mapping, u64 offset, u64 len)
{
	if (km_likely(!atomic_load_explicit(&km_mapping_faults, memory_order_relaxed)))
		return false;
	return km_mapping_damaged_slow(mapping, offset, len);
}

/* ---- file.c: bytes at offsets, wherever they come from ---- */

struct km_flat;

struct km_file {
	char *path;
	int fd;
	u64 disk_size; /* of the file itself */
	u64 size;      /* of what it holds: differs where it is flattened */
	bool made_up;  /* by the kernel as it is read: /proc */
	struct km_mapping map;
	struct km_flat *flat; /* NULL: not flattened */
	const struct km_log *log;
	atomic_bool reported; /* an I/O error has been told of */
};

enum km_file_way {
	KM_FILE_MAP,
	KM_FILE_MAP_WRITABLE, /* bytes can be poked into the mapping, not into the file */
	KM_FILE_READ,
};

/* FD, unless it is -1, is what PATH names already opened; it is FILE's from now on. */
struct km_error *km_file_open(struct km_file *file, const char *path, int fd, enum km_file_way way,
			      const struct km_log *log) km_must_check;
void km_file_close(struct km_file *file);
/* KM_OK, KM_TRUNCATED (not all of it is in the file), KM_IO. */
enum km_status km_file_read(struct km_file *file, u64 offset, void *buf, size_t len);
/* The bytes in place, or NULL where they are not all in memory, in one piece. */
const u8 *km_file_at_flat(const struct km_file *file, u64 offset, u64 len);
static inline const u8 *km_file_at(const struct km_file *file, u64 offset, u64 len)
{
	if (km_unlikely(file->flat != NULL))
		return km_file_at_flat(file, offset, len);
	if (!file->map.data || offset > file->size || len > file->size - offset)
		return NULL;
	return file->map.data + offset;
}
/* KM_IO where bytes that were just used through km_file_at() turned out not to be readable. */
enum km_status km_file_check(struct km_file *file, const u8 *at, u64 len);

/* ---- flattened.c ---- */

bool km_flat_probe(struct km_file *file);
/* Indexes FILE's records; from then on FILE reads as what was flattened. */
struct km_error *km_flat_open(struct km_file *file) km_must_check;
void km_flat_free(struct km_flat *flat);
/* How many bytes from OFFSET on lie together, and where: *ret_disk is an offset of the file itself.
 * *ret_hole: they are in no record and read as zeros. 0: past the end. */
u64 km_flat_find(const struct km_flat *flat, u64 offset, u64 *ret_disk, bool *ret_hole);
bool km_flat_ended(const struct km_flat *flat);	 /* its last record says that it is the last */
u64 km_flat_missing(const struct km_flat *flat); /* bytes that its last record lacks */

/* ---- overlay.c ---- */

struct km_span {
	u64 start, end;
	u64 priority; /* where two overlap, the greater has it */
	u32 source;
};

struct km_piece {
	u64 start, end;
	u32 source;
};

/* Cuts SPANS (sorted in place) to sorted, disjoint pieces that cover the same. */
struct km_error *km_overlay(struct km_span *spans, size_t count, struct km_piece **ret,
			    size_t *ret_count) km_must_check;
/* The piece with ADDRESS in it, or NULL. */
const struct km_piece *km_piece_find(const struct km_piece *pieces, size_t count, u64 address);

/* ---- the formats ---- */

struct km_image_ops {
	bool (*probe)(struct km_file *file);
	struct km_error *(*open)(struct km_image *image);
	void (*close)(struct km_image *image);
	/* As km_image_read(), for bytes of one stretch. KEEP: may be kept for a second reader. */
	enum km_status (*read)(struct km_image *image, u64 paddr, void *buf, size_t len, bool keep);
	const u8 *(*mapped)(struct km_image *image, u64 paddr, size_t len);
	enum km_status (*page_status)(struct km_image *image, u64 paddr);
	/* Where in the file these bytes lie together; false where they do not. NULL: nowhere. */
	bool (*place)(struct km_image *image, u64 paddr, u64 len, u64 *ret_offset);
	/* Lets go of the memory behind these bytes. NULL: they are looked up in one piece. */
	void (*forget)(struct km_image *image, u64 paddr, u64 len);
	/* Fills image->ranges when they are first asked for; NULL: open() did. */
	void (*find_ranges)(struct km_image *image);
	bool shares_pages; /* frames may share bytes of the file: those are not poked for one of them */
	u32 view_block; /* bytes that one step of a parallel view decodes; 0: views are not split */
};

extern const struct km_image_ops km_elf_ops, km_kdump_ops, km_raw_ops;

struct km_image {
	const struct km_image_ops *ops;
	void *format; /* the format's own */
	struct km_image_info info;
	struct km_file *files;
	size_t n_files;
	bool of_kernel; /* not a dump, but the kernel's own file */
	struct km_pool *pool;
	const struct km_log *log;
	size_t cache_bytes;
	KM_VEC(struct km_note) notes;
	KM_VEC(void *) owned; /* freed with the image */
	const char *vmcoreinfo;
	size_t vmcoreinfo_len;
	pthread_mutex_t lock; /* guards what is made late: the ranges */
	bool ranges_known;
	struct km_range *ranges;
	size_t n_ranges;
	struct km_image_segment *segments;
	size_t n_segments;
	struct km_image_patch *patches; /* physical ones that could not be poked, sorted */
	size_t n_patches;
};

/* SIZE bytes that live as long as the image: in place where they can be, else a copy. */
struct km_error *km_image_bytes(struct km_image *image, struct km_file *file, u64 offset, u64 size,
				const u8 **ret) km_must_check;

/* ---- notes.c ---- */

/* Adds the notes in SIZE bytes at OFFSET; what cannot be read is logged and left out. ALIGN is the
 * segment's p_align. */
struct km_error *km_notes_parse(struct km_image *image, struct km_file *file, u64 offset, u64 size,
				u64 align, bool swap) km_must_check;
/* The value of KEY ("OSRELEASE") in VMCOREINFO, or NULL. Not NUL-terminated. */
const char *km_vmcoreinfo_value(const struct km_image *image, const char *key, size_t *ret_len);

/* ---- kcore.c ---- */

/* HAS_VIRTUAL_ONLY: a PT_LOAD has no physical address (-1). */
bool km_kcore_probe(const struct km_file *file, bool has_virtual_only);
void km_kcore_describe(struct km_image *image);

/* ---- pagecache.c ---- */

struct km_pagecache;

/* BYTES: 0 for a size by the machine's memory. */
struct km_error *km_pagecache_new(size_t bytes, u32 page_size,
				  struct km_pagecache **ret) km_must_check;
void km_pagecache_free(struct km_pagecache *cache);
/* Copies LEN bytes from OFFSET of the page called KEY (not 0), if it is there. */
bool km_pagecache_get(struct km_pagecache *cache, u64 key, u32 offset, void *buf, u32 len);
void km_pagecache_put(struct km_pagecache *cache, u64 key, const void *page);

#endif
