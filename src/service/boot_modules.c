/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "service/boot_modules.h"

/*
 * What is used of libkmod.h, declared here: its ABI is of 2011 and stable (LIBKMOD_5 symbols), and the
 * header is not needed to build. Lists are walked with kmod_list_next() from the head on.
 */
struct kmod_ctx;
struct kmod_list;
struct kmod_module;

struct kmod_api {
	void *library;
	struct kmod_ctx *(*new)(const char *dirname, const char *const *config_paths);
	struct kmod_ctx *(*unref)(struct kmod_ctx *ctx);
	struct kmod_list *(*list_next)(const struct kmod_list *list, const struct kmod_list *curr);
	int (*from_lookup)(struct kmod_ctx *ctx, const char *alias, struct kmod_list **list);
	struct kmod_module *(*get_module)(const struct kmod_list *entry);
	struct kmod_module *(*module_unref)(struct kmod_module *mod);
	int (*unref_list)(struct kmod_list *list);
	const char *(*get_name)(const struct kmod_module *mod);
	const char *(*get_path)(const struct kmod_module *mod);
	const char *(*get_options)(const struct kmod_module *mod);
	struct kmod_list *(*get_dependencies)(const struct kmod_module *mod);
	int (*get_softdeps)(const struct kmod_module *mod, struct kmod_list **pre,
			    struct kmod_list **post);
	int (*get_info)(const struct kmod_module *mod, struct kmod_list **list);
	const char *(*info_key)(const struct kmod_list *entry);
	const char *(*info_value)(const struct kmod_list *entry);
	void (*info_free)(struct kmod_list *list);
};

struct km_boot_modules {
	struct kmod_api kmod;
	struct kmod_ctx *ctx;
	size_t root_length; /* of the tree's root, which stands before every path of libkmod's */
	KM_VEC(struct km_boot_module) found;
	struct km_conf_words seen, omitted;
};

static struct km_error *load_api(struct kmod_api *api)
{
	static const struct {
		const char *name;
		size_t offset;
	} symbols[] = {
		{"kmod_new", offsetof(struct kmod_api, new)},
		{"kmod_unref", offsetof(struct kmod_api, unref)},
		{"kmod_list_next", offsetof(struct kmod_api, list_next)},
		{"kmod_module_new_from_lookup", offsetof(struct kmod_api, from_lookup)},
		{"kmod_module_get_module", offsetof(struct kmod_api, get_module)},
		{"kmod_module_unref", offsetof(struct kmod_api, module_unref)},
		{"kmod_module_unref_list", offsetof(struct kmod_api, unref_list)},
		{"kmod_module_get_name", offsetof(struct kmod_api, get_name)},
		{"kmod_module_get_path", offsetof(struct kmod_api, get_path)},
		{"kmod_module_get_options", offsetof(struct kmod_api, get_options)},
		{"kmod_module_get_dependencies", offsetof(struct kmod_api, get_dependencies)},
		{"kmod_module_get_softdeps", offsetof(struct kmod_api, get_softdeps)},
		{"kmod_module_get_info", offsetof(struct kmod_api, get_info)},
		{"kmod_module_info_get_key", offsetof(struct kmod_api, info_key)},
		{"kmod_module_info_get_value", offsetof(struct kmod_api, info_value)},
		{"kmod_module_info_free_list", offsetof(struct kmod_api, info_free)},
	};

	api->library = dlopen("libkmod.so.2", RTLD_NOW | RTLD_LOCAL);
	if (!api->library)
		return km_error_new(KM_ERROR_MISSING,
				    "libkmod.so.2 is not there (package libkmod2, kmod-libs, "
				    "libkmod2 or kmod): %s",
				    dlerror());
	for (size_t i = 0; i < KM_ARRAY_SIZE(symbols); i++) {
		void *symbol = dlsym(api->library, symbols[i].name);

		if (!symbol)
			return km_error_new(KM_ERROR_MISSING, "libkmod.so.2 has no %s",
					    symbols[i].name);
		*(void **)((char *)api + symbols[i].offset) = symbol;
	}
	return NULL;
}

static struct km_error *open_context(const struct km_tree *tree, const char *release,
				     struct km_boot_modules *m)
{
	static const char *const folders[] = {"etc/modprobe.d", "run/modprobe.d",
					      "usr/local/lib/modprobe.d", "usr/lib/modprobe.d",
					      "lib/modprobe.d"};
	const char *root = tree->root && strcmp(tree->root, "/") ? tree->root : "";
	struct km_str paths[KM_ARRAY_SIZE(folders) + 1] = {0};
	const char *config[KM_ARRAY_SIZE(folders) + 1] = {0};
	km_auto_free char *index = NULL;

	m->root_length = strlen(root);
	if (asprintf(&index, "/lib/modules/%s/modules.dep.bin", release) < 0)
		return km_error_nomem();
	if (!km_tree_exists(tree, index))
		return km_error_new(
			KM_ERROR_MISSING,
			"%s%s is not there: is the kernel's package installed? depmod -a "
			"%s makes the file",
			root, index, release);
	for (size_t i = 0; i < KM_ARRAY_SIZE(folders); i++) {
		km_str_addf(&paths[i], "%s/%s", root, folders[i]);
		config[i] = paths[i].data ? paths[i].data : "/";
	}
	km_str_addf(&paths[KM_ARRAY_SIZE(folders)], "%s/lib/modules/%s", root, release);
	if (paths[KM_ARRAY_SIZE(folders)].data)
		m->ctx = m->kmod.new(paths[KM_ARRAY_SIZE(folders)].data, config);
	for (size_t i = 0; i < KM_ARRAY_SIZE(paths); i++)
		km_str_free(&paths[i]);
	return m->ctx ? NULL : km_error_nomem();
}

struct km_error *km_boot_modules_open(const struct km_tree *tree, const char *release,
				      struct km_boot_modules **ret)
{
	km_cleanup(km_boot_modules_closep) struct km_boot_modules *m = calloc(1, sizeof(*m));

	if (!m)
		return km_error_nomem();
	KM_TRY(load_api(&m->kmod));
	KM_TRY(open_context(tree, release, m));
	*ret = km_take(m);
	return NULL;
}

void km_boot_modules_close(struct km_boot_modules *m)
{
	km_vec_for_each (&m->found, module) {
		free(module->name);
		free(module->path);
		free(module->parameters);
		km_conf_clear_words(&module->firmware);
	}
	km_vec_free(&m->found);
	km_conf_clear_words(&m->seen);
	km_conf_clear_words(&m->omitted);
	if (m->ctx)
		m->kmod.unref(m->ctx);
	if (m->kmod.library)
		dlclose(m->kmod.library);
	free(m);
}

static bool has_word(const struct km_conf_words *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->data[i], word))
			return true;
	return false;
}

struct km_error *km_boot_modules_omit(struct km_boot_modules *m, const char *name)
{
	return km_conf_add_word(&m->omitted, name, strlen(name));
}

static struct km_error *add_module(struct km_boot_modules *m, struct kmod_module *mod);

static struct km_error *add_list(struct km_boot_modules *m, struct kmod_list *list)
{
	struct km_error *error = NULL;

	for (struct kmod_list *entry = list; entry && !error;
	     entry = m->kmod.list_next(list, entry)) {
		struct kmod_module *mod = m->kmod.get_module(entry);

		if (!mod)
			continue;
		error = add_module(m, mod);
		m->kmod.module_unref(mod);
	}
	if (list)
		m->kmod.unref_list(list);
	return error;
}

/* Soft dependencies are what the kernel would ask modprobe for while it loads the module; in the capture
 * kernel there is none to ask. */
static struct km_error *add_needs(struct km_boot_modules *m, struct kmod_module *mod,
				  struct kmod_list **ret_post)
{
	struct kmod_list *pre = NULL;

	*ret_post = NULL;
	if (m->kmod.get_softdeps(mod, &pre, ret_post) < 0)
		pre = *ret_post = NULL;
	KM_TRY(add_list(m, pre));
	return add_list(m, m->kmod.get_dependencies(mod));
}

static struct km_error *read_info(struct km_boot_modules *m, struct kmod_module *mod,
				  struct km_boot_module *module)
{
	struct kmod_list *info = NULL;
	struct km_error *error = NULL;

	if (m->kmod.get_info(mod, &info) < 0)
		return NULL;
	for (struct kmod_list *entry = info; entry && !error;
	     entry = m->kmod.list_next(info, entry)) {
		const char *value = m->kmod.info_value(entry);

		if (!strcmp(m->kmod.info_key(entry), "firmware"))
			error = km_conf_add_word(&module->firmware, value, strlen(value));
	}
	m->kmod.info_free(info);
	return error;
}

static struct km_error *append(struct km_boot_modules *m, struct kmod_module *mod, const char *path)
{
	struct km_boot_module *module = km_vec_push(&m->found);
	const char *options = m->kmod.get_options(mod);

	if (!module)
		return km_error_nomem();
	module->name = strdup(m->kmod.get_name(mod));
	module->path = strdup(path + km_min(m->root_length, strlen(path)));
	module->parameters = strdup(options ? options : "");
	if (!module->name || !module->path || !module->parameters)
		return km_error_nomem();
	return read_info(m, mod, module);
}

/* `seen` ends dependencies that go in circles. */
static struct km_error *add_module(struct km_boot_modules *m, struct kmod_module *mod)
{
	const char *name = m->kmod.get_name(mod), *path = m->kmod.get_path(mod);
	struct kmod_list *post = NULL;
	struct km_error *error;

	/* One that is built in has no file. */
	if (!path || has_word(&m->seen, name) || has_word(&m->omitted, name))
		return NULL;
	KM_TRY(km_conf_add_word(&m->seen, name, strlen(name)));
	error = add_needs(m, mod, &post);
	if (!error)
		error = append(m, mod, path);
	if (error) {
		if (post)
			m->kmod.unref_list(post);
		return error;
	}
	return add_list(m, post);
}

struct km_error *km_boot_modules_add(struct km_boot_modules *m, const char *name, bool *ret_found)
{
	struct kmod_list *list = NULL;

	if (m->kmod.from_lookup(m->ctx, name, &list) < 0)
		list = NULL;
	if (ret_found)
		*ret_found = list != NULL;
	return add_list(m, list);
}

size_t km_boot_modules_count(const struct km_boot_modules *m)
{
	return m->found.count;
}

const struct km_boot_module *km_boot_modules_get(const struct km_boot_modules *m, size_t i)
{
	return i < m->found.count ? &m->found.data[i] : NULL;
}
