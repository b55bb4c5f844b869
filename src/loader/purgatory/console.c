// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/purgatory/console.h"

/* ---- serial (16550) -------------------------------------------------------------------------------- */

enum {
	UART_DATA = 0,	 /* with DLAB: the divisor's low byte */
	UART_ENABLE = 1, /* with DLAB: its high byte */
	UART_LINE = 3,
	UART_MODEM = 4,
	UART_STATUS = 5,
	LINE_8N1 = 0x03,
	LINE_DLAB = 0x80,
	MODEM_DTR_RTS = 0x03,
	STATUS_ROOM = 0x20,
	UART_CLOCK = 115200,
	WAIT_US = 20000, /* 2 characters at 1200 baud */
};

static uint16_t port;
static int on_vga, on_serial;

void console_open(uint16_t serial_port, uint32_t baud)
{
	uint32_t divisor = baud ? UART_CLOCK / baud : 0;

	port = serial_port;
	if (!port || !divisor || divisor > 0xffff)
		return;
	out8(port + UART_ENABLE, 0);
	out8(port + UART_LINE, LINE_8N1 | LINE_DLAB);
	out8(port + UART_DATA, (uint8_t)divisor);
	out8(port + UART_ENABLE, (uint8_t)(divisor >> 8));
	out8(port + UART_LINE, LINE_8N1);
	out8(port + UART_MODEM, MODEM_DTR_RTS);
}

static void serial_char(char c)
{
	/* A port that is not there, or is stuck, must not stop us. */
	for (unsigned i = 0; i < WAIT_US && !(in8(port + UART_STATUS) & STATUS_ROOM); i++)
		pause_us();
	out8(port + UART_DATA, (uint8_t)c);
}

/* ---- VGA text --------------------------------------------------------------------------------------- */

enum {
	COLUMNS = 80,
	ROWS = 25,
	TEXT = 0xb8000,
	TEXT_CELLS = 0x4000, /* 32 KiB of them */
	CRTC = 0x3d4,
	CRTC_START_HIGH = 0x0c,
	CRTC_START_LOW = 0x0d,
	ATTRIBUTE = 0x0f00, /* white on black */
};

static unsigned column = COLUMNS; /* the first character begins a line */

/* Linux scrolls by moving the start of what is shown. */
static unsigned shown_from(void)
{
	unsigned start;

	out8(CRTC, CRTC_START_HIGH);
	start = (unsigned)in8(CRTC + 1) << 8;
	out8(CRTC, CRTC_START_LOW);
	return (start | in8(CRTC + 1)) % TEXT_CELLS;
}

static volatile uint16_t *cell(unsigned start, unsigned row, unsigned at)
{
	/* The address is the machine's, not an object's. */
	uintptr_t base = TEXT;

	return (volatile uint16_t *)base + (start + row * COLUMNS + at) % TEXT_CELLS;
}

static void scroll(void)
{
	unsigned start = shown_from(), row, at;

	for (row = 1; row < ROWS; row++)
		for (at = 0; at < COLUMNS; at++)
			*cell(start, row - 1, at) = *cell(start, row, at);
	for (at = 0; at < COLUMNS; at++)
		*cell(start, ROWS - 1, at) = ATTRIBUTE | ' ';
	column = 0;
}

static void vga_char(char c)
{
	if (c == '\n') {
		column = COLUMNS;
		return;
	}
	if (column == COLUMNS)
		scroll();
	*cell(shown_from(), ROWS - 1, column++) = (uint16_t)(ATTRIBUTE | (uint8_t)c);
}

/* The registers' values for mode 3, as IBM's and every VGA's manual lists them. */
void console_reset_vga(void)
{
	static const uint8_t sequencer[] = {0x03, 0x00, 0x03, 0x00, 0x02};
	static const uint8_t crtc[] = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
				       0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
				       0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
	static const uint8_t graphics[] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff};
	static const uint8_t attribute[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14,
					    0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d,
					    0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00};
	uint8_t i;

	out8(0x3c2, 0x67);
	for (i = 0; i < sizeof(sequencer); i++) {
		out8(0x3c4, i);
		out8(0x3c5, sequencer[i]);
	}
	out8(CRTC, 0x11); /* whose top bit protects the first eight */
	out8(CRTC + 1, 0x0e);
	for (i = 0; i < sizeof(crtc); i++) {
		out8(CRTC, i);
		out8(CRTC + 1, crtc[i]);
	}
	for (i = 0; i < sizeof(graphics); i++) {
		out8(0x3ce, i);
		out8(0x3cf, graphics[i]);
	}
	for (i = 0; i < sizeof(attribute); i++) {
		in8(0x3da); /* the next write is an index */
		out8(0x3c0, i);
		out8(0x3c0, attribute[i]);
	}
	in8(0x3da);
	out8(0x3c0, 0x20); /* the screen on */
}

/* ---- both --------------------------------------------------------------------------------------------- */

void console_select(int vga, int serial)
{
	on_vga = vga;
	on_serial = serial && port;
}

static void put(char c)
{
	if (on_serial) {
		if (c == '\n')
			serial_char('\r');
		serial_char(c);
	}
	if (on_vga)
		vga_char(c);
}

void console_text(const char *text)
{
	while (*text)
		put(*text++);
}

void console_bytes(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size && bytes[i]; i++)
		put(bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?');
}

void console_hex(uint64_t value)
{
	int shift = 60;

	console_text("0x");
	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

void console_decimal(uint64_t value)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		put(digits[--n]);
}
