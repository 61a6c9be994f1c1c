/* class Block */
#include "native.h"

#include <string.h>

PyObject *block_new(struct region *region, const struct dhmem_block *block, struct message *message) {
	struct block *self = (struct block *)PyType_GenericAlloc(block_type, 0);
	if (self != NULL) {
		self->viewed.region = HOLD(region);
		self->block = *block;
		self->message = HOLD(message);
	} else if (message == NULL) {
		struct dhmem_block unused = *block;
		dhmem_free(region->handle, &unused);
	}
	return (PyObject *)self;
}

/* A message's block is gone with the message. */
/* Any participant may free it at any time. */
static bool is_still_saved(const struct block *self) {
	struct dhmem_block ignored;
	const int code = dhmem_load(self->viewed.region->handle, self->token, &ignored);
	return code >= 0 || raise_last(code) != NULL;
}

static bool is_there(const struct block *self) {
	if (self->is_saved) {
		return is_still_saved(self);
	}
	if (self->block.data != NULL && self->message == NULL) {
		return true;
	}
	if (self->block.data != NULL && self->message->message.data != NULL) {
		return is_open(&self->message->consumer->waited, self->message->consumer->handle);
	}
	raise_code(DHMEM_CLOSED,
		self->message != NULL ? "This block's message was released; take the block before that to keep it"
							  : "This block was freed or handed over");
	return false;
}

bool block_sendable(PyObject *object, struct block **block) {
	*block = NULL;
	if (object == NULL || object == Py_None) {
		return true;
	}
	if (!PyObject_TypeCheck(object, block_type)) {
		PyErr_Format(PyExc_TypeError, "block must be a Block, not %R", Py_TYPE(object));
		return false;
	}
	*block = (struct block *)object;
	return has_no_views(&(*block)->viewed, "the block");
}

static void block_dealloc(PyObject *object) {
	struct block *self = (struct block *)object;
	PyTypeObject *type = Py_TYPE(object);
	/* What nobody can reach any more is freed, like other memory of Python. */
	if (self->message == NULL && !self->is_saved && self->block.data != NULL) {
		dhmem_free(self->viewed.region->handle, &self->block);
	}
	LET_GO(self->message);
	LET_GO(self->viewed.region);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}

static PyObject *block_free(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct block *self = (struct block *)object;
	if (self->is_saved) {
		return raise_code(DHMEM_BAD_ARGUMENT,
			"This block belongs to the region; free it with Region.free_saved()");
	}
	if (self->message != NULL) {
		return raise_code(DHMEM_BAD_ARGUMENT,
			"This block belongs to a message; release the message, or take the block");
	}
	return has_no_views(&self->viewed, "the block")
		? none_or_raise(dhmem_free(self->viewed.region->handle, &self->block))
		: NULL;
}

PyObject *block_load(struct region *region, PyObject *token) {
	struct dhmem_block block;
	const char *text = utf8_of(token);
	if (text == NULL) {
		return NULL;
	}
	const int code = dhmem_load(region->handle, text, &block);
	struct block *self = code >= 0 ? (struct block *)PyType_GenericAlloc(block_type, 0) : NULL;
	if (self != NULL) {
		self->viewed.region = HOLD(region);
		self->block = block;
		self->is_saved = true;
		memcpy(self->token, text, sizeof self->token);
	}
	return code < 0 ? raise_last(code) : (PyObject *)self;
}

static PyObject *block_save(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct block *self = (struct block *)object;
	char token[DHMEM_TOKEN_BYTES];
	if (self->message != NULL || self->is_saved) {
		return raise_code(DHMEM_BAD_ARGUMENT,
			"This block is not this participant's own, so it can't be saved");
	}
	if (!has_no_views(&self->viewed, "the block")) {
		return NULL;
	}
	const int code = dhmem_save(self->viewed.region->handle, &self->block, token);
	return code < 0 ? raise_last(code) : PyUnicode_FromString(token);
}

static PyObject *block_clone(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct block *self = (struct block *)object;
	struct dhmem_block copy;
	if (self->message != NULL) {
		return raise_code(DHMEM_BAD_ARGUMENT,
			"This block belongs to a message; take the block before cloning it");
	}
	const int code = dhmem_clone(self->viewed.region->handle, &self->block, &copy);
	return code < 0 ? raise_last(code) : block_new(self->viewed.region, &copy, NULL);
}

/* Frees it now or when its last view is gone, unless it was handed over. */
static PyObject *block_exit(PyObject *object, PyObject *Py_UNUSED(args)) {
	struct block *self = (struct block *)object;
	self->free_later = self->viewed.exports > 0;
	if (self->free_later || self->block.data == NULL || self->message != NULL || self->is_saved) {
		Py_RETURN_NONE;
	}
	return none_or_raise(dhmem_free(self->viewed.region->handle, &self->block));
}

static int block_getbuffer(PyObject *object, Py_buffer *buffer, int flags) {
	struct block *self = (struct block *)object;
	buffer->obj = NULL;
	if (!is_there(self)) {
		return -1;
	}
	if (self->lent > 0) {
		raise_code(DHMEM_BAD_ARGUMENT, "Another thread sends this block now; view it after that has failed");
		return -1;
	}
	const int result = view(&self->viewed, self->block.data, self->block.length, buffer, flags);
	if (result == 0 && self->message != NULL) {
		message_viewed(self->message, 1);
	}
	return result;
}

static void block_releasebuffer(PyObject *object, Py_buffer *Py_UNUSED(buffer)) {
	struct block *self = (struct block *)object;
	self->viewed.exports--;
	if (self->message != NULL) {
		message_viewed(self->message, -1);
	} else if (self->free_later && self->viewed.exports == 0) {
		dhmem_free(self->viewed.region->handle, &self->block);
	}
}

static Py_ssize_t block_length(PyObject *object) {
	return (Py_ssize_t)((struct block *)object)->block.length;
}

static PyMethodDef methods[] = {
	{ "free", block_free, METH_NOARGS,
		"free($self, /)\n--\n\n"
		"Free the block. BufferError while a view of it exists.\n\n"
		"A block that is neither sent nor freed is freed when nothing refers to it any more." },
	{ "_save", block_save, METH_NOARGS, NULL },
	{ "clone", block_clone, METH_NOARGS,
		"clone($self, /)\n--\n\n"
		"Return another reference to the same memory, to be sent or freed on its own. The last one frees the "
		"memory." },
	{ "array", viewed_array, METH_O,
		"array($self, dtype, /)\n--\n\n"
		"Return a numpy array over the block's memory, without a copy: block.array(\"f8\")." },
	{ "text", viewed_text, METH_NOARGS,
		"text($self, /)\n--\n\nReturn a copy of the bytes as a str, from UTF-8. Bytes that are no UTF-8 "
		"become "
		"U+FFFD." },
	{ "__enter__", return_self, METH_NOARGS, NULL },
	{ "__exit__", block_exit, METH_VARARGS, NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc,
		"Memory in a region, which one participant owns. From Region.allocate(), or of a Message.\n\n"
		"It has a buffer: memoryview(block), numpy.frombuffer(block) and block.array(dtype) are views "
		"without a\n"
		"copy, and bytes(block) is a copy. Sending a block hands it over; then there must be no view of "
		"it." },
	{ Py_tp_dealloc, block_dealloc },
	{ Py_tp_methods, methods },
	{ Py_bf_getbuffer, block_getbuffer },
	{ Py_bf_releasebuffer, block_releasebuffer },
	{ Py_mp_length, block_length },
	{ 0 },
};

PyType_Spec block_spec = { "dhmem.Block", sizeof(struct block), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots };
