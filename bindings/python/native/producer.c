/* class Producer */
#include "native.h"

void producer_finish(struct producer *self) {
	if (self->handle != NULL && can_close(&self->waited)) {
		dhmem_producer_close(self->handle);
		self->handle = NULL;
	}
}

static int producer_init(PyObject *object, PyObject *args, PyObject *keywords) {
	struct producer *self = (struct producer *)object;
	struct dhmem_queue_options options;
	const char *name;
	if (!endpoint_init(&self->waited, "Producer", args, keywords, &name, &options)) {
		return -1;
	}
	self->waited.viewed = "a reservation in";
	const int code = dhmem_producer_open(self->waited.region->handle, name, &options, &self->handle);
	if (code != DHMEM_OK) {
		self->handle = NULL;
		raise_opening(&self->waited, producer_type, code);
		return -1;
	}
	return 0;
}

static void producer_dealloc(PyObject *object) {
	producer_finish((struct producer *)object);
	waited_dealloc(object);
}

/* At the end of a `with` block, which must not hide an exception, its views may still exist. */
static PyObject *producer_exit(PyObject *object, PyObject *Py_UNUSED(args)) {
	struct producer *self = (struct producer *)object;
	self->waited.closing = true;
	producer_finish(self);
	Py_RETURN_NONE;
}

static PyObject *producer_close(PyObject *object, PyObject *Py_UNUSED(unused)) {
	return may_close((struct waited *)object) ? producer_exit(object, NULL) : NULL;
}

static int send(struct producer *self, const struct data *data, struct block *block, double timeout) {
	const bool *outer = wait_begin(&self->waited);
	if (block != NULL) {
		block->lent++;
	}
	const int code = block == NULL
		? dhmem_send(self->handle, data->bytes, data->length, timeout)
		: dhmem_send_block(self->handle, data->bytes, data->length, &block->block, timeout);
	if (block != NULL) {
		block->lent--;
	}
	wait_end(&self->waited, outer);
	if (self->waited.closing) {
		producer_finish(self);
	}
	return code;
}

/* Sends what the arguments say, and sets `*code` to the result. */
static bool send_values(PyObject *object, PyObject *const *values, double timeout, int *code) {
	struct producer *self = (struct producer *)object;
	struct block *block;
	struct data data;
	if (!block_sendable(values[1], &block) || !data_from(values[0], &data)) {
		return false;
	}
	const bool can_send = is_open(&self->waited, self->handle);
	if (can_send) {
		*code = send(self, &data, block, timeout);
	}
	data_done(&data);
	return can_send;
}

static PyObject *producer_send(PyObject *object, PyObject *const *args, Py_ssize_t count,
	PyObject *keywords) {
	static const struct signature signature = { "send", { "data", "block", "timeout" }, 1, 1 };
	struct waited *waited = (struct waited *)object;
	PyObject *values[MOST_PARAMETERS];
	double timeout = waited->timeout;
	int code;
	if (!parse(&signature, args, count, keywords, values) || !timeout_from(values[2], &timeout) ||
		!send_values(object, values, timeout, &code)) {
		return NULL;
	}
	if (code != DHMEM_OK) {
		return wait_raise(waited, code);
	}
	Py_RETURN_NONE;
}

static PyObject *producer_try_send(PyObject *object, PyObject *const *args, Py_ssize_t count,
	PyObject *keywords) {
	static const struct signature signature = { "try_send", { "data", "block" }, 1, 1 };
	PyObject *values[MOST_PARAMETERS];
	int code;
	if (!parse(&signature, args, count, keywords, values) || !send_values(object, values, 0, &code)) {
		return NULL;
	}
	if (code < 0 && code != DHMEM_TIMEOUT) {
		return raise_last(code);
	}
	return PyBool_FromLong(code == DHMEM_OK);
}

/* The most messages that are published at once. */
#define MOST 64

/* The contents of the messages from `first` on, as many as are published at once. */
static bool contents_from(PyObject *items, Py_ssize_t first, struct data *data, struct dhmem_bytes *messages,
	size_t *count) {
	for (*count = 0; *count < MOST && first + (Py_ssize_t)*count < PyList_Size(items); ++*count) {
		if (!data_from(PyList_GetItem(items, first + (Py_ssize_t)*count), &data[*count])) {
			return false;
		}
		messages[*count] = (struct dhmem_bytes){ data[*count].bytes, data[*count].length };
	}
	return true;
}

static PyObject *producer_send_many(PyObject *object, PyObject *given) {
	struct producer *self = (struct producer *)object;
	struct data data[MOST];
	struct dhmem_bytes messages[MOST];
	size_t count = 0, sent = 0;
	Py_ssize_t all = 0;
	int code = DHMEM_OK;
	/* One of these is a sequence of characters or numbers, which nobody means. */
	if (PyUnicode_Check(given) || PyObject_CheckBuffer(given)) {
		PyErr_Format(PyExc_TypeError,
			"it must be a sequence of messages, not %R; for a single one, use try_send", Py_TYPE(given));
		return NULL;
	}
	PyObject *items = is_open(&self->waited, self->handle) ? PySequence_List(given) : NULL;
	bool is_done = items == NULL;
	while (!is_done) {
		const bool is_right = contents_from(items, all, data, messages, &count);
		/* Making the list may have closed it. */
		if (is_open(&self->waited, self->handle) && count > 0) {
			code = dhmem_send_many(self->handle, messages, count, &sent);
			all += (Py_ssize_t)sent;
		}
		for (size_t i = 0; i < count; i++) {
			data_done(&data[i]);
		}
		is_done = !is_right || code < 0 || sent < count || count < MOST;
	}
	Py_XDECREF(items);
	if (PyErr_Occurred() != NULL) {
		return NULL;
	}
	return code < 0 ? raise_last(code) : PyLong_FromSsize_t(all);
}

static PyObject *producer_reserve(PyObject *object, PyObject *const *args, Py_ssize_t count,
	PyObject *keywords) {
	static const struct signature signature = { "reserve", { "size", "timeout" }, 1, 1 };
	struct producer *self = (struct producer *)object;
	PyObject *values[MOST_PARAMETERS];
	double timeout = self->waited.timeout;
	size_t length;
	void *data;
	if (!parse(&signature, args, count, keywords, values) || !size_from("size", values[0], &length) ||
		!timeout_from(values[1], &timeout) || !is_open(&self->waited, self->handle)) {
		return NULL;
	}
	const bool *outer = wait_begin(&self->waited);
	const int code = dhmem_reserve(self->handle, length, timeout, &data);
	wait_end(&self->waited, outer);
	if (self->waited.closing) {
		producer_finish(self);
	}
	return code != DHMEM_OK ? wait_raise(&self->waited, code) : reservation_new(self, data, length);
}

static PyObject *producer_end(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct producer *self = (struct producer *)object;
	return is_open(&self->waited, self->handle) ? none_or_raise(dhmem_end(self->handle)) : NULL;
}

static PyMethodDef methods[] = {
	{ "send", METHOD(producer_send), FAST,
		"send($self, /, data, *, block=None, timeout=...)\n--\n\n"
		"Send a copy of `data`: a str, or anything with a buffer. Waits for room.\n\n"
		"A `block` is handed over with the message, without a copy. BufferError while a view of it exists. "
		"After a\n"
		"failure it is still this participant's.\n\n"
		"`timeout` is in seconds; without one, the producer's own. Raises DhmemError: DHMEM_TIMEOUT,\n"
		"DHMEM_PEER_GONE, DHMEM_QUEUE_ENDED, DHMEM_MESSAGE_TOO_LARGE, DHMEM_REGION_FULL, DHMEM_NO_SPACE." },
	{ "try_send", METHOD(producer_try_send), FAST,
		"try_send($self, /, data, *, block=None)\n--\n\nSend if there is room now. Return whether it was "
		"sent." },
	{ "send_many", producer_send_many, METH_O,
		"send_many($self, messages, /)\n--\n\n"
		"Send as many of a sequence of messages as there is room for now, and return their number.\n\n"
		"They are published together. Never waits: send `messages[number:]` later." },
	{ "reserve", METHOD(producer_reserve), FAST,
		"reserve($self, /, size, *, timeout=...)\n--\n\n"
		"Reserve room for a message of up to `size` bytes, to write it in place. Waits for room.\n\n"
		"    with producer.reserve(8000) as room:\n"
		"        room.array(\"f8\")[:] = 1.5\n\n"
		"Leaving the `with` block sends the message; an exception drops it." },
	{ "end", producer_end, METH_NOARGS,
		"end($self, /)\n--\n\n"
		"End the stream: the consumer receives what was sent, and then sees the end." },
	{ "close", producer_close, METH_NOARGS,
		"close($self, /)\n--\n\n"
		"Leave the queue, so that another producer can take its place. This does not end the stream.\n\n"
		"BufferError while views of its reservation exist; `with` closes it when the last view is gone." },
	{ "__enter__", return_self, METH_NOARGS, NULL },
	{ "__exit__", producer_exit, METH_VARARGS, NULL },
	{ 0 },
};

static PyGetSetDef properties[] = {
	{ "name", waited_name, NULL, "The name of the queue.", NULL },
	{ "region", waited_region, NULL, "The region it is in.", NULL },
	{ "timeout", waited_timeout, NULL, "Seconds for each wait, or None.", NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_init, producer_init },
	{ Py_tp_dealloc, producer_dealloc },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, properties },
	{ 0 },
};

PyType_Spec producer_spec = { "dhmem._native.Producer", sizeof(struct producer), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots };
