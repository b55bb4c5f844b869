/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capstone, opened when it is first needed: linked in it costs a megabyte and milliseconds at every
 * start. The few things of it that are used are declared here as its manual gives them
 * (www.capstone-engine.org, "Programming with C"); they have not changed from 4.0 on but for the
 * length of an instruction's bytes.
 */
#include <dlfcn.h>
#include <elf.h>
#include <string.h>

#include "command/dis.h"

enum { ARM64_BYTES = 4 };
enum { ARCH_ARM64 = 1, ARCH_X86 = 3, MODE_64 = 1 << 3, OPTION_SYNTAX = 1, SYNTAX_ATT = 2 };

struct instruction_4 {
	unsigned id;
	u64 address;
	u16 size;
	u8 bytes[16];
	char mnemonic[32];
	char operands[160];
	void *detail;
};

struct instruction_5 {
	unsigned id;
	u64 address;
	u16 size;
	u8 bytes[24];
	char mnemonic[32];
	char operands[160];
	void *detail;
};

struct km_disassembler {
	void *library;
	size_t handle;
	bool open, is_arm64;
	int major;
	unsigned (*version)(int *major, int *minor);
	int (*open_handle)(int arch, int mode, size_t *handle);
	int (*close_handle)(size_t *handle);
	int (*option)(size_t handle, int type, size_t value);
	size_t (*disasm)(size_t handle, const u8 *code, size_t size, u64 address, size_t count,
			 void **ret);
	void (*free_instructions)(void *instructions, size_t count);
};

static bool resolve(struct km_disassembler *dis)
{
	const struct {
		const char *name;
		void *slot;
	} functions[] = {
		{"cs_version", &dis->version},	  {"cs_open", &dis->open_handle},
		{"cs_close", &dis->close_handle}, {"cs_option", &dis->option},
		{"cs_disasm", &dis->disasm},	  {"cs_free", &dis->free_instructions},
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(functions); i++) {
		void *function = dlsym(dis->library, functions[i].name);

		if (!function)
			return false;
		memcpy(functions[i].slot, &function, sizeof(function));
	}
	return true;
}

static struct km_error *open_engine(struct km_disassembler *dis)
{
	if (dis->is_arm64 ? dis->open_handle(ARCH_ARM64, 0, &dis->handle)
			  : dis->open_handle(ARCH_X86, MODE_64, &dis->handle))
		return km_error_new(KM_ERROR_UNSUPPORTED, "this capstone library has no %s",
				    dis->is_arm64 ? "arm64" : "x86");
	dis->open = true;
	if (!dis->is_arm64 && dis->option(dis->handle, OPTION_SYNTAX, SYNTAX_ATT))
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "this capstone library has no AT&T syntax");
	return NULL;
}

struct km_error *km_disassembler_new(u16 machine, struct km_disassembler **ret)
{
	static const char *const libraries[] = {"libcapstone.so.5", "libcapstone.so.4"};
	km_cleanup(km_disassembler_freep) struct km_disassembler *dis = calloc(1, sizeof(*dis));
	int minor;

	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return km_error_new(KM_ERROR_UNSUPPORTED, "only x86_64 and arm64 are disassembled");
	if (!dis)
		return km_error_nomem();
	dis->is_arm64 = machine == EM_AARCH64;
	for (size_t i = 0; i < KM_ARRAY_SIZE(libraries) && !dis->library; i++)
		dis->library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
	if (!dis->library)
		return km_error_new(KM_ERROR_MISSING,
				    "disassembly needs the capstone library, which is "
				    "not installed (libcapstone4 on Debian)");
	if (!resolve(dis))
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "this capstone library is not known to us");
	dis->version(&dis->major, &minor);
	if (dis->major != 4 && dis->major != 5)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "capstone %d is not known to us: 4 and 5 are", dis->major);
	KM_TRY(open_engine(dis));
	*ret = km_take(dis);
	return NULL;
}

void km_disassembler_free(struct km_disassembler *dis)
{
	if (!dis)
		return;
	if (dis->open)
		dis->close_handle(&dis->handle);
	if (dis->library)
		dlclose(dis->library);
	free(dis);
}

/* What capstone 4 does not know and kernels use: protection keys, serialize. */
static bool newer_instruction(const u8 *bytes, size_t len, u64 address, struct km_instruction *ret)
{
	static const struct {
		u8 bytes[3];
		const char *mnemonic;
	} known[] = {
		{{0x0f, 0x01, 0xee}, "rdpkru"},
		{{0x0f, 0x01, 0xef}, "wrpkru"},
		{{0x0f, 0x01, 0xe8}, "serialize"},
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(known); i++) {
		if (len < sizeof(known[i].bytes) ||
		    memcmp(bytes, known[i].bytes, sizeof(known[i].bytes)))
			continue;
		km_instruction_text(bytes, sizeof(known[i].bytes), address, known[i].mnemonic, "",
				    ret);
		return true;
	}
	return false;
}

static void write_text(const struct km_disassembler *dis, const u8 *bytes, size_t size, u64 address,
		       const char *mnemonic, const char *operands, struct km_instruction *ret)
{
	if (dis->is_arm64)
		km_instruction_text_arm64(km_load32(bytes), address, mnemonic, operands, ret);
	else
		km_instruction_text(bytes, size, address, mnemonic, operands, ret);
}

bool km_disassemble(struct km_disassembler *dis, const u8 *bytes, size_t len, u64 address,
		    struct km_instruction *ret)
{
	void *instructions = NULL;
	size_t n = dis->disasm(dis->handle, bytes, len, address, 1, &instructions);

	if (!n && dis->is_arm64) {
		/* All are of one length: what is none does not hide the next. */
		if (len < ARM64_BYTES)
			return false;
		km_instruction_text_arm64(km_load32(bytes), address, NULL, NULL, ret);
		return true;
	}
	if (!n)
		return newer_instruction(bytes, len, address, ret);
	if (dis->major == 4) {
		const struct instruction_4 *i = instructions;

		write_text(dis, bytes, i->size, address, i->mnemonic, i->operands, ret);
	} else {
		const struct instruction_5 *i = instructions;

		write_text(dis, bytes, i->size, address, i->mnemonic, i->operands, ret);
	}
	dis->free_instructions(instructions, n);
	return true;
}
