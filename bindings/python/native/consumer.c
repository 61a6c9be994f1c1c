/* class Consumer, and the loops over it */
#include "native.h"

void consumer_finish(struct consumer *self) {
	if (self->handle != NULL && can_close(&self->waited)) {
		messages_abandon(self);
		dhmem_consumer_close(self->handle);
		self->handle = NULL;
	}
}

static int consumer_init(PyObject *object, PyObject *args, PyObject *keywords) {
	struct consumer *self = (struct consumer *)object;
	struct dhmem_queue_options options;
	const char *name;
	if (!endpoint_init(&self->waited, "Consumer", args, keywords, &name, &options)) {
		return -1;
	}
	self->waited.viewed = "messages of";
	const int code = dhmem_consumer_open(self->waited.region->handle, name, &options, &self->handle);
	if (code != DHMEM_OK) {
		self->handle = NULL;
		raise_opening(&self->waited, consumer_type, code);
		return -1;
	}
	return 0;
}

static void consumer_dealloc(PyObject *object) {
	consumer_finish((struct consumer *)object);
	waited_dealloc(object);
}

/* At the end of a `with` block, which must not hide an exception, its views may still exist. */
static PyObject *consumer_exit(PyObject *object, PyObject *Py_UNUSED(args)) {
	struct consumer *self = (struct consumer *)object;
	self->waited.closing = true;
	consumer_finish(self);
	Py_RETURN_NONE;
}

static PyObject *consumer_close(PyObject *object, PyObject *Py_UNUSED(unused)) {
	return may_close((struct waited *)object) ? consumer_exit(object, NULL) : NULL;
}

/* The next message, or NULL and `*code`. */
static PyObject *receive(struct consumer *self, double timeout, int *code) {
	struct dhmem_message message;
	const bool *outer = wait_begin(&self->waited);
	*code = dhmem_receive(self->handle, &message, timeout);
	wait_end(&self->waited, outer);
	if (self->waited.closing) {
		/* A message that has arrived meanwhile is delivered again. */
		*code = *code < 0 ? *code : DHMEM_INTERRUPTED;
		consumer_finish(self);
		return NULL;
	}
	self->ended = self->ended || *code == DHMEM_END;
	return *code == DHMEM_OK ? message_new(self, &message) : NULL;
}

