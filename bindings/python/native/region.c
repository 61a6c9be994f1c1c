/* class Region */
#include "native.h"

static int region_init(PyObject *object, PyObject *args, PyObject *keywords) {
	static const struct signature signature = { "Region",
		{ "name", "mode", "size", "permissions", "lifetime", "directory", "label", "trust" }, 1, 0 };
	struct region *self = (struct region *)object;
	PyObject *values[MOST_PARAMETERS];
	struct dhmem_options options = { 0 };
	int mode, permissions, lifetime;
	const char *name;
	size_t size = 0;
	if (self->handle != NULL) {
		PyErr_SetString(PyExc_RuntimeError, "this Region is open already");
		return -1;
	}
	if (!parse_keywords(&signature, args, keywords, values) || !text_from(values[0], &name) ||
		!number_from(values[1], &mode) || (values[2] != NULL && !size_from("size", values[2], &size)) ||
		!number_from(values[3], &permissions) || !number_from(values[4], &lifetime) ||
		!path_from(values[5], &options.directory) || !text_from(values[6], &options.label) ||
		!text_from(values[7], &options.trust)) {
		return -1;
	}
	options.mode = (enum dhmem_mode)mode;
	options.size = size;
	options.permissions = (unsigned)permissions;
	options.lifetime = (enum dhmem_lifetime)lifetime;
	const int code = dhmem_open(name, &options, &self->handle);
	if (code != DHMEM_OK) {
		self->handle = NULL;
		raise_last(code);
		return -1;
	}
	self->is_read_only = options.mode == DHMEM_OPEN_READ_ONLY;
	dhmem_keep(self->handle);
	dhmem_on_sleep(self->handle, wait_before, wait_after);
	self->name = Py_NewRef(values[0]);
	return 0;
}

static void region_dealloc(PyObject *object) {
	struct region *self = (struct region *)object;
	PyTypeObject *type = Py_TYPE(object);
	if (self->handle != NULL) {
		/* Does nothing if it is closed. */
		dhmem_close(self->handle);
		dhmem_drop(self->handle);
	}
	Py_XDECREF(self->name);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}

static PyObject *region_close(PyObject *object, PyObject *Py_UNUSED(unused)) {
	dhmem_close(((struct region *)object)->handle);
	Py_RETURN_NONE;
}

static PyObject *region_exit(PyObject *object, PyObject *Py_UNUSED(args)) {
	return region_close(object, NULL);
}

/* NULL, and an exception, if __init__() was not called. */
static dhmem_region *handle_of(PyObject *object) {
	dhmem_region *handle = ((struct region *)object)->handle;
	if (handle == NULL) {
		PyErr_SetString(PyExc_RuntimeError, "this Region was never opened");
	}
	return handle;
}

static PyObject *region_recover(PyObject *object, PyObject *Py_UNUSED(unused)) {
	unsigned count;
	if (handle_of(object) == NULL) {
		return NULL;
	}
	const int code = dhmem_recover(handle_of(object), &count);
	return code < 0 ? raise_last(code) : PyLong_FromUnsignedLong(count);
}

static PyObject *region_trim(PyObject *object, PyObject *Py_UNUSED(unused)) {
	uint64_t given;
	if (handle_of(object) == NULL) {
		return NULL;
	}
	const int code = dhmem_trim(handle_of(object), &given);
	return code < 0 ? raise_last(code) : PyLong_FromUnsignedLongLong(given);
}

static PyObject *ask(PyObject *object, PyObject *name,
	int (*question)(dhmem_region *, const char *, bool *)) {
	bool answer;
	const char *text = handle_of(object) != NULL ? utf8_of(name) : NULL;
	if (text == NULL) {
		return NULL;
	}
	const int code = question(handle_of(object), text, &answer);
	return code < 0 ? raise_last(code) : PyBool_FromLong(answer);
}

static PyObject *region_remove(PyObject *object, PyObject *name) {
	const char *text = utf8_of(name);
	if (text == NULL || !can_be_removed((struct region *)object, text)) {
		return NULL;
	}
	PyObject *answer = ask(object, name, dhmem_remove);
	if (answer != NULL) {
		waited_removed((struct region *)object, text);
	}
	return answer;
}

static PyObject *region_unlink(PyObject *object, PyObject *Py_UNUSED(unused)) {
	return handle_of(object) != NULL ? none_or_raise(dhmem_unlink_region(handle_of(object))) : NULL;
}

static PyObject *region_has_participant(PyObject *object, PyObject *label) {
	return ask(object, label, dhmem_has_participant);
}

static PyObject *region_check(PyObject *object, PyObject *Py_UNUSED(unused)) {
	return handle_of(object) != NULL ? none_or_raise(dhmem_check(handle_of(object))) : NULL;
}

static PyObject *region_load_block(PyObject *object, PyObject *token) {
	return handle_of(object) != NULL ? block_load((struct region *)object, token) : NULL;
}

static PyObject *region_token_kind(PyObject *object, PyObject *token) {
	enum dhmem_kind kind;
	const char *text = handle_of(object) != NULL ? utf8_of(token) : NULL;
	if (text == NULL) {
		return NULL;
	}
	const int code = dhmem_token_kind(handle_of(object), text, &kind);
	return code < 0 ? raise_last(code) : PyLong_FromLong(kind);
}

