/* classes RecordProducer and RecordConsumer: records are bytes here, which the package's Python code packs and unpacks. */
#include "native.h"

struct opening {
	const char *queue;
	const char *type;
	struct dhmem_record_options options;
};

static bool opening_from(struct waited *self, const char *function, PyObject *args, PyObject *keywords,
	struct opening *opening) {
	const struct signature signature = { function,
		{ "region", "queue", "type", "capacity", "patient", "timeout" }, 3, 0 };
	PyObject *values[MOST_PARAMETERS];
	*opening = (struct opening){ 0 };
	if (!parse_keywords(&signature, args, keywords, values) || !text_from(values[2], &opening->type) ||
		(values[3] != NULL && !size_from("capacity", values[3], &opening->options.capacity)) ||
		!waited_init(self, values[0], values[1], values[5])) {
		return false;
	}
	const int patient = values[4] != NULL ? PyObject_IsTrue(values[4]) : 0;
	opening->options.patient = patient == 1;
	opening->queue = utf8_of(values[1]);
	return opening->queue != NULL && patient >= 0;
}

/* How many records of `size` bytes a buffer has. */
static bool count_in(const struct data *data, size_t size, size_t *count) {
	*count = data->length / size;
	if (data->length % size == 0) {
		return true;
	}
	raise_code(DHMEM_BAD_ARGUMENT, "The values have %zu bytes; it must be a multiple of the record's %zu",
		data->length, size);
	return false;
}

/* ------------------------------------------------------------------------------------------------ producer */

static void producer_release(struct record_producer *self) {
	if (self->handle != NULL && self->waited.busy == 0) {
		dhmem_record_producer_close(self->handle);
		self->handle = NULL;
	}
}

static int producer_init(PyObject *object, PyObject *args, PyObject *keywords) {
	struct record_producer *self = (struct record_producer *)object;
	struct opening opening;
	if (!opening_from(&self->waited, "RecordProducer", args, keywords, &opening)) {
		return -1;
	}
	const int code = dhmem_record_producer_open(self->waited.region->handle, opening.queue, opening.type,
		&opening.options, &self->handle);
	if (code != DHMEM_OK) {
		self->handle = NULL;
		raise_last(code);
		return -1;
	}
	self->size = dhmem_sizeof(opening.type);
	return 0;
}

static void producer_dealloc(PyObject *object) {
	producer_release((struct record_producer *)object);
	waited_dealloc(object);
}

static PyObject *producer_close(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct record_producer *self = (struct record_producer *)object;
	self->waited.closing = true;
	producer_release(self);
	Py_RETURN_NONE;
}

static PyObject *producer_exit(PyObject *object, PyObject *Py_UNUSED(args)) {
	return producer_close(object, NULL);
}

static PyObject *producer_push(PyObject *object, PyObject *values) {
	struct record_producer *self = (struct record_producer *)object;
	struct data data;
	size_t count, pushed = 0;
	if (!data_from(values, &data)) {
		return NULL;
	}
	int code = DHMEM_OK;
	const bool can_push = count_in(&data, self->size, &count) && is_open(&self->waited, self->handle);
	if (can_push) {
		code = dhmem_push(self->handle, data.bytes, count, 0, &pushed);
	}
	data_done(&data);
	if (!can_push) {
		return NULL;
	}
	if (code < 0 && code != DHMEM_TIMEOUT) {
		return raise_last(code);
	}
	return PyLong_FromSize_t(code == DHMEM_OK ? pushed : 0);
}

static PyObject *producer_wait(PyObject *object, PyObject *const *args, Py_ssize_t count,
	PyObject *keywords) {
	static const struct signature signature = { "wait", { "timeout" }, 0, 0 };
	struct record_producer *self = (struct record_producer *)object;
	PyObject *values[MOST_PARAMETERS];
	double timeout = self->waited.timeout;
	if (!parse(&signature, args, count, keywords, values) || !timeout_from(values[0], &timeout) ||
		!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	const bool *outer = wait_begin(&self->waited);
	const int code = dhmem_push_wait(self->handle, timeout);
	wait_end(&self->waited, outer);
	if (self->waited.closing) {
		producer_release(self);
	}
	return code == DHMEM_OK ? Py_NewRef(Py_True) : wait_raise(&self->waited, code);
}

/* None if it would have to wait. */
static PyObject *producer_try_wait(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct record_producer *self = (struct record_producer *)object;
	if (!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	const int code = dhmem_push_wait(self->handle, 0);
	return code < 0 && code != DHMEM_TIMEOUT ? raise_last(code)
											 : Py_NewRef(code == DHMEM_OK ? Py_True : Py_None);
}

static PyObject *producer_end(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct record_producer *self = (struct record_producer *)object;
	return is_open(&self->waited, self->handle) ? none_or_raise(dhmem_record_end(self->handle)) : NULL;
}

static PyMethodDef producer_methods[] = {
	{ "_push", producer_push, METH_O, NULL },
	{ "wait", METHOD(producer_wait), FAST,
		"wait($self, /, *, timeout=...)\n--\n\n"
		"Wait until there is room for a record, and return True.\n\n"
		"`timeout` is in seconds; without one, the producer's own. Raises DhmemError: DHMEM_TIMEOUT,\n"
		"DHMEM_PEER_GONE, DHMEM_QUEUE_ENDED." },
	{ "_try_wait", producer_try_wait, METH_NOARGS, NULL },
	{ "end", producer_end, METH_NOARGS,
		"end($self, /)\n--\n\nEnd the stream: the consumer gets what was pushed, and then sees the end." },
	{ "close", producer_close, METH_NOARGS,
		"close($self, /)\n--\n\n"
		"Leave the queue, so that another producer can take its place. This does not end the stream." },
	{ "__enter__", return_self, METH_NOARGS, NULL },
	{ "__exit__", producer_exit, METH_VARARGS, NULL },
	{ 0 },
};

/* ------------------------------------------------------------------------------------------------ consumer */

static void consumer_release(struct record_consumer *self) {
	if (self->handle != NULL && self->waited.busy == 0) {
		dhmem_record_consumer_close(self->handle);
		self->handle = NULL;
	}
}

static int consumer_init(PyObject *object, PyObject *args, PyObject *keywords) {
	struct record_consumer *self = (struct record_consumer *)object;
	struct opening opening;
	if (!opening_from(&self->waited, "RecordConsumer", args, keywords, &opening)) {
		return -1;
	}
	const int code = dhmem_record_consumer_open(self->waited.region->handle, opening.queue, opening.type,
		&opening.options, &self->handle);
	if (code != DHMEM_OK) {
		self->handle = NULL;
		raise_last(code);
		return -1;
	}
	self->size = dhmem_sizeof(opening.type);
	return 0;
}

static void consumer_dealloc(PyObject *object) {
	consumer_release((struct record_consumer *)object);
	waited_dealloc(object);
}

static PyObject *consumer_close(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct record_consumer *self = (struct record_consumer *)object;
	self->waited.closing = true;
	consumer_release(self);
	Py_RETURN_NONE;
}

static PyObject *consumer_exit(PyObject *object, PyObject *Py_UNUSED(args)) {
	return consumer_close(object, NULL);
}

/* Pops what is there into memory for `count` records. */
static bool pop(struct record_consumer *self, void *into, size_t count, size_t *popped) {
	*popped = 0;
	const int code = dhmem_pop(self->handle, into, count, 0, popped);
	if (code != DHMEM_OK) {
		*popped = 0;
	}
	self->ended = self->ended || code == DHMEM_END;
	return code >= 0 || code == DHMEM_TIMEOUT || raise_last(code) != NULL;
}

static PyObject *consumer_pop(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct record_consumer *self = (struct record_consumer *)object;
	size_t popped;
	PyObject *bytes = NULL;
	if (is_open(&self->waited, self->handle)) {
		bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)self->size);
	}
	if (bytes != NULL && (!pop(self, PyBytes_AsString(bytes), 1, &popped) || popped == 0)) {
		Py_DECREF(bytes);
		return PyErr_Occurred() != NULL ? NULL : Py_NewRef(Py_None);
	}
	return bytes;
}

static PyObject *consumer_pop_into(PyObject *object, PyObject *values) {
	struct record_consumer *self = (struct record_consumer *)object;
	struct data data;
	size_t count, popped = 0;
	if (!writable_from(values, &data)) {
		return NULL;
	}
	const bool done = count_in(&data, self->size, &count) && is_open(&self->waited, self->handle) &&
		pop(self, data.buffer.buf, count, &popped);
	data_done(&data);
	return done ? PyLong_FromSize_t(popped) : NULL;
}

static PyObject *consumer_wait(PyObject *object, PyObject *const *args, Py_ssize_t count,
	PyObject *keywords) {
	static const struct signature signature = { "wait", { "timeout" }, 0, 0 };
	struct record_consumer *self = (struct record_consumer *)object;
	PyObject *values[MOST_PARAMETERS];
	double timeout = self->waited.timeout;
	if (!parse(&signature, args, count, keywords, values) || !timeout_from(values[0], &timeout) ||
		!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	const bool *outer = wait_begin(&self->waited);
	const int code = dhmem_pop_wait(self->handle, timeout);
	wait_end(&self->waited, outer);
	if (self->waited.closing) {
		consumer_release(self);
	}
	self->ended = self->ended || code == DHMEM_END;
	return code == DHMEM_OK || code == DHMEM_END ? PyBool_FromLong(code == DHMEM_OK)
												 : wait_raise(&self->waited, code);
}

/* None if it would have to wait. */
static PyObject *consumer_try_wait(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct record_consumer *self = (struct record_consumer *)object;
	if (!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	const int code = dhmem_pop_wait(self->handle, 0);
	self->ended = self->ended || code == DHMEM_END;
	if (code == DHMEM_TIMEOUT) {
		Py_RETURN_NONE;
	}
	return code < 0 ? raise_last(code) : PyBool_FromLong(code == DHMEM_OK);
}

static PyObject *get_ended(PyObject *object, void *Py_UNUSED(closure)) {
	return PyBool_FromLong(((struct record_consumer *)object)->ended);
}

static PyMethodDef consumer_methods[] = {
	{ "_pop", consumer_pop, METH_NOARGS, NULL },
	{ "_pop_into", consumer_pop_into, METH_O, NULL },
	{ "wait", METHOD(consumer_wait), FAST,
		"wait($self, /, *, timeout=...)\n--\n\n"
		"Wait until there is a record, and return True; False when the stream has ended.\n\n"
		"`timeout` is in seconds; without one, the consumer's own. Raises DhmemError: DHMEM_TIMEOUT,\n"
		"DHMEM_PEER_GONE." },
	{ "_try_wait", consumer_try_wait, METH_NOARGS, NULL },
	{ "close", consumer_close, METH_NOARGS,
		"close($self, /)\n--\n\nLeave the queue, so that another consumer can take its place." },
	{ "__enter__", return_self, METH_NOARGS, NULL },
	{ "__exit__", consumer_exit, METH_VARARGS, NULL },
	{ 0 },
};

static PyGetSetDef producer_properties[] = {
	{ "name", waited_name, NULL, "The name of the queue.", NULL },
	{ "region", waited_region, NULL, "The region it is in.", NULL },
	{ "timeout", waited_timeout, NULL, "Seconds for each wait, or None.", NULL },
	{ 0 },
};

static PyGetSetDef consumer_properties[] = {
	{ "name", waited_name, NULL, "The name of the queue.", NULL },
	{ "region", waited_region, NULL, "The region it is in.", NULL },
	{ "timeout", waited_timeout, NULL, "Seconds for each wait, or None.", NULL },
	{ "ended", get_ended, NULL, "True once the end of the stream was received.", NULL },
	{ 0 },
};

static PyType_Slot producer_slots[] = {
	{ Py_tp_init, producer_init },
	{ Py_tp_dealloc, producer_dealloc },
	{ Py_tp_methods, producer_methods },
	{ Py_tp_getset, producer_properties },
	{ 0 },
};

static PyType_Slot consumer_slots[] = {
	{ Py_tp_init, consumer_init },
	{ Py_tp_dealloc, consumer_dealloc },
	{ Py_tp_methods, consumer_methods },
	{ Py_tp_getset, consumer_properties },
	{ 0 },
};

PyType_Spec record_producer_spec = { "dhmem._native.RecordProducer", sizeof(struct record_producer), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, producer_slots };
PyType_Spec record_consumer_spec = { "dhmem._native.RecordConsumer", sizeof(struct record_consumer), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, consumer_slots };
