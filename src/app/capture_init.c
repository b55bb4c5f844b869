/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem-capture: PID 1 of the capture image. Static, with libc and the compressors only. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/service.h"

/*
 * Nothing can be opened at run time: there is no other file of ours in the image. Those who would like
 * to have a library learn that it is missing, as on a machine without it. The linker is told to call
 * these (--wrap): a static libc's own would look for the shared libc that it was built with.
 */
void *__wrap_dlopen(const char *file, int mode);
void *__wrap_dlsym(void *handle, const char *symbol);
int __wrap_dlclose(void *handle);
char *__wrap_dlerror(void);

void *__wrap_dlopen(const char *file, int mode)
{
	(void)file;
	(void)mode;
	return NULL;
}

void *__wrap_dlsym(void *handle, const char *symbol)
{
	(void)handle;
	(void)symbol;
	return NULL;
}

int __wrap_dlclose(void *handle)
{
	(void)handle;
	return 0;
}

char *__wrap_dlerror(void)
{
	return "this program is static";
}

static const char help[] =
	"usage: kmortem-capture [--help|--version]\n"
	"\n"
	"PID 1 of the image that a crash kernel runs: follows /etc/kmortem/plan, saves the dead kernel's\n"
	"log, a summary and its memory, and reboots. docs/kmortem-capture.md describes the image and\n"
	"what is written. Started as any other process it does nothing.\n"
	"\n"
	"Exit status: 0 help or version; 2 not started as PID 1.\n";

int main(int argc, char **argv)
{
	if (getpid() == 1)
		return km_service_init();
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("kmortem-capture %s\n", KM_VERSION);
		return 0;
	}
	fputs(help, stdout);
	return argc == 2 && !strcmp(argv[1], "--help") ? 0 : 2;
}
