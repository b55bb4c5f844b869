/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How commands are told of numbers, addresses and memory: expressions, symbols, kinds of memory. */
#ifndef KM_COMMAND_ADDRESS_H
#define KM_COMMAND_ADDRESS_H

#include "command/command.h"

/*
 * Evaluates TEXT: numbers ("0x" hex; hex too where a-f stand in them or HEX is true; else decimal;
 * with k, m or g behind), symbols ("name", "module:name"), ~ and -, + - * / % << >> & | ^ with C's
 * precedence, parentheses. All arithmetic is of 64 unsigned bits. The error has the column, counted
 * from 1, and for an unknown symbol the nearest one there is.
 */
struct km_error *km_expression(struct km_session *session, const char *text, bool hex,
			       u64 *ret) km_must_check;
/* An address as an argument: bare digits are hexadecimal. What is no such expression is tried as one of
 * C ("&init_task.tasks"). */
struct km_error *km_parse_address(struct km_session *session, const char *text,
				  u64 *ret) km_must_check;
/* A hexadecimal number and nothing else; the error is crash's "invalid input". */
struct km_error *km_parse_hex(const char *text, u64 *ret) km_must_check;
/* A count: decimal, or hex with 0x; not 0. */
struct km_error *km_parse_count(const char *text, u64 *ret) km_must_check;
/* "there is no symbol NAME", with the nearest one. */
struct km_error *km_no_such_symbol(struct km_session *session, const char *name) km_must_check;
/* A byte offset: a number, or "type.member". */
struct km_error *km_parse_offset(struct km_session *session, const char *text,
				 u64 *ret) km_must_check;

/* "name", "name+12" (hex where RADIX is 16) into BUF; false where VALUE lies in no symbol. */
bool km_symbol_text(struct km_kernel *k, u64 value, unsigned radix, char *buf, size_t size);

enum km_memory_kind {
	KM_MEMORY_KERNEL,
	KM_MEMORY_USER,
	KM_MEMORY_PHYSICAL,
	KM_MEMORY_FILE, /* offsets in the dump file itself */
};

/* Somewhere to read from, a page at a time. Plain data; km_memory_close() for KM_MEMORY_FILE. */
struct km_memory {
	struct km_session *session;
	enum km_memory_kind kind;
	struct km_space space; /* KERNEL, USER */
	int fd;		       /* FILE; -1 otherwise */
	bool cached;
	u64 page; /* what PAGE_BYTES holds, with STATUS */
	enum km_status status;
	u8 page_bytes[4096];
};

/* Opens memory of KIND; user memory is that of the session's context. */
struct km_error *km_memory_open(struct km_session *session, enum km_memory_kind kind,
				struct km_memory *ret) km_must_check;
void km_memory_close(struct km_memory *memory);
/* User or kernel memory: which one ADDRESS means by itself. */
enum km_memory_kind km_memory_kind_of(struct km_session *session, u64 address);
enum km_status km_memory_read(struct km_memory *memory, u64 address, void *buf, size_t len);
/* COUNT words of SIZE bytes from ADDRESS on as rd shows them, with the characters beside them. */
struct km_error *km_show_memory(struct km_session *session, struct km_memory *memory, u64 address,
				u64 count, unsigned size) km_must_check;
const char *km_memory_name(enum km_memory_kind kind); /* "kernel virtual address", … */

#endif