/* (consumers, ended, ends read, head, next), or None if there is no such queue. */
static PyObject *region_activity(PyObject *object, PyObject *queue) {
	struct dhmem_activity activity;
	const char *text = handle_of(object) != NULL ? utf8_of(queue) : NULL;
	if (text == NULL) {
		return NULL;
	}
	const int code = dhmem_queue_activity(handle_of(object), text, &activity);
	if (code == DHMEM_NOT_FOUND) {
		Py_RETURN_NONE;
	}
	return code < 0 ? raise_last(code)
					: Py_BuildValue("IIIII", activity.consumers, activity.ended, activity.ends_read,
						  activity.head, activity.next);
}

static PyObject *region_free_saved(PyObject *object, PyObject *token) {
	const char *text = handle_of(object) != NULL ? utf8_of(token) : NULL;
	return text != NULL ? none_or_raise(dhmem_free_saved(handle_of(object), text)) : NULL;
}

static PyObject *region_fd(PyObject *object, PyObject *Py_UNUSED(unused)) {
	int fd;
	const int code = handle_of(object) != NULL ? dhmem_fd(handle_of(object), &fd) : 0;
	if (PyErr_Occurred() != NULL) {
		return NULL;
	}
	return code < 0 ? raise_last(code) : PyLong_FromLong(fd);
}

static PyObject *region_fd_clear(PyObject *object, PyObject *Py_UNUSED(unused)) {
	return handle_of(object) != NULL ? none_or_raise(dhmem_fd_clear(handle_of(object))) : NULL;
}

static PyObject *region_allocate(PyObject *object, PyObject *argument) {
	struct region *self = (struct region *)object;
	struct dhmem_block block;
	size_t length;
	if (handle_of(object) == NULL || !size_from("size", argument, &length)) {
		return NULL;
	}
	const int code = dhmem_allocate(self->handle, length, &block);
	return code < 0 ? raise_last(code) : block_new(self, &block, NULL);
}

static PyObject *get_name(PyObject *object, void *Py_UNUSED(closure)) {
	return handle_of(object) != NULL ? Py_NewRef(((struct region *)object)->name) : NULL;
}

static PyObject *get_path(PyObject *object, void *Py_UNUSED(closure)) {
	return handle_of(object) != NULL ? PyUnicode_DecodeFSDefault(dhmem_path(handle_of(object))) : NULL;
}

static PyObject *get_size(PyObject *object, void *Py_UNUSED(closure)) {
	return handle_of(object) != NULL ? PyLong_FromUnsignedLongLong(dhmem_size(handle_of(object))) : NULL;
}

static PyMethodDef methods[] = {
	{ "close", region_close, METH_NOARGS,
		"close($self, /)\n--\n\n"
		"Leave the region, and free the blocks that this participant owns.\n\n"
		"Views of the region that still exist read zeros from then on." },
	{ "recover", region_recover, METH_NOARGS,
		"recover($self, /)\n--\n\n"
		"Recover from all participants that have died, and return their number.\n\nThis also happens by "
		"itself." },
	{ "trim", region_trim, METH_NOARGS,
		"trim($self, /)\n--\n\nGive the pages of free memory back to the machine, and return their bytes." },
	{ "remove", region_remove, METH_O,
		"remove($self, name, /)\n--\n\n"
		"Remove what has this name in the region, and return whether there was something.\n\n"
		"Others who have it open keep it. What this Region has open under the name can't be used any more. "
		"BufferError while a view of it exists." },
	{ "unlink", region_unlink, METH_NOARGS,
		"unlink($self, /)\n--\n\n"
		"Remove the region's file. Participants that have it open keep it.\n\n"
		"DHMEM_NOT_FOUND if it has none any more, also if another region has the name by now." },
	{ "has_participant", region_has_participant, METH_O,
		"has_participant($self, label, /)\n--\n\nReturn whether a living participant has this label." },
	{ "allocate", region_allocate, METH_O,
		"allocate($self, size, /)\n--\n\n"
		"Allocate a Block of `size` bytes, aligned to 64. It contains old bytes." },
	{ "_check", region_check, METH_NOARGS, NULL },
	{ "_load_block", region_load_block, METH_O, NULL },
	{ "_token_kind", region_token_kind, METH_O, NULL },
	{ "_activity", region_activity, METH_O, NULL },
	{ "free_saved", region_free_saved, METH_O,
		"free_saved($self, token, /)\n--\n\nFree the saved block under a token. DHMEM_BAD_HANDLE if it is "
		"gone." },
	{ "_fd", region_fd, METH_NOARGS, NULL },
	{ "_fd_clear", region_fd_clear, METH_NOARGS, NULL },
	{ "__enter__", return_self, METH_NOARGS, NULL },
	{ "__exit__", region_exit, METH_VARARGS, NULL },
	{ 0 },
};

static PyGetSetDef properties[] = {
	{ "name", get_name, NULL, "The name it was opened by.", NULL },
	{ "path", get_path, NULL, "The path of the region's file.", NULL },
	{ "size", get_size, NULL, "Its size in bytes: address space, not memory.", NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_init, region_init },
	{ Py_tp_dealloc, region_dealloc },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, properties },
	{ 0 },
};

PyType_Spec region_spec = { "dhmem._native.Region", sizeof(struct region), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots };
