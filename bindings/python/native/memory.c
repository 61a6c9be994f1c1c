/* class Memory: structs and arrays */
#include "native.h"

#include <string.h>

static bool memory_open(struct memory *self, PyObject *const *values) {
	const char *name, *type;
	int is_struct = 0;
	if (!text_from(values[1], &name) || !text_from(values[2], &type) || !number_from(values[3], &is_struct)) {
		return false;
	}
	dhmem_region *region = ((struct region *)values[0])->handle;
	const int code = values[4] != NULL && values[4] != Py_None
		? dhmem_memory_load(region, utf8_of(values[4]), &self->handle)
		: (is_struct ? dhmem_struct_open : dhmem_array_open)(region, name, type, NULL, &self->handle);
	if (code < 0) {
		self->handle = NULL;
		raise_last(code);
	}
	return code >= 0;
}

static int memory_init(PyObject *object, PyObject *args, PyObject *keywords) {
	static const struct signature signature = { "Memory", { "region", "name", "type", "is_struct", "token" },
		2, 0 };
	struct memory *self = (struct memory *)object;
	PyObject *values[MOST_PARAMETERS];
	if (self->handle != NULL) {
		PyErr_SetString(PyExc_RuntimeError, "this object is open already");
		return -1;
	}
	if (!parse_keywords(&signature, args, keywords, values) || !is_region(values[0]) ||
		(values[4] != NULL && values[4] != Py_None && utf8_of(values[4]) == NULL) ||
		!memory_open(self, values)) {
		return -1;
	}
	struct region *region = HOLD(values[0]);
	self->viewed.region = region;
	self->next = region->memories;
	region->memories = self;
	return 0;
}

bool can_be_removed(const struct region *region, const char *name) {
	for (const struct memory *memory = region->memories; memory != NULL; memory = memory->next) {
		if (strcmp(dhmem_memory_name(memory->handle), name) == 0 && !has_no_views(&memory->viewed, name)) {
			return false;
		}
	}
	for (const struct waited *other = region->others; other != NULL; other = other->next) {
		if (strcmp(PyUnicode_AsUTF8AndSize(other->name, NULL), name) == 0 && !other->removed &&
			!are_no_views(other->exports, name)) {
			return false;
		}
	}
	return true;
}

static void memory_dealloc(PyObject *object) {
	struct memory *self = (struct memory *)object;
	PyTypeObject *type = Py_TYPE(object);
	if (self->handle != NULL) {
		struct memory **link = &self->viewed.region->memories;
		while (*link != self) {
			link = &(*link)->next;
		}
		*link = self->next;
		dhmem_memory_close(self->handle);
	}
	LET_GO(self->viewed.region);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}

static bool is_usable(const struct memory *self) {
	if (self->handle == NULL) {
		PyErr_SetString(PyExc_RuntimeError, "this object was never opened");
		return false;
	}
	const int code = dhmem_memory_check(self->handle);
	return code >= 0 || raise_last(code) != NULL;
}

static PyObject *memory_save(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct memory *self = (struct memory *)object;
	char token[DHMEM_TOKEN_BYTES];
	if (!is_usable(self)) {
		return NULL;
	}
	const int code = dhmem_memory_save(self->handle, token);
	return code < 0 ? raise_last(code) : PyUnicode_FromString(token);
}

static PyObject *get_type(PyObject *object, void *Py_UNUSED(closure)) {
	struct memory *self = (struct memory *)object;
	return self->handle != NULL ? PyUnicode_FromString(dhmem_memory_type(self->handle)) : Py_NewRef(Py_None);
}

static int memory_getbuffer(PyObject *object, Py_buffer *buffer, int flags) {
	struct memory *self = (struct memory *)object;
	buffer->obj = NULL;
	return is_usable(self) ? view(&self->viewed, dhmem_memory_data(self->handle),
								 dhmem_memory_length(self->handle), buffer, flags)
						   : -1;
}

static void memory_releasebuffer(PyObject *object, Py_buffer *Py_UNUSED(buffer)) {
	((struct memory *)object)->viewed.exports--;
}

static PyMethodDef methods[] = {
	{ "_save", memory_save, METH_NOARGS, NULL },
	{ 0 },
};

static PyGetSetDef properties[] = {
	{ "_type", get_type, NULL, NULL, NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_init, memory_init },
	{ Py_tp_dealloc, memory_dealloc },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, properties },
	{ Py_bf_getbuffer, memory_getbuffer },
	{ Py_bf_releasebuffer, memory_releasebuffer },
	{ 0 },
};

PyType_Spec memory_spec = { "dhmem._native.Memory", sizeof(struct memory), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots };
