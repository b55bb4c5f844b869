// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page that a Linux kernel on x86 is entered with, struct boot_params, and what it points to
 * (Documentation/arch/x86/boot.rst and zero-page.rst; arch/x86/include/uapi/asm/bootparam.h and
 * setup_data.h). All of it is one segment: page, command line, setup_data, EFI's memory map.
 */
#include <inttypes.h>
#include <string.h>

#include "loader/build.h"

/* Offsets in the page. */
enum {
	SCREEN_INFO = 0x000,
	SCREEN_INFO_SIZE = 0x40,
	EXT_MEM_K = 0x002, /* in screen_info; of a BIOS call that nobody made */
	ACPI_RSDP_ADDR = 0x070,
	EXT_RAMDISK_IMAGE = 0x0c0,
	EXT_RAMDISK_SIZE = 0x0c4,
	EXT_CMD_LINE_PTR = 0x0c8,
	EFI_INFO =
		0x1c0, /* signature, systab, descriptor's size and version, map, its size, … high */
	ALT_MEM_K = 0x1e0,
	E820_ENTRIES = 0x1e8,
	EDDBUF_ENTRIES = 0x1e9,
	EDD_MBR_SIG_ENTRIES = 0x1ea,
	SECURE_BOOT = 0x1ec,
	SETUP_HEADER = 0x1f1,
	VID_MODE = 0x1fa,
	BOOT_FLAG = 0x1fe,
	HEADER_MAGIC = 0x202,
	PROTOCOL = 0x206,
	TYPE_OF_LOADER = 0x210,
	LOADFLAGS = 0x211,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	CMD_LINE_PTR = 0x228,
	CMDLINE_SIZE = 0x238,
	SETUP_DATA = 0x250,
	SETUP_HEADER_END = 0x290,
	EDD_MBR_SIG_BUFFER = 0x290,
	EDD_MBR_SIG_SIZE = 64,
	E820_TABLE = 0x2d0,
	EDDBUF = 0xd00,
	EDDBUF_SIZE = 492,
	PAGE_SIZE_ = 4096,
};

enum {
	E820_ENTRY_SIZE = 20,
	E820_IN_PAGE = 128,
	LOADER_KEXEC = 0xd0, /* boot.rst: D is kexec-tools, whose place we take */
	PROTOCOL_CMDLINE_SIZE = 0x206,
	PROTOCOL_SETUP_DATA = 0x209,
	OLD_CMDLINE_MAX = 255,
	LINUX_CMDLINE_MAX = 2047, /* COMMAND_LINE_SIZE of x86 is 2048 with the NUL */
	EFI_DESCRIPTOR_SIZE = 40,
	CMDLINE_ROOM = KM_CMDLINE_ROOM,
};

enum setup_type {
	SETUP_E820_EXT = 1,
	SETUP_EFI = 4,
	SETUP_RNG_SEED = 9,
};

/* The segment while it is made: BYTES have their final size from the start. */
struct page {
	const struct km_load_build *build;
	const struct km_boot_params *params;
	u8 *bytes;
	u64 start;
	u64 used;
	u64 link; /* offset of the pointer that the next setup_data's address goes to */
};

static void put16(u8 *at, u16 value)
{
	memcpy(at, &value, sizeof(value));
}

static void put32(u8 *at, u32 value)
{
	memcpy(at, &value, sizeof(value));
}

static void put64(u8 *at, u64 value)
{
	memcpy(at, &value, sizeof(value));
}

static u64 aligned(u64 size)
{
	return (size + 15) & ~(u64)15;
}

/* ---- what there is to be passed on -------------------------------------------------------------- */

/* EFI's services are of use only with the map that the first kernel gave to SetVirtualAddressMap():
 * it can be called once. */
static bool passes_efi(const struct km_load_build *build)
{
	const struct km_machine *machine = build->machine;

	return machine->has_efi && !build->request->no_efi && machine->efi_systab &&
	       machine->efi_fw_vendor && machine->efi_config_table && machine->efi_ranges.count &&
	       machine->boot_params.size == PAGE_SIZE_;
}

static size_t e820_rest(const struct km_load_plan *plan)
{
	return plan->map.count > E820_IN_PAGE ? plan->map.count - E820_IN_PAGE : 0;
}

static u64 setup_data_size(u64 payload)
{
	return aligned(16 + payload);
}

static u64 segment_size(const struct km_load_build *build)
{
	u64 size = PAGE_SIZE_ + aligned(build->cmdline.len + 1 + CMDLINE_ROOM);

	if (e820_rest(build->plan))
		size += setup_data_size(e820_rest(build->plan) * E820_ENTRY_SIZE);
	if (passes_efi(build))
		size += setup_data_size(12 * 8) +
			aligned(build->machine->efi_ranges.count * EFI_DESCRIPTOR_SIZE);
	if (build->machine->has_rng_seed)
		size += setup_data_size(sizeof(build->machine->rng_seed));
	return size;
}

/* ---- the page itself ----------------------------------------------------------------------------- */

/* A vmlinux brings no setup header; what boot.rst asks of a boot loader is enough for its startup_64. */
static void put_own_header(u8 *page)
{
	put16(page + BOOT_FLAG, 0xaa55);
	memcpy(page + HEADER_MAGIC, "HdrS", 4);
	put16(page + PROTOCOL, 0x20f);
	page[LOADFLAGS] = 1; /* LOADED_HIGH */
	put32(page + CMDLINE_SIZE, LINUX_CMDLINE_MAX);
}

static u32 cmdline_limit(const u8 *page)
{
	u32 limit = OLD_CMDLINE_MAX;
	u16 protocol = (u16)(page[PROTOCOL] | page[PROTOCOL + 1] << 8);

	if (protocol >= PROTOCOL_CMDLINE_SIZE && km_load32(page + CMDLINE_SIZE))
		limit = km_load32(page + CMDLINE_SIZE);
	return limit;
}

static struct km_error *put_header(struct page *p)
{
	const struct km_boot_params *params = p->params;
	u32 limit;

	if (params->setup)
		memcpy(p->bytes + SETUP_HEADER, params->setup,
		       km_min(params->setup_size, (size_t)SETUP_HEADER_END - SETUP_HEADER));
	else
		put_own_header(p->bytes);
	limit = cmdline_limit(p->bytes);
	p->build->plan->cmdline_limit = limit;
	if (p->build->cmdline.len > limit)
		return km_error_new(
			KM_ERROR_USAGE,
			"the command line has %zu bytes, and this kernel takes %u at most",
			p->build->cmdline.len, limit);
	p->bytes[TYPE_OF_LOADER] = LOADER_KEXEC;
	put16(p->bytes + VID_MODE, 0xffff); /* "normal" */
	put32(p->bytes + RAMDISK_IMAGE, (u32)params->initrd_start);
	put32(p->bytes + EXT_RAMDISK_IMAGE, (u32)(params->initrd_start >> 32));
	put32(p->bytes + RAMDISK_SIZE, (u32)params->initrd_size);
	put32(p->bytes + EXT_RAMDISK_SIZE, (u32)(params->initrd_size >> 32));
	p->link = SETUP_DATA;
	put64(p->bytes + SETUP_DATA, 0);
	return NULL;
}

/* What the running kernel was told by its own loader and firmware, and cannot be asked again. */
static void put_inherited(struct page *p)
{
	const struct km_machine *machine = p->build->machine;
	const u8 *old = machine->boot_params.data;

	put64(p->bytes + ACPI_RSDP_ADDR, machine->acpi_rsdp);
	if (machine->boot_params.size != PAGE_SIZE_)
		return;
	memcpy(p->bytes + SCREEN_INFO, old + SCREEN_INFO, SCREEN_INFO_SIZE);
	put16(p->bytes + EXT_MEM_K, 0);
	p->bytes[SECURE_BOOT] = old[SECURE_BOOT];
	p->bytes[EDDBUF_ENTRIES] = old[EDDBUF_ENTRIES];
	p->bytes[EDD_MBR_SIG_ENTRIES] = old[EDD_MBR_SIG_ENTRIES];
	memcpy(p->bytes + EDD_MBR_SIG_BUFFER, old + EDD_MBR_SIG_BUFFER, EDD_MBR_SIG_SIZE);
	memcpy(p->bytes + EDDBUF, old + EDDBUF, EDDBUF_SIZE);
}

static void put_cmdline(struct page *p)
{
	const struct km_str *cmdline = &p->build->cmdline;
	u64 at = p->start + p->used;

	if (cmdline->len)
		memcpy(p->bytes + p->used, cmdline->data, cmdline->len);
	put32(p->bytes + CMD_LINE_PTR, (u32)at);
	put32(p->bytes + EXT_CMD_LINE_PTR, (u32)(at >> 32));
	p->used += aligned(cmdline->len + 1 + CMDLINE_ROOM);
}

/* ---- setup_data ------------------------------------------------------------------------------------ */

/* A node of PAYLOAD bytes at the list's end; yields where they go. */
static u8 *add_setup_data(struct page *p, enum setup_type type, u64 payload)
{
	u8 *node = p->bytes + p->used;

	put64(p->bytes + p->link, p->start + p->used);
	p->link = p->used; /* `next` is the node's first member */
	put64(node, 0);
	put32(node + 8, type);
	put32(node + 12, (u32)payload);
	p->used += setup_data_size(payload);
	return node + 16;
}

static void put_e820_entry(u8 *at, const struct km_memory_range *range)
{
	put64(at, range->start);
	put64(at + 8, range->end - range->start);
	put32(at + 16, (u32)range->type);
}

static void put_e820(struct page *p)
{
	const struct km_load_plan *plan = p->build->plan;
	size_t rest = e820_rest(plan), in_page = plan->map.count - rest;
	u8 *more;

	p->bytes[E820_ENTRIES] = (u8)in_page;
	for (size_t i = 0; i < in_page; i++) {
		const struct km_memory_range *range = &plan->map.data[i];

		put_e820_entry(p->bytes + E820_TABLE + i * E820_ENTRY_SIZE, range);
		/* Kernels too old for e820 ask for what lies above 1 MiB in one piece. */
		if (range->type == KM_MEMORY_RAM && range->start <= 0x100000 &&
		    range->end > 0x100000)
			put32(p->bytes + ALT_MEM_K,
			      (u32)km_min((range->end - 0x100000) / 1024, (u64)UINT32_MAX));
	}
	if (!rest)
		return;
	more = add_setup_data(p, SETUP_E820_EXT, rest * E820_ENTRY_SIZE);
	for (size_t i = 0; i < rest; i++)
		put_e820_entry(more + i * E820_ENTRY_SIZE, &plan->map.data[in_page + i]);
}

static void put_efi_map(struct page *p)
{
	const struct km_machine *machine = p->build->machine;
	u64 size = machine->efi_ranges.count * EFI_DESCRIPTOR_SIZE, at = p->start + p->used;
	u8 *info = p->bytes + EFI_INFO, *to = p->bytes + p->used;

	km_vec_for_each (&machine->efi_ranges, range) {
		put32(to, range->type);
		put64(to + 8, range->phys);
		put64(to + 16, range->virt);
		put64(to + 24, range->pages);
		put64(to + 32, range->attributes);
		to += EFI_DESCRIPTOR_SIZE;
	}
	memcpy(info, "EL64", 4);
	put32(info + 4, (u32)machine->efi_systab);
	put32(info + 8, EFI_DESCRIPTOR_SIZE);
	put32(info + 12, 1);
	put32(info + 16, (u32)at);
	put32(info + 20, (u32)size);
	put32(info + 24, (u32)(machine->efi_systab >> 32));
	put32(info + 28, (u32)(at >> 32));
	p->used += aligned(size);
}

static void put_efi(struct page *p)
{
	const struct km_machine *machine = p->build->machine;
	u8 *data;

	if (!passes_efi(p->build))
		return;
	put_efi_map(p);
	data = add_setup_data(p, SETUP_EFI, 12 * 8); /* struct efi_setup_data */
	put64(data, machine->efi_fw_vendor);
	put64(data + 16, machine->efi_config_table);
	put64(data + 24, machine->efi_smbios);
}

static void put_rng_seed(struct page *p)
{
	const struct km_machine *machine = p->build->machine;

	if (machine->has_rng_seed)
		memcpy(add_setup_data(p, SETUP_RNG_SEED, sizeof(machine->rng_seed)),
		       machine->rng_seed, sizeof(machine->rng_seed));
}

/* ---- together --------------------------------------------------------------------------------------- */

static struct km_error *check_protocol(const struct page *p)
{
	u16 protocol = (u16)(p->bytes[PROTOCOL] | p->bytes[PROTOCOL + 1] << 8);

	if (protocol >= PROTOCOL_SETUP_DATA || !e820_rest(p->build->plan))
		return NULL;
	return km_error_new(
		KM_ERROR_UNSUPPORTED,
		"the memory map has %zu ranges, and this kernel (boot protocol %u.%02u) "
		"takes %d at most",
		p->build->plan->map.count, protocol >> 8, protocol & 0xff, E820_IN_PAGE);
}

static struct km_error *note_what_is_missing(struct km_load_build *build)
{
	const struct km_machine *machine = build->machine;

	if (machine->has_efi && !build->request->no_efi && !passes_efi(build))
		KM_TRY(km_plan_note(
			build->plan, "the new kernel cannot use EFI's services: %s",
			machine->efi_ranges.count
				? "the running kernel does not tell where its tables are"
				: "/sys/firmware/efi/runtime-map is not there"));
	if (!machine->boot_params.size)
		KM_TRY(km_plan_note(build->plan,
				    "/sys/kernel/boot_params/data is not there: the "
				    "new kernel is not told of the screen and of EDD"));
	return NULL;
}

struct km_error *km_boot_params_add(struct km_load_build *build,
				    const struct km_boot_params *params, u64 *ret_start)
{
	struct km_segment segment = {.purpose = KM_SEGMENT_BOOT_PARAMS, .in_digest = true};
	struct km_placing placing = {
		.size = (segment_size(build) + KM_PAGE - 1) / KM_PAGE * KM_PAGE,
		.align = KM_PAGE,
		.min = KM_PAGE,
		.max = params->max,
		.from_top = true,
	};
	struct page p = {.build = build, .params = params, .used = PAGE_SIZE_};
	km_auto_free u8 *bytes = calloc(1, placing.size);
	struct km_error *error;

	if (!bytes)
		return km_error_nomem();
	p.bytes = bytes;
	KM_TRY(put_header(&p));
	KM_TRY(check_protocol(&p));
	KM_TRY(km_place(build, &placing, "boot_params", &p.start));
	put_inherited(&p);
	put_cmdline(&p);
	build->cmdline_end = p.start + PAGE_SIZE_ + build->cmdline.len;
	put_e820(&p);
	put_efi(&p);
	put_rng_seed(&p);
	segment.start = p.start;
	segment.memory_size = placing.size;
	segment.size = p.used;
	segment.bytes = segment.owned = km_take(bytes);
	*ret_start = p.start;
	error = km_segment_add(build, &segment, "made here, with the command line");
	return error ? error : note_what_is_missing(build);
}
