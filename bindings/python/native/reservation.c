/* class Reservation */
#include "native.h"

PyObject *reservation_new(struct producer *producer, void *data, size_t length) {
	struct reservation *self = (struct reservation *)PyType_GenericAlloc(reservation_type, 0);
	if (self == NULL) {
		dhmem_abort(producer->handle);
		return NULL;
	}
	self->viewed.region = HOLD(producer->waited.region);
	self->producer = HOLD(producer);
	self->data = data;
	self->length = length;
	return (PyObject *)self;
}

static bool is_pending(struct reservation *self) {
	if (self->data == NULL) {
		raise_code(DHMEM_CLOSED, "This reservation was committed or aborted");
		return false;
	}
	return is_open(&self->producer->waited, self->producer->handle);
}

/* Once it is sent or dropped, its room may belong to another message, so there must be no view. */
static PyObject *finish(struct reservation *self, bool send, size_t length) {
	if (!is_pending(self) || !has_no_views(&self->viewed, "the reservation")) {
		return NULL;
	}
	const int code =
		send ? dhmem_commit(self->producer->handle, length) : dhmem_abort(self->producer->handle);
	if (code != DHMEM_BAD_ARGUMENT) {
		self->data = NULL;
	}
	return none_or_raise(code);
}

static void reservation_dealloc(PyObject *object) {
	struct reservation *self = (struct reservation *)object;
	PyTypeObject *type = Py_TYPE(object);
	if (self->data != NULL && self->producer->handle != NULL) {
		dhmem_abort(self->producer->handle);
	}
	LET_GO(self->producer);
	LET_GO(self->viewed.region);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}

static PyObject *reservation_commit(PyObject *object, PyObject *const *args, Py_ssize_t count,
	PyObject *keywords) {
	static const struct signature signature = { "commit", { "length" }, 0, 1 };
	struct reservation *self = (struct reservation *)object;
	PyObject *values[MOST_PARAMETERS];
	size_t length = self->length;
	if (!parse(&signature, args, count, keywords, values) ||
		(values[0] != NULL && values[0] != Py_None && !size_from("length", values[0], &length))) {
		return NULL;
	}
	return finish(self, true, length);
}

static PyObject *reservation_abort(PyObject *object, PyObject *Py_UNUSED(unused)) {
	return finish((struct reservation *)object, false, 0);
}

/* Sends all of it, unless that was done already or the `with` block has failed. */
static PyObject *reservation_exit(PyObject *object, PyObject *args) {
	struct reservation *self = (struct reservation *)object;
	const bool has_failed = PyTuple_Size(args) > 0 && PyTuple_GetItem(args, 0) != Py_None;
	/* With views, which the traceback may hold, it is dropped when they are gone. */
	if (self->data == NULL || (has_failed && self->viewed.exports > 0)) {
		Py_RETURN_NONE;
	}
	return finish(self, !has_failed, self->length);
}

static int reservation_getbuffer(PyObject *object, Py_buffer *buffer, int flags) {
	struct reservation *self = (struct reservation *)object;
	buffer->obj = NULL;
	if (!is_pending(self) || view(&self->viewed, self->data, self->length, buffer, flags) != 0) {
		return -1;
	}
	self->producer->waited.exports++;
	return 0;
}

static void reservation_releasebuffer(PyObject *object, Py_buffer *Py_UNUSED(buffer)) {
	struct reservation *self = (struct reservation *)object;
	self->viewed.exports--;
	self->producer->waited.exports--;
	if (self->producer->waited.closing) {
		producer_finish(self->producer);
	}
}

static Py_ssize_t reservation_length(PyObject *object) {
	return (Py_ssize_t)((struct reservation *)object)->length;
}

static PyMethodDef methods[] = {
	{ "commit", METHOD(reservation_commit), FAST,
		"commit($self, /, length=None)\n--\n\n"
		"Send the first `length` bytes, by default all. BufferError while a view of the reservation "
		"exists." },
	{ "abort", reservation_abort, METH_NOARGS,
		"abort($self, /)\n--\n\nDrop the reservation: nothing is sent." },
	{ "array", viewed_array, METH_O,
		"array($self, dtype, /)\n--\n\nReturn a numpy array over the reserved room, without a copy." },
	{ "__enter__", return_self, METH_NOARGS, NULL },
	{ "__exit__", reservation_exit, METH_VARARGS, NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc,
		"Room in a queue for a message that is written in place. From Producer.reserve().\n\n"
		"It has a buffer: memoryview(room) and room.array(dtype) are views without a copy." },
	{ Py_tp_dealloc, reservation_dealloc },
	{ Py_tp_methods, methods },
	{ Py_bf_getbuffer, reservation_getbuffer },
	{ Py_bf_releasebuffer, reservation_releasebuffer },
	{ Py_mp_length, reservation_length },
	{ 0 },
};

PyType_Spec reservation_spec = { "dhmem.Reservation", sizeof(struct reservation), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots };
