// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The purgatory: runs after the old kernel's last instruction and before the new one's first, with
 * neither of them to help. It verifies what was loaded, saves what the new kernel will overwrite, and
 * says what is wrong where something is: a machine that stands still without a word cannot be helped.
 */
#include "loader/purgatory/console.h"
#include "loader/purgatory/params.h"
#include "loader/purgatory/sha256.h"

__attribute__((section(".params"))) struct km_purgatory_params params = {
	.magic = KM_PURGATORY_MAGIC,
};

_Static_assert(offsetof(struct km_purgatory_params, flags) == KM_PURGATORY_AT_FLAGS, "entry.S");
_Static_assert(offsetof(struct km_purgatory_params, entry) == KM_PURGATORY_AT_ENTRY, "entry.S");
_Static_assert(offsetof(struct km_purgatory_params, rsi) == KM_PURGATORY_AT_RSI, "entry.S");
_Static_assert(offsetof(struct km_purgatory_params, eax) == KM_PURGATORY_AT_EAX, "entry.S");
_Static_assert(offsetof(struct km_purgatory_params, ebx) == KM_PURGATORY_AT_EBX, "entry.S");
_Static_assert(offsetof(struct km_purgatory_params, trampoline) == KM_PURGATORY_AT_TRAMPOLINE,
	       "entry.S");

void *memcpy(void *to, const void *from, size_t n)
{
	void *begin = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return begin;
}

void *memset(void *to, int value, size_t n)
{
	void *begin = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
	return begin;
}

static void wait_seconds(unsigned seconds)
{
	for (uint64_t i = 0; i < (uint64_t)seconds * 1000000; i++)
		pause_us();
}

/* By what a PC has for it, one after the other; the last cannot fail: no exception can be delivered. */
static void reset(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) nothing = {0, 0};

	out8(0xcf9, 0x02);
	out8(0xcf9, 0x06); /* the chipset's reset register */
	wait_seconds(1);
	out8(0x64, 0xfe); /* the keyboard controller's line */
	wait_seconds(1);
	__asm__ volatile("lidt %0; int3" : : "m"(nothing));
}

/* What all failures end with. */
static void __attribute__((noreturn)) give_up(void)
{
	if (params.flags & KM_PURGATORY_RESET) {
		console_text("kmortem: purgatory: resetting the machine");
		if (params.reset_after) {
			console_text(" in ");
			console_decimal(params.reset_after);
			console_text(" s");
		}
		console_text("\n");
		wait_seconds(params.reset_after);
		reset();
	}
	console_text("kmortem: purgatory: the machine is halted; reset it by hand\n");
	for (;;)
		__asm__ volatile("cli; hlt");
}

void exception_report(uint64_t vector, uint64_t error, uint64_t rip, uint64_t cr2)
{
	console_select(1, 1);
	console_text("\nkmortem: purgatory: exception ");
	console_decimal(vector);
	console_text(" (error ");
	console_hex(error);
	console_text(") at ");
	console_hex(rip);
	console_text(", CR2 ");
	console_hex(cr2);
	console_text("\n");
	give_up();
}

/* ---- exceptions ------------------------------------------------------------------------------------- */

struct gate {
	uint16_t offset_low, selector;
	uint8_t stack, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
} __attribute__((packed));

enum { VECTORS = 32, CODE_SELECTOR = 0x10, PRESENT_INTERRUPT_GATE = 0x8e };

static struct gate gates[VECTORS];

static void catch_exceptions(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) table = {sizeof(gates) - 1, (uint64_t)gates};

	for (unsigned i = 0; i < VECTORS; i++) {
		uint64_t at = (uint64_t)(exception_stubs + i * EXCEPTION_STUB_SIZE);

		gates[i] = (struct gate){
			.offset_low = (uint16_t)at,
			.selector = CODE_SELECTOR,
			.type = PRESENT_INTERRUPT_GATE,
			.offset_middle = (uint16_t)(at >> 16),
			.offset_high = (uint32_t)(at >> 32),
		};
	}
	__asm__ volatile("lidt %0" : : "m"(table));
}

/* ---- the work ----------------------------------------------------------------------------------------- */

static void print_digest(const char *what, const uint8_t *digest)
{
	console_text(what);
	for (unsigned i = 0; i < KM_SHA256_SIZE; i++) {
		console_bytes(&"0123456789abcdef"[digest[i] >> 4], 1);
		console_bytes(&"0123456789abcdef"[digest[i] & 15], 1);
	}
	console_text("\n");
}

static int same(const uint8_t *a, const uint8_t *b)
{
	for (unsigned i = 0; i < KM_SHA256_SIZE; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

static int region_holds(const struct km_purgatory_region *region)
{
	uint8_t digest[KM_SHA256_SIZE];

	km_sha256((const void *)region->start, region->size, digest);
	if (same(digest, region->digest))
		return 1;
	console_select(1, 1);
	console_text("\nkmortem: purgatory: the ");
	console_bytes(region->name, sizeof(region->name));
	console_text(" at ");
	console_hex(region->start);
	console_text("-");
	console_hex(region->start + region->size - 1);
	console_text(" is not what was loaded: it was overwritten\n");
	print_digest("kmortem: purgatory: SHA-256 loaded ", region->digest);
	print_digest("kmortem: purgatory: SHA-256 now    ", digest);
	return 0;
}

static void verify(void)
{
	unsigned wrong = 0, i;

	for (i = 0; i < params.n_regions && i < KM_PURGATORY_REGIONS; i++)
		wrong += !region_holds(&params.regions[i]);
	if (wrong)
		give_up();
	console_text("kmortem: purgatory: SHA-256 holds for ");
	console_decimal(i);
	console_text(" segments\n");
}

/* " kexec_jump_back_entry=0x…", for the new kernel's user to come back by (kexec jump). */
static void write_way_back(uint64_t address)
{
	static const char name[] = " kexec_jump_back_entry=0x";
	char *to = (char *)params.jump_back_text;

	memcpy(to, name, sizeof(name) - 1);
	to += sizeof(name) - 1;
	for (int shift = 60; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[address >> shift & 15];
	*to = 0;
}

/* The interrupt controllers as a BIOS leaves and expects them: its vectors, its masks. */
static void restore_pic(void)
{
	static const struct {
		uint16_t port;
		uint8_t value;
	} steps[] = {
		{0x20, 0x11}, {0x21, 0x08}, {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xb8},
		{0xa0, 0x11}, {0xa1, 0x70}, {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0x8f},
	};

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		out8(steps[i].port, steps[i].value);
		pause_us();
	}
}

int purgatory_main(void)
{
	catch_exceptions();
	if (params.flags & KM_PURGATORY_RESET_VGA)
		console_reset_vga();
	console_open(params.serial_port, params.serial_baud);
	console_select(!!(params.flags & KM_PURGATORY_TELL_VGA),
		       !!(params.flags & KM_PURGATORY_TELL_SERIAL));
	console_text("\nkmortem: purgatory: entered\n");
	if (!(params.flags & KM_PURGATORY_NO_CHECKS))
		verify();
	if (params.backup_size)
		memcpy((void *)params.backup, (const void *)params.backup_source,
		       params.backup_size);
	if (params.flags & KM_PURGATORY_RETURNS && params.jump_back_text)
		write_way_back(*(const uint64_t *)entry_stack);
	if (params.mode == KM_PURGATORY_ENTER_REAL)
		restore_pic();
	console_text("kmortem: purgatory: entering the new kernel at ");
	console_hex(params.entry);
	console_text("\n");
	return (int)params.mode;
}
