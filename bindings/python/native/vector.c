/* class Vector: its elements are bytes here, which the package's Python code packs and unpacks. */
#include "native.h"

static int vector_init(PyObject *object, PyObject *args, PyObject *keywords) {
	static const struct signature signature = { "Vector", { "region", "name", "dtype", "token" }, 2, 0 };
	struct vector *self = (struct vector *)object;
	PyObject *values[MOST_PARAMETERS];
	const char *name, *dtype, *token;
	if (!parse_keywords(&signature, args, keywords, values) || !text_from(values[2], &dtype) ||
		!text_from(values[3], &token) || !waited_init(&self->waited, values[0], values[1], NULL) ||
		!text_from(values[1], &name)) {
		return -1;
	}
	dhmem_region *region = self->waited.region->handle;
	const int code = token != NULL ? dhmem_vector_load(region, token, &self->handle)
								   : dhmem_vector_open(region, name, dtype, &self->handle);
	if (code < 0) {
		self->handle = NULL;
		raise_last(code);
		return -1;
	}
	/* A token does not say it. */
	Py_DECREF(self->waited.name);
	self->waited.name = PyUnicode_FromString(dhmem_vector_name(self->handle));
	return self->waited.name != NULL ? 0 : -1;
}

static void vector_dealloc(PyObject *object) {
	dhmem_vector_close(((struct vector *)object)->handle);
	waited_dealloc(object);
}

static bool length_of(struct vector *self, size_t *length) {
	void *data;
	if (!is_open(&self->waited, self->handle)) {
		return false;
	}
	const int code = dhmem_vector_view(self->handle, &data, length);
	return code >= 0 || raise_last(code) != NULL;
}

static Py_ssize_t vector_length(PyObject *object) {
	size_t length;
	return length_of((struct vector *)object, &length) ? (Py_ssize_t)length : -1;
}

static PyObject *vector_read(PyObject *object, PyObject *args) {
	struct vector *self = (struct vector *)object;
	Py_ssize_t first, count, size;
	size_t done;
	if (!PyArg_ParseTuple(args, "nnn", &first, &count, &size) || !is_open(&self->waited, self->handle)) {
		return NULL;
	}
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, count * size);
	if (bytes == NULL) {
		return NULL;
	}
	const int code =
		dhmem_vector_read(self->handle, (size_t)first, PyBytes_AsString(bytes), (size_t)count, &done);
	if (code < 0) {
		Py_DECREF(bytes);
		return raise_last(code);
	}
	PyObject *read = PyBytes_FromStringAndSize(PyBytes_AsString(bytes), (Py_ssize_t)done * size);
	Py_DECREF(bytes);
	return read;
}

static PyObject *vector_append(PyObject *object, PyObject *args) {
	struct vector *self = (struct vector *)object;
	const char *bytes;
	Py_ssize_t length, size;
	if (!PyArg_ParseTuple(args, "y#n", &bytes, &length, &size) || !is_open(&self->waited, self->handle)) {
		return NULL;
	}
	return none_or_raise(dhmem_vector_append(self->handle, bytes, (size_t)(length / size)));
}

static PyObject *vector_write(PyObject *object, PyObject *args) {
	struct vector *self = (struct vector *)object;
	const char *bytes;
	Py_ssize_t first, length, size;
	if (!PyArg_ParseTuple(args, "ny#n", &first, &bytes, &length, &size) ||
		!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	return none_or_raise(dhmem_vector_write(self->handle, (size_t)first, bytes, (size_t)(length / size)));
}

static PyObject *vector_pop(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct vector *self = (struct vector *)object;
	char element[8];
	bool popped;
	if (!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	const int code = dhmem_vector_pop(self->handle, element, &popped);
	if (code < 0) {
		return raise_last(code);
	}
	return popped ? PyBytes_FromStringAndSize(element, sizeof element) : Py_NewRef(Py_None);
}

static PyObject *vector_resize(PyObject *object, PyObject *argument) {
	struct vector *self = (struct vector *)object;
	size_t length;
	if (!size_from("length", argument, &length) || !is_open(&self->waited, self->handle)) {
		return NULL;
	}
	return none_or_raise(dhmem_vector_resize(self->handle, length));
}

static PyObject *vector_save(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct vector *self = (struct vector *)object;
	char token[DHMEM_TOKEN_BYTES];
	if (!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	const int code = dhmem_vector_save(self->handle, token);
	return code < 0 ? raise_last(code) : PyUnicode_FromString(token);
}

static PyObject *get_dtype(PyObject *object, void *Py_UNUSED(closure)) {
	struct vector *self = (struct vector *)object;
	return is_open(&self->waited, self->handle) ? PyUnicode_FromString(dhmem_vector_dtype(self->handle))
												: NULL;
}

static PyMethodDef methods[] = {
	{ "_read", vector_read, METH_VARARGS, NULL },
	{ "_append", vector_append, METH_VARARGS, NULL },
	{ "_write", vector_write, METH_VARARGS, NULL },
	{ "_pop", vector_pop, METH_NOARGS, NULL },
	{ "_save", vector_save, METH_NOARGS, NULL },
	{ "resize", vector_resize, METH_O,
		"resize($self, length, /)\n--\n\nChange the number of elements. New ones are 0." },
	{ 0 },
};

static PyGetSetDef properties[] = {
	{ "name", waited_name, NULL, "The name of the vector.", NULL },
	{ "_dtype", get_dtype, NULL, NULL, NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_init, vector_init },
	{ Py_tp_dealloc, vector_dealloc },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, properties },
	{ Py_mp_length, vector_length },
	{ 0 },
};

PyType_Spec vector_spec = { "dhmem._native.Vector", sizeof(struct vector), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots };
