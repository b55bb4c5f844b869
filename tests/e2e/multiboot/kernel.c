// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel of its own that a multiboot loader starts: it says on the first serial port what it was handed, and
 * resets the machine. With MULTIBOOT2 it is one of the second specification, whose header and information
 * are tags; both are built for i386, freestanding (gnu.org/software/grub/manual/multiboot{,2}).
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { PORT = 0x3f8, LINE_STATUS = PORT + 5, KEYBOARD = 0x64, RESET = 0xfe };

#ifdef MULTIBOOT2
#define HEADER_MAGIC 0xe85250d6u
#define HEADER_SIZE  24u
__attribute__((section(".multiboot"), aligned(8), used)) static const u32 header[] = {
	HEADER_MAGIC, 0, HEADER_SIZE, -(HEADER_MAGIC + HEADER_SIZE), 0, 8,
};
#else
#define HEADER_MAGIC 0x1badb002u
#define HEADER_FLAGS 3u /* modules on pages, memory sizes */
__attribute__((section(".multiboot"), aligned(4), used)) static const u32 header[] = {
	HEADER_MAGIC,
	HEADER_FLAGS,
	-(HEADER_MAGIC + HEADER_FLAGS),
};
#endif

static void out(unsigned short port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static u8 in(unsigned short port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void put(char c)
{
	while (!(in(LINE_STATUS)&0x20))
		;
	out(PORT, (u8)c);
}

static void say(const char *text)
{
	while (*text)
		put(*text++);
}

static void number(u64 value)
{
	say("0x");
	for (int shift = 60; shift >= 0; shift -= 4)
		if (value >> shift || !shift)
			put("0123456789abcdef"[value >> shift & 15]);
}

static void field(const char *name, u64 value)
{
	say(name);
	number(value);
}

/* The module's own first line shows that its bytes are where the information says. */
static void module(u32 start, u32 end, const char *text)
{
	say("multiboot module: ");
	say(text);
	field(" size ", end - start);
	say(start & 4095 ? " not on a page: " : ": ");
	for (const char *at = (const char *)start; at < (const char *)end && *at != '\n'; at++)
		put(*at);
	put('\n');
}

static void range(u64 base, u64 length, u32 type)
{
	field("multiboot range: ", base);
	field(" ", length);
	field(" type ", type);
	put('\n');
}

static void text(const char *name, const char *value)
{
	say(name);
	say(value);
	put('\n');
}

#ifdef MULTIBOOT2
static void information(const u8 *info)
{
	const u8 *end = info + *(const u32 *)info;

	for (const u8 *tag = info + 8; tag < end; tag += (((const u32 *)tag)[1] + 7) & ~7u) {
		const u32 *word = (const u32 *)tag;

		switch (word[0]) {
		case 0:
			say("multiboot tags end\n");
			return;
		case 1:
			text("multiboot command line: ", (const char *)&word[2]);
			break;
		case 2:
			text("multiboot loader: ", (const char *)&word[2]);
			break;
		case 3:
			module(word[2], word[3], (const char *)&word[4]);
			break;
		case 4:
			field("multiboot memory: ", word[2]);
			field(" ", word[3]);
			put('\n');
			break;
		case 6:
			for (const u8 *at = tag + 16; at < tag + word[1]; at += word[2])
				range(*(const u64 *)at, *(const u64 *)(at + 8),
				      *(const u32 *)(at + 16));
			break;
		}
	}
}
#else
static void information(const u8 *info)
{
	const u32 *word = (const u32 *)info;
	const u8 *map = (const u8 *)word[12];

	field("multiboot memory: ", word[1]);
	field(" ", word[2]);
	put('\n');
	text("multiboot command line: ", (const char *)word[4]);
	text("multiboot loader: ", (const char *)word[16]);
	for (u32 i = 0; word[0] & 8 && i < word[5]; i++) {
		const u32 *entry = (const u32 *)word[6] + 4 * i;

		module(entry[0], entry[1], (const char *)entry[2]);
	}
	for (const u8 *at = map; at < map + word[11]; at += *(const u32 *)at + 4)
		range(*(const u64 *)(at + 4), *(const u64 *)(at + 12), *(const u32 *)(at + 20));
}
#endif

__attribute__((used, noreturn)) void start(u32 magic, const u8 *info)
{
	field("\nmultiboot magic: ", magic);
	put('\n');
	information(info);
	say("multiboot done\n");
	for (;;)
		out(KEYBOARD, RESET);
}

static u8 stack[16384] __attribute__((aligned(16), used));

__asm__(".globl _start\n"
	"_start:\n"
	"	movl	$stack + 16384, %esp\n"
	"	pushl	$0\n"
	"	popfl\n"
	"	pushl	%ebx\n"
	"	pushl	%eax\n"
	"	call	start\n");
