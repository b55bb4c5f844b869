/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One capture: a source's memory, filtered and compressed, into one or several files.
 *
 * The formats are makedumpfile's (kdump-compressed, ELF, flattened, split), so that crash, drgn and
 * libkdumpfile read what is written here. Memory stays constant whatever the machine's size; every
 * loop asks the job whether to go on.
 */
#ifndef KM_CAPTURE_RUN_H
#define KM_CAPTURE_RUN_H

#include "base/base.h"
#include "image/image.h"
#include "kernel/kernel.h"
#include "capture/filter.h"

enum km_compression {
	KM_COMPRESS_NONE,
	KM_COMPRESS_ZLIB,
	KM_COMPRESS_LZO,
	KM_COMPRESS_SNAPPY,
	KM_COMPRESS_ZSTD,
};

enum km_capture_format {
	KM_CAPTURE_KDUMP,
	KM_CAPTURE_ELF,
};

#define KM_LEVELS_TRIED 8

struct km_dest_ops;

struct km_capture_options {
	enum km_capture_format format;
	enum km_compression compression;
	int effort; /* of the compressor, in its own scale; 0: the default of each */
	/* Tried in turn where the disk fills or the limit is reached; n_levels 0: level 31. */
	int levels[KM_LEVELS_TRIED];
	size_t n_levels;
	unsigned threads; /* 0: by the CPUs and the memory at hand */
	bool flattened;	  /* in makedumpfile's flattened format, which a pipe can take */
	bool force;	  /* replace files that are there */
	bool dry_run;	  /* everything but the writing */
	bool no_verify;	  /* do not read back what was written */
	u64 size_limit;	  /* bytes a file may have; 0: no limit */
	u64 bitmap_bytes; /* memory for the bitmap of pages to keep; 0: 8 MiB. More: filtered twice */
	u64 split_block; /* bytes of kept pages in which a split dump is dealt out; 0: by parts */
	const char *recipient; /* encrypt to this public key ("kmpub1…"); NULL: not */
	const char *const
		*erase; /* symbols, or "symbol:bytes", whose memory is overwritten with 'X' */
	size_t n_erase;
	/* The kernel in the source where the caller has it open already; NULL: opened here. What cannot
	 * be opened is saved whole. */
	struct km_kernel *kernel;
	struct km_kernel_options kernel_options; /* for opening it here */
	bool no_windows;			 /* read /proc/vmcore with read(2), not mmap(2) */
	const struct km_dest_ops *dest_ops;	 /* how files are written; NULL: by the system */
	const struct km_log *log;
};

/* Where to. A path "-", or FD >= 0 (and no path), is a stream: it takes flattened output only. */
struct km_capture_target {
	const char *const *paths; /* more than one: a split dump */
	size_t n_paths;
	int fd; /* -1: by paths */
};

/* What was saved, in pages. */
struct km_capture_pages {
	struct km_filter_counts filter; /* by what they are */
	u64 max_pfn;			/* 1 + the highest frame */
	u64 kept;			/* pages of zeros among them */
	u64 zero;			/* kept pages that are all zeros: they take no room */
	u64 unreadable;			/* to be kept, but the source could not give them */
	u64 unwritten;			/* to be kept, but the target took no more */
};

enum km_capture_outcome {
	KM_CAPTURE_COMPLETE,
	/* All pages are there as they were read, but the dead task's stack cannot be unwound from them. */
	KM_CAPTURE_UNPROVED,
	KM_CAPTURE_INCOMPLETE, /* a file is there, opens, and says that it lacks pages */
};

struct km_capture_result {
	enum km_capture_outcome outcome;
	int level;			  /* the one that was saved, after the filter's own check */
	struct km_filter_verdict verdict; /* of that check */
	char why[256];			  /* it is not KM_CAPTURE_COMPLETE; "" otherwise */
	int os_errno;			  /* of the target, where that is why */
	struct km_capture_pages pages;
	u64 bytes;	/* written, all files together */
	u64 data_bytes; /* of them: pages */
	unsigned threads;
	u64 filter_ns, copy_ns, verify_ns;
	bool verified; /* every checksum was read back and agreed */
	/* The dead task's stack was unwound from the written file, to its end or as far as from the
	 * source. */
	bool stack_checked;
	char stack_text[160]; /* what that check saw */
};

/*
 * Saves SOURCE. An error means that nothing useful is there: files that were begun are gone, unless
 * they are devices or streams. Otherwise *RET tells; an incomplete dump is a success of this kind.
 * Plain files get mode 0600 and appear under their name when they are done with (also when
 * incomplete); an existing one is an error without `force`.
 */
struct km_error *km_capture_run(struct km_image *source, const struct km_capture_target *target,
				const struct km_capture_options *options, const struct km_job *job,
				struct km_capture_result *ret) km_must_check;

#endif
