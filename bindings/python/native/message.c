/* class Message */
#include "native.h"

#include <string.h>

PyObject *message_new(struct consumer *consumer, const struct dhmem_message *message) {
	struct message *self = (struct message *)PyType_GenericAlloc(message_type, 0);
	if (self != NULL) {
		self->viewed.region = consumer->waited.region;
		self->consumer = HOLD(consumer);
		self->message = *message;
	}
	/* Without memory for the object, it is delivered again to the next consumer. */
	return (PyObject *)self;
}

static void unlink_later(struct message *self) {
	struct consumer *consumer = self->consumer;
	if (!self->release_later) {
		return;
	}
	*(self->previous != NULL ? &self->previous->next : &consumer->later) = self->next;
	if (self->next != NULL) {
		self->next->previous = self->previous;
	}
	self->release_later = false;
}

static int release(struct message *self) {
	unlink_later(self);
	const int code = dhmem_release(self->consumer->handle, &self->message);
	self->message.data = NULL;
	return code;
}

bool message_finish(struct message *self) {
	if (self->message.data == NULL || self->release_later) {
		return true;
	}
	if (self->viewed.exports == 0) {
		const int code = release(self);
		return code >= 0 || raise_last(code) != NULL;
	}
	struct consumer *consumer = self->consumer;
	self->release_later = true;
	self->previous = NULL;
	self->next = consumer->later;
	if (self->next != NULL) {
		self->next->previous = self;
	}
	consumer->later = self;
	return true;
}

void message_viewed(struct message *self, int change) {
	self->viewed.exports += change;
	self->consumer->waited.exports += change;
	if (self->viewed.exports == 0 && self->release_later) {
		release(self);
	}
	if (self->consumer->waited.closing) {
		consumer_finish(self->consumer);
	}
}

void message_returned(struct iteration *iteration, struct message *message) {
	if (iteration->current != NULL) {
		iteration->current->iteration = NULL;
	}
	if (message != NULL && message->iteration != NULL) {
		message->iteration->current = NULL;
	}
	iteration->current = message;
	if (message != NULL) {
		message->iteration = iteration;
	}
}

void messages_abandon(struct consumer *consumer) {
	while (consumer->later != NULL) {
		release(consumer->later);
	}
}

static bool is_there(struct message *self) {
	if (self->message.data == NULL) {
		raise_code(DHMEM_CLOSED, "This message was released; copy what you need before releasing it");
		return false;
	}
	return is_open(&self->consumer->waited, self->consumer->handle);
}

static void message_dealloc(PyObject *object) {
	struct message *self = (struct message *)object;
	struct consumer *consumer = self->consumer;
	PyTypeObject *type = Py_TYPE(object);
	unlink_later(self);
	if (self->iteration != NULL) {
		self->iteration->loose = self->message;
		self->iteration->current = NULL;
	}
	LET_GO(consumer);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}

static PyObject *message_release(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct message *self = (struct message *)object;
	if (!is_there(self) || !has_no_views(&self->viewed, "the message")) {
		return NULL;
	}
	return none_or_raise(release(self));
}

static PyObject *message_exit(PyObject *object, PyObject *Py_UNUSED(args)) {
	struct message *self = (struct message *)object;
	if (self->consumer->handle != NULL && !message_finish(self)) {
		return NULL;
	}
	Py_RETURN_NONE;
}

static PyObject *message_take(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct message *self = (struct message *)object;
	struct dhmem_block block;
	if (!is_there(self) || !has_no_views(&self->viewed, "the message")) {
		return NULL;
	}
	const int code = dhmem_take(self->consumer->handle, &self->message, &block);
	if (code < 0) {
		return raise_last(code);
	}
	unlink_later(self);
	self->message.data = NULL;
	return block_new(self->consumer->waited.region, &block, NULL);
}

static PyObject *get_block(PyObject *object, void *Py_UNUSED(closure)) {
	struct message *self = (struct message *)object;
	if (!is_there(self)) {
		return NULL;
	}
	if (self->message.block.data == NULL) {
		Py_RETURN_NONE;
	}
	return block_new(self->consumer->waited.region, &self->message.block, self);
}

static int message_getbuffer(PyObject *object, Py_buffer *buffer, int flags) {
	struct message *self = (struct message *)object;
	buffer->obj = NULL;
	if (!is_there(self) ||
		view(&self->viewed, self->message.data, self->message.length, buffer, flags) != 0) {
		return -1;
	}
	self->consumer->waited.exports++;
	return 0;
}

static void message_releasebuffer(PyObject *object, Py_buffer *Py_UNUSED(buffer)) {
	message_viewed((struct message *)object, -1);
}

static Py_ssize_t message_length(PyObject *object) {
	return (Py_ssize_t)((struct message *)object)->message.length;
}

/* An empty message is a message. */
static int message_bool(PyObject *Py_UNUSED(object)) {
	return 1;
}

static PyMethodDef methods[] = {
	{ "release", message_release, METH_NOARGS,
		"release($self, /)\n--\n\n"
		"Give the message's room back to the queue, and free its block. BufferError while a view of it "
		"exists.\n\n"
		"Messages can be released in any order. `for` and `with` release them by themselves, as soon as "
		"their last\n"
		"view is gone." },
	{ "take", message_take, METH_NOARGS,
		"take($self, /)\n--\n\nMake the message's block this participant's own, and release the message." },
	{ "array", viewed_array, METH_O,
		"array($self, dtype, /)\n--\n\n"
		"Return a numpy array over the message, without a copy: message.array(\"f8\")." },
	{ "text", viewed_text, METH_NOARGS,
		"text($self, /)\n--\n\nReturn a copy of the bytes as a str, from UTF-8. Bytes that are no UTF-8 "
		"become "
		"U+FFFD." },
	{ "__enter__", return_self, METH_NOARGS, NULL },
	{ "__exit__", message_exit, METH_VARARGS, NULL },
	{ 0 },
};

static PyGetSetDef properties[] = {
	{ "block", get_block, NULL, "The Block that was handed over with the message, or None.", NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc,
		"A received message, read in place. From Consumer.receive() or from iterating over a consumer.\n\n"
		"It has a buffer: memoryview(message) and message.array(dtype) are views without a copy, and "
		"bytes(message)\n"
		"is a copy. A message that is not released keeps its room in the queue." },
	{ Py_tp_dealloc, message_dealloc },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, properties },
	{ Py_bf_getbuffer, message_getbuffer },
	{ Py_bf_releasebuffer, message_releasebuffer },
	{ Py_mp_length, message_length },
	{ Py_nb_bool, message_bool },
	{ 0 },
};

PyType_Spec message_spec = { "dhmem.Message", sizeof(struct message), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots };
