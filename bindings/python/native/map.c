/* class Map: its keys and values are bytes here, which the package's Python code packs and unpacks. */
#include "native.h"

static int map_init(PyObject *object, PyObject *args, PyObject *keywords) {
	static const struct signature signature = { "Map", { "region", "name", "key", "value" }, 2, 0 };
	struct map *self = (struct map *)object;
	PyObject *values[MOST_PARAMETERS];
	const char *name, *key, *value;
	if (!parse_keywords(&signature, args, keywords, values) || !text_from(values[2], &key) ||
		!text_from(values[3], &value) || !waited_init(&self->waited, values[0], values[1], NULL) ||
		!text_from(values[1], &name)) {
		return -1;
	}
	const int code = dhmem_map_open(self->waited.region->handle, name, key, value, &self->handle);
	if (code < 0) {
		self->handle = NULL;
		raise_last(code);
		return -1;
	}
	return 0;
}

static void map_dealloc(PyObject *object) {
	dhmem_map_close(((struct map *)object)->handle);
	waited_dealloc(object);
}

static Py_ssize_t map_length(PyObject *object) {
	struct map *self = (struct map *)object;
	size_t size;
	if (!is_open(&self->waited, self->handle)) {
		return -1;
	}
	const int code = dhmem_map_size(self->handle, &size);
	return code >= 0 ? (Py_ssize_t)size : (raise_last(code), -1);
}

/* None if there is no such key. */
static PyObject *map_get(PyObject *object, PyObject *args) {
	struct map *self = (struct map *)object;
	const char *key;
	Py_ssize_t length;
	if (!PyArg_ParseTuple(args, "y#", &key, &length) || !is_open(&self->waited, self->handle)) {
		return NULL;
	}
	for (size_t room = 256;;) {
		size_t found;
		PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);
		if (bytes == NULL) {
			return NULL;
		}
		const int code =
			dhmem_map_get(self->handle, key, (size_t)length, PyBytes_AsString(bytes), room, &found);
		PyObject *value = code >= 0 && found <= room
			? PyBytes_FromStringAndSize(PyBytes_AsString(bytes), (Py_ssize_t)found)
			: NULL;
		Py_DECREF(bytes);
		if (code == DHMEM_NOT_FOUND) {
			Py_RETURN_NONE;
		}
		if (code < 0 || found <= room) {
			return code < 0 ? raise_last(code) : value;
		}
		room = found;
	}
}

static PyObject *map_set(PyObject *object, PyObject *args) {
	struct map *self = (struct map *)object;
	const char *key, *value;
	Py_ssize_t key_length, value_length;
	if (!PyArg_ParseTuple(args, "y#y#", &key, &key_length, &value, &value_length) ||
		!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	return none_or_raise(dhmem_map_set(self->handle, key, (size_t)key_length, value, (size_t)value_length));
}

static PyObject *map_delete(PyObject *object, PyObject *args) {
	struct map *self = (struct map *)object;
	const char *key;
	Py_ssize_t length;
	bool deleted;
	if (!PyArg_ParseTuple(args, "y#", &key, &length) || !is_open(&self->waited, self->handle)) {
		return NULL;
	}
	const int code = dhmem_map_delete(self->handle, key, (size_t)length, &deleted);
	return code < 0 ? raise_last(code) : PyBool_FromLong(deleted);
}

static bool add_entry(void *context, const void *key, size_t key_length, const void *value,
	size_t value_length) {
	PyObject *entry = Py_BuildValue("(y#y#)", key, (Py_ssize_t)key_length, value, (Py_ssize_t)value_length);
	const bool added = entry != NULL && PyList_Append(context, entry) == 0;
	Py_XDECREF(entry);
	return added;
}

static PyObject *map_entries(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct map *self = (struct map *)object;
	PyObject *entries = is_open(&self->waited, self->handle) ? PyList_New(0) : NULL;
	if (entries == NULL) {
		return NULL;
	}
	const int code = dhmem_map_each(self->handle, add_entry, entries);
	if (code >= 0 && PyErr_Occurred() == NULL) {
		return entries;
	}
	Py_DECREF(entries);
	return PyErr_Occurred() != NULL ? NULL : raise_last(code);
}

static PyObject *map_lock(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct map *self = (struct map *)object;
	if (!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	const bool *outer = wait_begin(&self->waited);
	const int code = dhmem_map_lock(self->handle, -1);
	wait_end(&self->waited, outer);
	return code == DHMEM_OK ? Py_NewRef(Py_None) : wait_raise(&self->waited, code);
}

static PyObject *map_unlock(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct map *self = (struct map *)object;
	return is_open(&self->waited, self->handle) ? none_or_raise(dhmem_map_unlock(self->handle)) : NULL;
}

static PyObject *get_key_type(PyObject *object, void *Py_UNUSED(closure)) {
	struct map *self = (struct map *)object;
	return is_open(&self->waited, self->handle) ? PyUnicode_FromString(dhmem_map_key_type(self->handle))
												: NULL;
}

static PyObject *get_value_type(PyObject *object, void *Py_UNUSED(closure)) {
	struct map *self = (struct map *)object;
	return is_open(&self->waited, self->handle) ? PyUnicode_FromString(dhmem_map_value_type(self->handle))
												: NULL;
}

static PyMethodDef methods[] = {
	{ "_get", map_get, METH_VARARGS, NULL },
	{ "_set", map_set, METH_VARARGS, NULL },
	{ "_delete", map_delete, METH_VARARGS, NULL },
	{ "_entries", map_entries, METH_NOARGS, NULL },
	{ "_lock", map_lock, METH_NOARGS, NULL },
	{ "_unlock", map_unlock, METH_NOARGS, NULL },
	{ 0 },
};

static PyGetSetDef properties[] = {
	{ "name", waited_name, NULL, "The name of the map.", NULL },
	{ "region", waited_region, NULL, "The region it is in.", NULL },
	{ "_key_type", get_key_type, NULL, NULL, NULL },
	{ "_value_type", get_value_type, NULL, NULL, NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_init, map_init },
	{ Py_tp_dealloc, map_dealloc },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, properties },
	{ Py_mp_length, map_length },
	{ 0 },
};

PyType_Spec map_spec = { "dhmem._native.Map", sizeof(struct map), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	slots };
