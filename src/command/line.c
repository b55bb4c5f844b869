/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a line means: commands separated by ';', their words, and where their output goes. The one
 * parser of command lines: the prompt, -c, -i, rc files and aliases all come through here.
 *
 * C expressions stand on these lines too, so what a shell would take as its own is an operator where it
 * can be one: '|' and '>' within parentheses, "||", "->" and ">=" belong to the command. `<` means a file
 * only where a command would begin.
 */
#include <string.h>

#include "command/command.h"

static const char blanks[] = " \t\r\n";

/* What an alias stands for may begin with it, or have it again behind a ';'. */
enum { ALIAS_ROUNDS = 16, ALIASES_MAX = 256 };

struct km_error *km_line_open(struct km_line *line, const char *text,
			      const char *(*alias)(void *data, const char *name), void *data)
{
	*line = (struct km_line){.text = strdup(text), .alias = alias, .data = data};
	return line->text ? NULL : km_error_nomem();
}

void km_line_close(struct km_line *line)
{
	free(line->text);
	line->text = NULL;
}

void km_line_command_free(struct km_line_command *command)
{
	km_vec_free(&command->words);
	free(command->storage);
	free(command->text);
	*command = (struct km_line_command){0};
}

/* Puts what the first word stands for in its place, as often as that is an alias again. */
static struct km_error *expand_alias(struct km_line *line)
{
	unsigned round;

	for (round = 0; line->alias; round++) {
		char *from = line->text + line->at;
		size_t len = strcspn(from, " \t\r\n;|<>#\"'()&");
		km_auto_free char *name = strndup(from, len);
		km_auto_str struct km_str text = {0};
		const char *meaning;

		if (!name)
			return km_error_nomem();
		meaning = len ? line->alias(line->data, name) : NULL;
		if (!meaning)
			return NULL;
		if (round == ALIAS_ROUNDS || line->n_aliases++ == ALIASES_MAX)
			return km_error_new(KM_ERROR_USAGE, "the alias %s leads back to itself",
					    name);
		km_str_add(&text, meaning);
		km_str_add(&text, from + len);
		if (!text.data || text.failed)
			return km_error_nomem();
		free(line->text);
		line->text = km_take(text.data);
		line->at = strspn(line->text, blanks);
	}
	return NULL;
}

/* Where a shell's own words end: at a ';' that it would not take as part of a word or a subshell. */
static size_t shell_length(const char *text)
{
	size_t i, depth = 0;
	char quote = 0;

	for (i = 0; text[i]; i++) {
		char c = text[i];

		if (quote) {
			if (c == quote)
				quote = 0;
			else if (c == '\\' && quote == '"' && text[i + 1])
				i++;
		} else if (c == '\\' && text[i + 1]) {
			i++;
		} else if (strchr("'\"`", c)) {
			quote = c;
		} else if (c == '(') {
			depth++;
		} else if (c == ')') {
			depth -= depth > 0;
		} else if (c == ';' && !depth) {
			break;
		}
	}
	return i;
}

/* The state of cutting one command into words. */
struct cutter {
	const char *start, *p;
	char *w;	/* the next free byte of the storage */
	unsigned depth; /* of parentheses */
};

static bool is_pipe(const struct cutter *c)
{
	return *c->p == '|' && !c->depth && c->p[1] != '|' && (c->p == c->start || c->p[-1] != '|');
}

static bool is_redirection(const struct cutter *c)
{
	return *c->p == '>' && !c->depth && c->p[1] != '=' && (c->p == c->start || c->p[-1] != '-');
}

static bool ends_word(const struct cutter *c)
{
	return !*c->p || strchr(blanks, *c->p) || *c->p == ';' || is_pipe(c) || is_redirection(c);
}

/* One word. Within "…" a backslash keeps the next character. A word that begins with ' keeps its
 * quotes (KEEP_QUOTES): that is how `ps` and `foreach` are told a regular expression from a name. */
static struct km_error *cut_word(struct cutter *c, bool keep_quotes, const char **ret)
{
	char quote = 0;

	*ret = c->w;
	keep_quotes = keep_quotes && *c->p == '\'';
	while (*c->p && (quote || !ends_word(c))) {
		bool is_quote = true;

		if (quote == *c->p)
			quote = 0;
		else if (!quote && (*c->p == '"' || *c->p == '\''))
			quote = *c->p;
		else
			is_quote = false;
		if (!is_quote && !quote && *c->p == '(')
			c->depth++;
		if (!is_quote && !quote && *c->p == ')')
			c->depth -= c->depth > 0;
		if (!is_quote && quote == '"' && *c->p == '\\' && c->p[1])
			c->p++;
		if (!is_quote || keep_quotes)
			*c->w++ = *c->p;
		c->p++;
	}
	if (quote)
		return km_error_new(KM_ERROR_USAGE, "a quote (%c) is not closed", quote);
	*c->w++ = 0;
	return NULL;
}

/* The file behind > or <, with nothing after it but the end of the command. */
static struct km_error *cut_file(struct cutter *c, const char *sign, const char **ret)
{
	c->p += strspn(c->p, blanks);
	c->depth = 0;
	if (ends_word(c))
		return km_error_new(KM_ERROR_USAGE, "%s needs the name of a file", sign);
	KM_TRY(cut_word(c, false, ret));
	c->p += strspn(c->p, blanks);
	if (*c->p && *c->p != ';' && *c->p != '#')
		return km_error_new(KM_ERROR_USAGE, "after %s %s nothing may stand but ;", sign,
				    *ret);
	return NULL;
}

static struct km_error *cut_output(struct cutter *c, struct km_line_command *ret)
{
	if (!ret->words.count)
		return km_error_new(KM_ERROR_USAGE, "there is no command before %c", *c->p);
	if (is_pipe(c)) {
		size_t len = shell_length(++c->p);

		ret->output = KM_LINE_TO_PIPE;
		ret->target = memcpy(c->w, c->p, len);
		c->w[len] = 0;
		c->p += len;
		if (!ret->target[strspn(ret->target, blanks)])
			return km_error_new(KM_ERROR_USAGE, "there is no program after |");
		return NULL;
	}
	c->p++;
	ret->output = KM_LINE_TO_FILE;
	if (*c->p == '>') {
		ret->output = KM_LINE_TO_END_OF_FILE;
		c->p++;
	}
	return cut_file(c, ret->output == KM_LINE_TO_FILE ? ">" : ">>", &ret->target);
}

static struct km_error *cut_command(struct cutter *c, struct km_line_command *ret)
{
	const char *end = c->p;

	if (*c->p == '!') {
		/* A shell has its own use for all of our signs: it gets the whole of the line. */
		ret->kind = KM_LINE_SHELL;
		ret->target = strcpy(c->w, c->p + 1);
		c->p += strlen(c->p);
		end = c->p;
	} else if (*c->p == '<') {
		ret->kind = KM_LINE_INPUT;
		c->p++;
		KM_TRY(cut_file(c, "<", &ret->target));
		end = c->p;
	}
	while (*c->p && *c->p != ';' && *c->p != '#') {
		const char **slot;

		if (is_pipe(c) || is_redirection(c)) {
			KM_TRY(cut_output(c, ret));
			break;
		}
		slot = km_vec_push(&ret->words);
		if (!slot)
			return km_error_nomem();
		KM_TRY(cut_word(c, true, slot));
		end = c->p;
		c->p += strspn(c->p, blanks);
	}
	ret->text = strndup(c->start, (size_t)(end - c->start));
	return ret->text ? NULL : km_error_nomem();
}

struct km_error *km_line_next(struct km_line *line, struct km_line_command *ret, bool *ret_more)
{
	struct cutter c;

	*ret = (struct km_line_command){0};
	*ret_more = false;
	line->at += strspn(line->text + line->at, " \t\r\n;");
	KM_TRY(expand_alias(line));
	c.start = c.p = line->text + line->at;
	if (!*c.p || *c.p == '#')
		return NULL;
	/* Every word is followed in the line by at least the sign that ended it, but for the last. */
	ret->storage = calloc(strlen(c.p) + 2, 1);
	if (!ret->storage)
		return km_error_nomem();
	c.w = ret->storage;
	c.depth = 0;
	KM_TRY(cut_command(&c, ret));
	line->at = *c.p == '#' ? strlen(line->text) : (size_t)(c.p - line->text);
	*ret_more = true;
	return NULL;
}
