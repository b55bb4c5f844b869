/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room `image`: what is in a dump file. Physical memory as it was, the ranges that the file speaks
 * of, its notes. Knows nothing of Linux beyond the notes' names.
 *
 * An image is safe to read from several threads at once. Everything that it hands out by pointer
 * (notes, ranges, info) lives as long as the image.
 */
#ifndef KM_IMAGE_IMAGE_H
#define KM_IMAGE_IMAGE_H

#include "base/base.h"
#include "image/kdump_layout.h"

struct km_image;

/* Bytes that are to read differently from what the file says: how a damaged dump is made without
 * copying it. Offsets are of the file (PHYSICAL false; of the first file of a set) or physical
 * addresses (PHYSICAL true; applied to what a page holds once it is decoded). */
struct km_image_patch {
	bool physical;
	u64 offset;
	u8 value;
};

struct km_image_options {
	size_t cache_bytes; /* decoded pages kept, for compressed formats; 0: sized to the machine */
	/* The first two are borrowed for the image's life, and may be NULL; the patches during the open
	 * only. The pool is for decoding many pages at once. */
	struct km_pool *pool;
	const struct km_log *log;
	const struct km_image_patch *patches;
	size_t n_patches;
	/* Read, do not map: for who looks at little of a file, and whose memory is counted. */
	bool unmapped;
};

enum km_image_format {
	KM_IMAGE_ELF,
	KM_IMAGE_KDUMP, /* makedumpfile's and QEMU's kdump-compressed format */
	KM_IMAGE_RAW,	/* physical memory from address 0, byte for byte */
	KM_IMAGE_KCORE, /* the running kernel's /proc/kcore */
};

/* What the file says of itself. */
struct km_image_info {
	enum km_image_format format;
	char description[96]; /* for a banner: "ELF", "compressed kdump (zstd), flattened", … */
	u16 machine;	      /* ELF e_machine; 0 where the format does not say */
	char utsname_machine[65], utsname_release[65], utsname_nodename[65]; /* "" where unknown */
	char utsname_version[65];
	u32 page_size; /* of the dumped machine; 0 where the format does not say */
	bool big_endian;
	bool partial;	     /* some pages were filtered out */
	int dump_level;	     /* makedumpfile's -d, or -1 where the format does not say */
	bool incomplete;     /* the writer says that it could not finish */
	u64 truncated_bytes; /* bytes that the headers promise and the file lacks */
	u64 file_size;
	u64 max_pfn;	   /* 1 + the last frame that the file speaks of */
	u64 pages_present; /* frames whose contents are in the file, each counted once */
	u64 timestamp;	   /* seconds since 1970 of the dump, by its header; 0: not said */
	u32 n_cpus;	   /* as the header says; 0: not said */
};

struct km_range {
	u64 start, end; /* [start, end), physical bytes */
};

struct km_note {
	const char *name; /* "CORE", "VMCOREINFO", "QEMU", "LINUX", … */
	u32 type;
	const u8 *desc;
	size_t size;
	u64 offset; /* of DESC in the file */
};

/* A window on memory that need not be copied. `opaque` belongs to the room that gave it. */
struct km_view {
	const u8 *data;
	size_t size;
	void *opaque;
	size_t mapped; /* bytes at OPAQUE that are mapped for this view alone; 0: it was allocated */
};

/*
 * Opens the dump made of PATHS (one file; or the parts of a split dump, in any order). On success
 * *ret is the caller's, to be given to km_image_close(). The error names the file and what is wrong
 * in it. A file that is cut short opens as long as its headers are there.
 */
struct km_error *km_image_open(const char *const *paths, size_t n_paths,
			       const struct km_image_options *options,
			       struct km_image **ret) km_must_check;
void km_image_close(struct km_image *image);
KM_DEFINE_CLEANUP(struct km_image *, km_image_close)

/*
 * Opens the file of a kernel itself, PATH: an ELF (vmlinux) or one that km_packed_find() finds an ELF in.
 * Physical memory is then what the ELF's PT_LOADs hold, at p_paddr; km_image_segments() and
 * km_image_notes() are the file's.
 */
struct km_error *km_image_open_kernel(const char *path, const struct km_log *log,
				      struct km_image **ret) km_must_check;

const struct km_image_info *km_image_info(const struct km_image *image);

/*
 * Raw memory only: the file has nothing for [START, END), and its bytes from START on lie at END and
 * above. So is the file of a hypervisor's memory backend, where a PC leaves room for devices below
 * 4 GiB; only what is in memory tells. START == END: no hole. To be called before others read; false
 * for other formats, and where the file ends before START.
 */
bool km_image_set_hole(struct km_image *image, u64 start, u64 end);

/* Reads LEN bytes of physical memory at PADDR, across pages and ranges that touch. Fails as a whole,
 * with the reason of the first page that fails; BUF is then undefined. */
enum km_status km_image_read(struct km_image *image, u64 paddr, void *buf, size_t len);

/* The same for who goes through much of memory, once: copied by the system where the bytes lie together in
 * the file, so that nothing of the file stays mapped in this process. */
enum km_status km_image_read_through(struct km_image *image, u64 paddr, void *buf, size_t len);

/*
 * A window of LEN bytes at PADDR. It points into the file where the bytes lie together there, and
 * is a copy otherwise. Give it back with km_image_unview().
 */
enum km_status km_image_view(struct km_image *image, u64 paddr, size_t len, struct km_view *ret);
void km_image_unview(struct km_image *image, struct km_view *view);

/* /proc/vmcore only, which is not mapped as a whole (its mmap builds page tables eagerly): maps LEN bytes
 * at PADDR for this view, as far as that is a small part of the memory. KM_UNKNOWN where it cannot be had:
 * then read. Give it back with km_image_unview(). */
enum km_status km_image_window(struct km_image *image, u64 paddr, size_t len, struct km_view *ret);

/* Like km_image_view(), but only where no copy is needed: NULL otherwise. The pointer stays valid
 * for the image's life; nothing is to be given back. */
const u8 *km_image_mapped(struct km_image *image, u64 paddr, size_t len);

/* Bytes of the dump file itself, of PATHS[FILE] of the open; of what was flattened where it is that.
 * KM_OK, KM_TRUNCATED or KM_IO. For checksums; memory is read with the calls above. */
enum km_status km_image_file_read(struct km_image *image, size_t file, u64 offset, void *buf,
				  size_t len);
/* Its size in the same sense. */
u64 km_image_file_size(const struct km_image *image, size_t file);

/* Who has gone through LEN bytes and will not come back says so: what of the file lies in this process's
 * memory for them is let go. Nothing changes in what is read; pointers into them stay valid. */
void km_image_forget(struct km_image *image, u64 paddr, u64 len);

/* Writes LEN (at most 64) bytes to the running kernel's memory, and reads them back: an error where they
 * are not there, as on all kernels that protect their memory from /dev/mem. Never to a dump. */
struct km_error *km_image_write(struct km_image *image, u64 paddr, const void *bytes,
				size_t len) km_must_check;

/* Why, or whether, the page at PADDR can be read, without reading it. Whether it decodes is not tried:
 * KM_OK here may be KM_CORRUPT or KM_IO when it is read. */
enum km_status km_image_page_status(struct km_image *image, u64 paddr);

/* The physical ranges that the file has contents for (ELF) or that the machine had memory at by the
 * file's first bitmap (kdump), sorted, disjoint. Of a bitmap with more than 65,536 stretches, the last
 * range covers the rest. */
size_t km_image_ranges(const struct km_image *image, const struct km_range **ret);

/* A PT_LOAD's virtual address for what it holds, where the file is an ELF that says so. */
struct km_image_segment {
	u64 vaddr, paddr, size;
};
size_t km_image_segments(const struct km_image *image, const struct km_image_segment **ret);

size_t km_image_notes(const struct km_image *image, const struct km_note **ret);

/* VMCOREINFO's text ("KEY=VALUE" lines, not NUL-terminated), or NULL where the file has none. */
const char *km_image_vmcoreinfo(const struct km_image *image, size_t *ret_len);

/* ---- kernels as files ------------------------------------------------------------------------- */

/* How the kernel in a file, or an initramfs, is packed. */
enum km_packing {
	KM_PACKED_NOT,
	KM_PACKED_GZIP,
	KM_PACKED_BZIP2,
	KM_PACKED_XZ,
	KM_PACKED_LZMA,
	KM_PACKED_LZO,
	KM_PACKED_LZ4,
	KM_PACKED_ZSTD,
};

/* The packed part of a file: borrowed from the bytes of the file. */
struct km_packed {
	enum km_packing packing;
	const u8 *data;
	size_t size;
};

/*
 * Finds the packed part of a kernel's FILE: in an x86 bzImage (Documentation/arch/x86/boot.rst), in an EFI
 * zboot image, or the file as a whole where it is a packed stream (Image.gz, an initramfs). A file of any
 * other kind, such as an ELF, is KM_PACKED_NOT and all of it. An error where the file's header promises a
 * payload and it is not there, or is packed in an unknown way.
 */
struct km_error *km_packed_find(const u8 *file, size_t size, struct km_packed *ret) km_must_check;

/* Unpacks the stream that DATA begins with to at most LIMIT bytes, into memory that the caller frees. What
 * lies behind the stream is not looked at. *RET is NULL on an error, and may be where nothing was packed. */
struct km_error *km_unpack(const u8 *data, size_t size, size_t limit, u8 **ret,
			   size_t *ret_size) km_must_check;

/* "gzip", …; static. */
const char *km_packing_name(enum km_packing packing);

#endif
