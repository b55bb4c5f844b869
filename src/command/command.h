/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room `command`: one file per user command. A command is a row in a table; its `run` takes options
 * and emits records; a record's kind says what fields it has (so JSON and its schema come from one
 * table) and how it reads as text.
 *
 * To add a command: write its file with a `const struct km_command km_command_NAME`, and add a row to
 * table.c.
 */
#ifndef KM_COMMAND_COMMAND_H
#define KM_COMMAND_COMMAND_H

#include "base/base.h"
#include "kernel/kernel.h"
#include "subsystem/subsystem.h"
#include "value/value.h"

struct km_out;
struct km_session;
struct km_kind;

/* ---- records ------------------------------------------------------------------------------- */

enum km_field_type {
	KM_FIELD_BOOL,	  /* bool */
	KM_FIELD_U32,	  /* u32, a count or number */
	KM_FIELD_S32,
	KM_FIELD_U64,
	KM_FIELD_S64,
	KM_FIELD_ADDRESS, /* u64, shown "0x…" */
	KM_FIELD_CHARS,	  /* char[], NUL-terminated in place */
	KM_FIELD_TEXT,	  /* const char *; NULL is null */
	KM_FIELD_JSON,	  /* const char * that is JSON already (a C value's own shape); NULL is null */
	KM_FIELD_TEXTS,	  /* const char *const *, `count_offset` is a size_t */
	KM_FIELD_STATUS,  /* enum km_status: null where KM_OK, else its text */
	KM_FIELD_MAYBE,	  /* struct km_maybe, unsigned; null and NAME_error where not readable */
	KM_FIELD_MAYBE_SIGNED,
	KM_FIELD_MAYBE_ADDRESS,
	KM_FIELD_RECORD, /* a struct of `kind` in place */
	KM_FIELD_OPTIONAL, /* a pointer to a struct of `kind`; NULL is null */
	KM_FIELD_LIST,	 /* a pointer to `kind` structs side by side, `count_offset` is a size_t */
};

struct km_field {
	const char *name;
	enum km_field_type type;
	size_t offset;
	size_t count_offset;	     /* TEXTS, LIST */
	const struct km_kind *kind;  /* RECORD, OPTIONAL, LIST */
	const char *help;	     /* for the schema: what it is, its unit */
};

/* KM_FIELD_OF(struct x, pid, KM_FIELD_MAYBE, "…"): a field called like its member. */
#define KM_FIELD_OF(type_, member_, field_, help_)                                                 \
	{                                                                                          \
		.name = #member_, .type = field_, .offset = offsetof(type_, member_),              \
		.help = help_                                                                      \
	}
/* The same under a name of its own. */
#define KM_FIELD_NAMED(name_, type_, member_, field_, help_)                                       \
	{                                                                                          \
		.name = name_, .type = field_, .offset = offsetof(type_, member_), .help = help_   \
	}
#define KM_FIELD_NESTED(type_, member_, field_, kind_, help_)                                      \
	{                                                                                          \
		.name = #member_, .type = field_, .offset = offsetof(type_, member_),              \
		.kind = kind_, .help = help_                                                       \
	}
#define KM_FIELD_LIST_OF(type_, member_, count_, kind_, help_)                                     \
	{                                                                                          \
		.name = #member_, .type = KM_FIELD_LIST, .offset = offsetof(type_, member_),       \
		.count_offset = offsetof(type_, count_), .kind = kind_, .help = help_              \
	}

struct km_kind {
	const char *name; /* "task", "stack", "module": the value of "kind" in JSON */
	const char *help;
	size_t size; /* of the struct, for lists */
	const struct km_field *fields;
	size_t n_fields;
	/* The text view, by km_outf(). May be NULL for kinds that only nest. */
	void (*text)(struct km_out *out, const void *record);
};

/* ---- output -------------------------------------------------------------------------------- */

struct km_sink {
	/* False when nothing more can be written (a closed pipe). */
	bool (*write)(void *data, const char *bytes, size_t len);
	void *data;
};

struct km_out *km_out_new(const struct km_sink *sink, bool json); /* NULL: out of memory */
void km_out_free(struct km_out *out); /* flushes */
KM_DEFINE_CLEANUP(struct km_out *, km_out_free)
void km_out_flush(struct km_out *out);
bool km_out_is_json(const struct km_out *out);
bool km_out_failed(const struct km_out *out); /* the reader is gone: stop */
/* From now on everything goes to SINK; what was written before has gone to the one before it. */
void km_out_redirect(struct km_out *out, const struct km_sink *sink);

/* In JSON the object around records: what was run, then what went wrong. Nothing in text. */
void km_out_begin_command(struct km_out *out, const char *line);
void km_out_end_command(struct km_out *out, char *const *problems, size_t n_problems,
			const struct km_error *error);

/* One record, in whichever view is on. */
void km_emit(struct km_out *out, const struct km_kind *kind, const void *record);
/* For text views: written only in the text view; control codes are escaped, tab and line feed pass. */
void km_outf(struct km_out *out, const char *format, ...) km_printf(2, 3);
void km_out_text(struct km_out *out, const char *bytes, size_t len);
/* The columns written since the last line feed. */
size_t km_out_column(const struct km_out *out);
/* What the running command wants its text views to know (its options); borrowed. */
void km_out_set_view(struct km_out *out, const void *view);
const void *km_out_view(const struct km_out *out);
/* In the JSON view, what stands around a command's records; LINE is the command as it was given. Whoever
 * runs no session (the program's subcommands) calls both. */
void km_out_begin_command(struct km_out *out, const char *line);
void km_out_end_command(struct km_out *out, char *const *problems, size_t n_problems,
			const struct km_error *error);
/* How many records of KIND this command has emitted so far (0 in the first one's text view): tables
 * print their heading then. */
size_t km_out_emitted(const struct km_out *out, const struct km_kind *kind);

/* ---- options ------------------------------------------------------------------------------- */

struct km_option {
	char letter;
	const char *arg; /* the name of its argument; "=NAME": it may be left out; NULL: it has none */
	const char *help;
};

struct km_args;
/* The next option's letter in *RET_LETTER (0: no more) and its argument. Options may stand anywhere
 * before "--"; letters may be run together. */
struct km_error *km_args_option(struct km_args *args, int *ret_letter,
				const char **ret_value) km_must_check;
/* What is not an option, once all options are taken. */
size_t km_args_count(const struct km_args *args);
const char *km_args_get(const struct km_args *args, size_t i); /* NULL past the end */

/* "0x" hex, decimal; bare hex where it can be nothing else (has a-f) or where HEX is true. */
bool km_parse_number(const char *text, bool hex, u64 *ret);
/* "0,2-4", "a"/"all": sets bits; the error names what is wrong. */
struct km_error *km_parse_cpus(const char *text, unsigned n_cpus, bool *ret_set) km_must_check;

/* ---- commands ------------------------------------------------------------------------------ */

struct km_command {
	const char *name;
	const char *help;     /* one line, no full stop */
	const char *usage;    /* "[-a] [-c cpu] [pid | task]…": what follows the name */
	const char *details;  /* paragraphs for `help NAME`, with an example; may be NULL */
	const struct km_option *options;
	size_t n_options;
	const struct km_kind *const *kinds; /* NULL-terminated: what it emits */
	bool runs_others; /* … besides what the commands emit that it runs */
	struct km_error *(*run)(struct km_session *session, struct km_args *args);
};

extern const struct km_command *const km_commands[]; /* in order of name; NULL-terminated */
const struct km_command *km_command_find(const char *name);

/* A JSON schema (draft 2020-12) of what COMMAND writes with --json, made from its kinds. */
void km_command_schema(const struct km_command *command, struct km_str *ret);

/* ---- command lines --------------------------------------------------------------------------- */

enum km_line_kind {
	KM_LINE_COMMAND,
	KM_LINE_SHELL, /* "!cmd": `target` is for the shell */
	KM_LINE_INPUT, /* "< file": the commands in the file `target` */
};

enum km_line_output {
	KM_LINE_HERE,
	KM_LINE_TO_PIPE, /* "| target": for the shell */
	KM_LINE_TO_FILE, /* "> target" */
	KM_LINE_TO_END_OF_FILE, /* ">> target" */
};

/* One command of a line, cut into words. */
struct km_line_command {
	enum km_line_kind kind;
	enum km_line_output output;
	KM_VEC(const char *) words;
	const char *target;
	char *text; /* the command alone, aliases replaced */
	char *storage;
};
void km_line_command_free(struct km_line_command *command);

struct km_line {
	char *text;
	size_t at;
	unsigned n_aliases; /* that have been replaced */
	const char *(*alias)(void *data, const char *name); /* what NAME stands for, or NULL */
	void *data;
};
/* Cuts TEXT: commands separated by ';', words by blanks; '…' and "…" quote; '#' begins a comment; "|",
 * ">" and ">>" send output elsewhere. ALIAS may be NULL. */
struct km_error *km_line_open(struct km_line *line, const char *text,
			      const char *(*alias)(void *data, const char *name),
			      void *data) km_must_check;
void km_line_close(struct km_line *line);
/* The next command; *RET_MORE is false at the end. Free *RET after an error, too. */
struct km_error *km_line_next(struct km_line *line, struct km_line_command *ret,
			      bool *ret_more) km_must_check;

/* ---- a session ----------------------------------------------------------------------------- */

/* What `set` changes besides the context. */
struct km_settings {
	bool scroll;	    /* long output goes through the pager */
	char pager[64];	    /* the program; "": none, this is no terminal */
	char edit;	    /* of the prompt: 'v' vi, 'e' emacs, 0 as inputrc says */
	bool silent;	    /* no banner, no scrolling */
	unsigned print_max; /* elements of an array, at most */
	enum { KM_ERRORS_DEFAULT, KM_ERRORS_REDIRECT, KM_ERRORS_FILE } errors;
	char error_file[256];
};

struct km_alias {
	char *name, *text; /* owned; an empty text hides a built-in alias of that name */
	const char *origin; /* "builtin", "runtime", … */
};

/* What commands share while one dump is open. */
struct km_session {
	struct km_kernel *kernel;
	struct km_job *job;    /* of the running command */
	struct km_out *out;
	const struct km_command *command; /* the running one */
	const char *dump_name; /* as the user gave it */
	u64 task;	       /* struct task_struct of the context; 0: none yet */
	struct km_tasks *tasks; /* made by km_session_tasks() */
	KM_VEC(struct km_value) values; /* what `p` has printed: $1, $2, … */
	struct km_stacks *stacks; /* made by km_session_stacks() */
	unsigned radix;	       /* of integers: 10 or 16 */
	struct km_settings settings;
	KM_VEC(struct km_alias) aliases;
	const char *origin;    /* of the aliases that are made now */
	bool json;
	bool quit;
	int failures;	       /* commands that ended with an error */
	KM_VEC(char *) problems; /* of the running command */
	void (*complain)(void *data, const char *message); /* where problems go in the text view */
	void *complain_data;
};

/* The kernel runs while it is looked at: what one command found may be gone for the next. */
bool km_session_is_live(const struct km_session *session);
/* Opens a session over KERNEL (borrowed). OUT is borrowed. */
void km_session_init(struct km_session *session, struct km_kernel *kernel, struct km_out *out,
		     const char *dump_name);
void km_session_done(struct km_session *session);
/* All tasks, read once; an error where the list cannot be had at all. */
struct km_error *km_session_tasks(struct km_session *session, struct km_tasks **ret) km_must_check;
/* The CPUs' stacks and notes, read once. */
struct km_error *km_session_stacks(struct km_session *session,
				   struct km_stacks **ret) km_must_check;
/* Says, beside a command's records, what is wrong with part of them. */
void km_complain(struct km_session *session, const char *format, ...) km_printf(2, 3);
/* What the alias NAME stands for; NULL where there is none. DATA is the session. */
const char *km_session_alias(void *data, const char *name);
/* The names of all aliases, one after the other; NULL past the end. */
const char *km_session_alias_name(const struct km_session *session, size_t i);
/* The names of the variables of `set`; NULL past the end. */
const char *km_variable_name(size_t i);
/* Runs one command by its words; TEXT is what was typed. An error is complained of and counted, unless
 * it is only that nobody reads the output any more. */
void km_session_execute(struct km_session *session, const char *text, size_t argc,
			const char *const *argv);
/* Runs a line's commands where there is no shell: what would need one (pipes, files) is refused. */
void km_session_run(struct km_session *session, const char *line);
/* Complains of ERROR (consumed), which came up before there was a command to run. */
void km_session_fail(struct km_session *session, struct km_error *error);
/* One command by its words (foreach uses it). */
struct km_error *km_session_command(struct km_session *session, size_t argc,
				    const char *const *argv) km_must_check;

#endif
