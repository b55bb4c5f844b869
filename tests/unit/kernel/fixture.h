/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel that a test makes: 2 MiB of image mapped at _stext, a direct map of all memory (4 MiB),
 * some vmalloc pages, and a VMCOREINFO which names every symbol that the test wants.
 */
#ifndef KM_TEST_KERNEL_FIXTURE_H
#define KM_TEST_KERNEL_FIXTURE_H

#include "debuginfo/btf_writer.h"
#include "dump.h"
#include "kernel/kernel.h"

#define FX_STEXT       0xffffffff81000000ULL
#define FX_DIRECT      0xffff888000000000ULL
#define FX_VMALLOC     0xffffc90000000000ULL
#define FX_PHYS_BASE   (-14680064LL) /* the image lies below its link address: 0x200000 - 0x1000000 */
#define FX_IMAGE_PADDR 0x200000ULL

/* Offsets in the image; text ends where the root of the page tables lies. */
enum {
	FX_TEXT_SIZE = 0x20000,
	FX_ROOT = 0x20000,
	FX_DATA = 0x30000,
	FX_BTF = 0x100000,
	FX_MEMORY = 4 << 20,
	FX_VMALLOC_PADDR = 0x10000, /* physical; 16 pages */
	FX_VMALLOC_SIZE = 0x10000,
};

struct fixture {
	struct dump d;
	struct km_str vmcoreinfo;
	struct btf_writer btf;
	bool has_types;
	struct km_kernel *k;
};

static inline u64 fx_virt(u64 offset)
{
	return FX_STEXT + offset;
}

/* Physical memory behind a virtual address of the fixture. */
static inline u64 fx_phys(u64 vaddr)
{
	if (vaddr >= FX_STEXT)
		return vaddr - FX_STEXT + FX_IMAGE_PADDR;
	if (vaddr >= FX_VMALLOC)
		return vaddr - FX_VMALLOC + FX_VMALLOC_PADDR;
	return vaddr - FX_DIRECT;
}

static inline void fx_put64(struct fixture *f, u64 vaddr, u64 value)
{
	dump_put64(&f->d, fx_phys(vaddr), value);
}

static inline void fx_put(struct fixture *f, u64 vaddr, const void *bytes, size_t len)
{
	dump_put(&f->d, fx_phys(vaddr), bytes, len);
}

static inline void fx_symbol(struct fixture *f, const char *name, u64 address)
{
	km_str_addf(&f->vmcoreinfo, "SYMBOL(%s)=%llx\n", name, (unsigned long long)address);
}

static inline void fx_tables(struct fixture *f)
{
	const u64 root = FX_IMAGE_PADDR + FX_ROOT, present = 1, large = 0x81;

	dump_put64(&f->d, root + 8 * 511, 0x2000 | present);
	dump_put64(&f->d, 0x2000 + 8 * 510, 0x3000 | present);
	dump_put64(&f->d, 0x3000 + 8 * 8, FX_IMAGE_PADDR | large);
	dump_put64(&f->d, root + 8 * 273, 0x4000 | present);
	dump_put64(&f->d, 0x4000, 0x5000 | present);
	dump_put64(&f->d, 0x5000, large);
	dump_put64(&f->d, 0x5008, 0x200000 | large);
	dump_put64(&f->d, root + 8 * 402, 0x6000 | present);
	dump_put64(&f->d, 0x6000, 0x7000 | present);
	dump_put64(&f->d, 0x7000, 0x8000 | present);
	for (unsigned i = 0; i < FX_VMALLOC_SIZE / 4096; i++)
		dump_put64(&f->d, 0x8000 + 8 * i, (FX_VMALLOC_PADDR + 4096 * i) | present);
}

static inline void fx_begin(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	dump_begin(&f->d, FX_MEMORY);
	fx_tables(f);
	w_begin(&f->btf, 1, 0);
	km_str_add(&f->vmcoreinfo, "OSRELEASE=99.0-test\nPAGESIZE=4096\n");
	km_str_addf(&f->vmcoreinfo, "NUMBER(phys_base)=%lld\n", FX_PHYS_BASE);
	fx_symbol(f, "_stext", FX_STEXT);
	fx_symbol(f, "_etext", fx_virt(FX_TEXT_SIZE));
	fx_symbol(f, "_sinittext", fx_virt(0x28000));
	fx_symbol(f, "_einittext", fx_virt(0x29000));
	fx_symbol(f, "_sdata", fx_virt(FX_DATA));
	fx_symbol(f, "_end", fx_virt(0x200000));
	fx_symbol(f, "init_top_pgt", fx_virt(FX_ROOT));
	km_str_add(&f->vmcoreinfo, "NUMBER(pgtable_l5_enabled)=0\nNUMBER(sme_mask)=0\n");
}

/* Puts what f->btf holds into the image. */
static inline void fx_types(struct fixture *f)
{
	w_end(&f->btf);
	assert_true(FX_BTF + f->btf.whole.len < 0x200000);
	fx_put(f, fx_virt(FX_BTF), f->btf.whole.data, f->btf.whole.len);
	fx_symbol(f, "__start_BTF", fx_virt(FX_BTF));
	fx_symbol(f, "__stop_BTF", fx_virt(FX_BTF) + f->btf.whole.len);
}

static inline void fx_open(struct fixture *f)
{
	struct km_kernel_options options = {0};

	if (f->vmcoreinfo.len)
		dump_note(&f->d, "VMCOREINFO", 0, f->vmcoreinfo.data, f->vmcoreinfo.len);
	dump_open(&f->d);
	assert_no_error(km_kernel_open(f->d.image, &options, &f->k));
}

static inline void fx_free(struct fixture *f)
{
	km_kernel_close(f->k);
	dump_free(&f->d);
	km_str_free(&f->vmcoreinfo);
	w_free(&f->btf);
}
#define auto_fixture km_cleanup(fx_free) struct fixture

/* A finding about WHAT; NULL where there is none. */
static inline const struct km_finding *fx_finding(struct fixture *f, const char *what)
{
	const struct km_finding *findings;
	size_t n = km_kernel_findings(f->k, &findings);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(findings[i].what, what))
			return &findings[i];
	return NULL;
}

#endif