static PyObject *consumer_receive(PyObject *object, PyObject *const *args, Py_ssize_t count,
	PyObject *keywords) {
	static const struct signature signature = { "receive", { "timeout" }, 0, 0 };
	struct consumer *self = (struct consumer *)object;
	PyObject *values[MOST_PARAMETERS];
	double timeout = self->waited.timeout;
	int code;
	if (!parse(&signature, args, count, keywords, values) || !timeout_from(values[0], &timeout) ||
		!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	PyObject *message = receive(self, timeout, &code);
	if (code == DHMEM_END) {
		Py_RETURN_NONE;
	}
	return code == DHMEM_OK ? message : wait_raise(&self->waited, code);
}

static PyObject *consumer_try_receive(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct consumer *self = (struct consumer *)object;
	int code;
	if (!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	PyObject *message = receive(self, 0, &code);
	if (code == DHMEM_END || code == DHMEM_TIMEOUT) {
		Py_RETURN_NONE;
	}
	return code == DHMEM_OK ? message : wait_raise(&self->waited, code);
}

/* Objects for messages that were received. Those without one are delivered again to the next consumer. */
static bool append_all(PyObject *list, struct consumer *self, const struct dhmem_message *messages,
	size_t count) {
	for (size_t i = 0; i < count; i++) {
		PyObject *message = message_new(self, &messages[i]);
		const bool done = message != NULL && PyList_Append(list, message) == 0;
		Py_XDECREF(message);
		if (!done) {
			return false;
		}
	}
	return true;
}

static PyObject *consumer_receive_many(PyObject *object, PyObject *argument) {
	struct consumer *self = (struct consumer *)object;
	struct dhmem_message messages[32];
	const size_t room = sizeof messages / sizeof *messages;
	size_t most, received = room;
	if (!size_from("max", argument, &most)) {
		return NULL;
	}
	PyObject *list = PyList_New(0);
	if (list != NULL && !is_open(&self->waited, self->handle)) {
		Py_CLEAR(list);
	}
	while (list != NULL && most > 0 && received == room) {
		const int code = dhmem_receive_many(self->handle, messages, most < room ? most : room, &received);
		self->ended = self->ended || code == DHMEM_END;
		/* After some messages, the next call finds the failure again. */
		const bool has_failed = code < 0 && PyList_Size(list) == 0;
		received = code == DHMEM_OK ? received : 0;
		most -= received;
		if (has_failed || !append_all(list, self, messages, received)) {
			Py_CLEAR(list);
			return has_failed ? raise_last(code) : NULL;
		}
	}
	return list;
}

/* Releases the message that the iteration has returned last, if that was not done. */
static bool release_current(struct consumer *self, struct iteration *iteration) {
	struct message *current = iteration->current;
	message_returned(iteration, NULL);
	if (current != NULL) {
		return message_finish(current);
	}
	if (iteration->loose.data != NULL) {
		const int code = dhmem_release(self->handle, &iteration->loose);
		iteration->loose.data = NULL;
		return code >= 0 || raise_last(code) != NULL;
	}
	return true;
}

static PyObject *end_current(struct consumer *self, struct iteration *iteration) {
	if (!is_open(&self->waited, self->handle) || !release_current(self, iteration)) {
		return NULL;
	}
	Py_RETURN_NONE;
}

static PyObject *set_current(struct consumer *self, struct iteration *iteration, PyObject *message) {
	if (!PyObject_TypeCheck(message, message_type) || ((struct message *)message)->consumer != self) {
		PyErr_SetString(PyExc_TypeError, "it must be a message of this consumer");
		return NULL;
	}
	message_returned(iteration, (struct message *)message);
	Py_RETURN_NONE;
}

static PyObject *next_of(struct consumer *self, struct iteration *iteration) {
	int code;
	if (!is_open(&self->waited, self->handle) || !release_current(self, iteration)) {
		return NULL;
	}
	PyObject *message = receive(self, self->waited.timeout, &code);
	message_returned(iteration, (struct message *)message);
	/* Without an exception, NULL is the end of the iteration. */
	return code == DHMEM_OK || code == DHMEM_END ? message : wait_raise(&self->waited, code);
}

static PyObject *consumer_next(PyObject *object) {
	struct consumer *self = (struct consumer *)object;
	return next_of(self, &self->iteration);
}

static PyObject *consumer_release_current(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct consumer *self = (struct consumer *)object;
	return end_current(self, &self->iteration);
}

static PyObject *consumer_set_current(PyObject *object, PyObject *message) {
	struct consumer *self = (struct consumer *)object;
	return set_current(self, &self->iteration, message);
}

static PyObject *consumer_iter(PyObject *object) {
	struct loop *self = (struct loop *)PyType_GenericAlloc(loop_type, 0);
	if (self != NULL) {
		self->consumer = HOLD(object);
	}
	return (PyObject *)self;
}

static PyObject *loop_next(PyObject *object) {
	struct loop *self = (struct loop *)object;
	return next_of(self->consumer, &self->iteration);
}

static PyObject *loop_release_current(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct loop *self = (struct loop *)object;
	return end_current(self->consumer, &self->iteration);
}

static PyObject *loop_set_current(PyObject *object, PyObject *message) {
	struct loop *self = (struct loop *)object;
	return set_current(self->consumer, &self->iteration, message);
}

/* The message of a loop that is left is not released. */
static void loop_dealloc(PyObject *object) {
	struct loop *self = (struct loop *)object;
	PyTypeObject *type = Py_TYPE(object);
	message_returned(&self->iteration, NULL);
	LET_GO(self->consumer);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}

static PyObject *get_ended(PyObject *object, void *Py_UNUSED(closure)) {
	return PyBool_FromLong(((struct consumer *)object)->ended);
}

static PyMethodDef methods[] = {
	{ "receive", METHOD(consumer_receive), FAST,
		"receive($self, /, *, timeout=...)\n--\n\n"
		"Wait for the next Message. None at the end of the stream.\n\n"
		"`timeout` is in seconds; without one, the consumer's own. Raises DhmemError: DHMEM_TIMEOUT,\n"
		"DHMEM_PEER_GONE." },
	{ "try_receive", consumer_try_receive, METH_NOARGS,
		"try_receive($self, /)\n--\n\nReturn the next Message if there is one now, else None." },
	{ "receive_many", consumer_receive_many, METH_O,
		"receive_many($self, max, /)\n--\n\n"
		"Return a list of up to `max` Messages that are there now. Never waits.\n\n"
		"After the last message of a stream it is empty, and `ended` is true." },
	{ "close", consumer_close, METH_NOARGS,
		"close($self, /)\n--\n\n"
		"Leave the queue, so that another consumer can take its place.\n\n"
		"Messages that were not released are delivered again. BufferError while views of them exist; `with` "
		"closes "
		"it when the last view is gone." },
	{ "_release_current", consumer_release_current, METH_NOARGS, NULL },
	{ "_set_current", consumer_set_current, METH_O, NULL },
	{ "__enter__", return_self, METH_NOARGS, NULL },
	{ "__exit__", consumer_exit, METH_VARARGS, NULL },
	{ 0 },
};

static PyGetSetDef properties[] = {
	{ "name", waited_name, NULL, "The name of the queue.", NULL },
	{ "region", waited_region, NULL, "The region it is in.", NULL },
	{ "timeout", waited_timeout, NULL, "Seconds for each wait, or None.", NULL },
	{ "ended", get_ended, NULL, "True once the end of the stream was received.", NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_init, consumer_init },
	{ Py_tp_dealloc, consumer_dealloc },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, properties },
	{ Py_tp_iter, consumer_iter },
	{ Py_tp_iternext, consumer_next },
	{ 0 },
};

PyType_Spec consumer_spec = { "dhmem._native.Consumer", sizeof(struct consumer), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots };

static PyMethodDef loop_methods[] = {
	{ "_release_current", loop_release_current, METH_NOARGS, NULL },
	{ "_set_current", loop_set_current, METH_O, NULL },
	{ 0 },
};

static PyType_Slot loop_slots[] = {
	{ Py_tp_dealloc, loop_dealloc },
	{ Py_tp_methods, loop_methods },
	{ Py_tp_iter, PyObject_SelfIter },
	{ Py_tp_iternext, loop_next },
	{ 0 },
};

PyType_Spec loop_spec = { "dhmem._native.Loop", sizeof(struct loop), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, loop_slots };
