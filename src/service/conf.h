/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the machine's owner wants of kdump: /etc/kmortem/kdump.conf, in the language of kdump.conf(5)
 * (conf_directives.c has the table of directives); and, for those who come from a distribution's own kdump,
 * the shell variables of /etc/default/kdump-tools (Debian) and /etc/sysconfig/kdump (Fedora, openSUSE).
 */
#ifndef KM_SERVICE_CONF_H
#define KM_SERVICE_CONF_H

#include "base/base.h"

#define KM_CONF_PATH "/etc/kmortem/kdump.conf"

/* A list of words, each owned. */
struct km_conf_words {
	char **data;
	size_t count, capacity;
};

enum km_conf_target_kind {
	KM_CONF_DIRECTORY, /* `path` alone: in whichever file system it lies now */
	KM_CONF_FS,
	KM_CONF_RAW,
	KM_CONF_NFS,
	KM_CONF_SSH,
	KM_CONF_HTTPS,
};

/* Strings are owned. */
struct km_conf_target {
	enum km_conf_target_kind kind;
	char *source; /* device ("/dev/vda1", "UUID=…", "LABEL=…", …), "SERVER:/EXPORT", "USER@HOST",
		       * "https://…"; NULL for KM_CONF_DIRECTORY */
	char *fstype;	    /* FS: "ext4", …; NFS: "nfs", "nfs4"; else NULL */
	char *options;	    /* of mount(8); NULL: none were given */
	char *path;	    /* where dumps go, in the target; absolute */
	char *sshkey;	    /* SSH; NULL: the default */
	char *certificates; /* HTTPS: of whom to trust; NULL: the system's */
	char *netrc;	    /* HTTPS: the file with names and passwords; NULL: none */
	unsigned line;	    /* that named it; 0: none did */
};

enum km_conf_action {
	KM_CONF_REBOOT,
	KM_CONF_HALT,
	KM_CONF_POWEROFF,
	KM_CONF_SHELL,
	KM_CONF_DUMP_TO_ROOTFS,
};

/* By which system call the kernel is loaded: KEXEC_ARGS and such have kexec(8)'s -a, -s or -c. */
enum km_conf_call { KM_CONF_CALL_AUTO, KM_CONF_CALL_FILE, KM_CONF_CALL_PARTS };

/* Zero or NULL is "not said" where nothing else is written. */
struct km_conf {
	KM_VEC(struct km_conf_target)
	targets;    /* in order; without any, KM_CONF_DIRECTORY of `path` */
	char *path; /* "/var/crash" unless said */
	char *sshkey;
	struct km_conf_words collector;		   /* makedumpfile's arguments */
	struct km_conf_words pre, post, emergency; /* programs */
	struct km_conf_words extra_bins, extra_modules, omit_modules;
	struct km_conf_words module_options; /* "NAME A=B C=D" */
	enum km_conf_action failure_action, final_action;
	bool failure_set;
	bool force_rebuild, force_no_rebuild;
	u32 keep;			   /* complete dumps to keep; 0: all */
	u64 keep_free;			   /* bytes */
	u32 device_timeout, total_timeout; /* seconds; 0: the builder's choice */
	u32 cpus;			   /* of the capture kernel; 0: by the reservation */
	char *kernel;			   /* path of the image; NULL: the running kernel's */
	char *release;			   /* of the kernel to load; NULL: the running one's */
	char *image;   /* an image to load as it is, which kmortem does not build; NULL: its own */
	char *cmdline; /* takes the place of the running kernel's command line */
	char *append, *remove; /* words for it, words out of it (names, "crashkernel") */
	enum km_conf_call call;
	bool dmesg_only;      /* the log and the summary only */
	bool disabled;	      /* USE_KDUMP=0 */
	KM_VEC(char *) files; /* what was read, in order */
};
void km_conf_done(struct km_conf *conf);
#define km_auto_conf km_cleanup(km_conf_done)

/* What was wrong, or is told, about one place of a file. */
struct km_conf_note {
	bool is_error;
	char *file;
	unsigned line, column; /* from 1; column in bytes */
	char *text;
};
struct km_conf_notes {
	KM_VEC(struct km_conf_note) items;
	size_t errors;
};
void km_conf_notes_free(struct km_conf_notes *notes);
#define km_auto_conf_notes km_cleanup(km_conf_notes_free)

/* No directive, all defaults. */
struct km_error *km_conf_init(struct km_conf *conf) km_must_check;

/*
 * Reads the text of a kdump.conf that is called FILE into CONF. What is wrong with it goes to NOTES and
 * the rest is read; the error is for want of memory only. Bytes may be any.
 */
struct km_error *km_conf_parse(const char *file, const char *text, size_t len, struct km_conf *conf,
			       struct km_conf_notes *notes) km_must_check;
/* The same for the shell variables of kdump-tools and of both kinds of sysconfig/kdump. Nothing is
 * executed: a value that a shell would have to work out is an error. */
struct km_error *km_conf_parse_variables(const char *file, const char *text, size_t len,
					 struct km_conf *conf,
					 struct km_conf_notes *notes) km_must_check;

/*
 * The configuration of the machine in TREE: FILE (NULL: KM_CONF_PATH), and where that has no directive
 * what a distribution's kdump was told: /etc/kdump.conf, /etc/default/kdump-tools,
 * /etc/sysconfig/kdump, whichever are there. The error is for a FILE that cannot be read and for want
 * of memory; all else is in NOTES.
 */
struct km_error *km_conf_read(const struct km_tree *tree, const char *file, struct km_conf *ret,
			      struct km_conf_notes *notes) km_must_check;

/* For the parsers of the two languages (conf*.c). */
struct km_error *km_conf_note(struct km_conf_notes *notes, bool is_error, const char *file,
			      unsigned line, unsigned column, const char *format, ...)
	km_printf(6, 7) km_must_check;
struct km_error *km_conf_add_word(struct km_conf_words *list, const char *text,
				  size_t len) km_must_check;
/* Each of the blank-separated words of TEXT. */
struct km_error *km_conf_add_words(struct km_conf_words *list, const char *text) km_must_check;
void km_conf_clear_words(struct km_conf_words *list);
struct km_error *km_conf_set(char **place, const char *text, size_t len) km_must_check;
/* "5", "5G": bytes. False where it is no size. */
bool km_conf_size(const char *text, u64 *ret);
struct km_conf_target *km_conf_new_target(struct km_conf *conf, enum km_conf_target_kind kind,
					  unsigned line);

#endif
