/* The buffer protocol. An exported buffer holds its object, and the object keeps count of them. */
#include "native.h"

PyObject *views_text(Py_ssize_t exports, const char *what) {
	return PyUnicode_FromFormat("%zd view%s of %s still exist%s, such as a memoryview or an array; delete %s "
								"first, or copy what you "
								"need",
		exports, exports == 1 ? "" : "s", what, exports == 1 ? "s" : "", exports == 1 ? "it" : "them");
}

bool are_no_views(Py_ssize_t exports, const char *what) {
	PyObject *text = exports > 0 ? views_text(exports, what) : NULL;
	if (text != NULL) {
		PyErr_SetObject(PyExc_BufferError, text);
		Py_DECREF(text);
	}
	return exports == 0;
}

bool has_no_views(const struct viewed *viewed, const char *what) {
	return are_no_views(viewed->exports, what);
}

int view(struct viewed *viewed, void *data, size_t length, Py_buffer *buffer, int flags) {
	const int code = dhmem_check(viewed->region->handle);
	buffer->obj = NULL;
	if (code != DHMEM_OK) {
		raise_last(code);
		return -1;
	}
	const int read_only = viewed->region->is_read_only;
	if (PyBuffer_FillInfo(buffer, (PyObject *)viewed, data, (Py_ssize_t)length, read_only, flags) != 0) {
		return -1;
	}
	viewed->exports++;
	return 0;
}

PyObject *viewed_array(PyObject *self, PyObject *dtype) {
	PyObject *numpy = PyImport_ImportModule("numpy");
	PyObject *array = numpy != NULL ? PyObject_CallMethod(numpy, "frombuffer", "OO", self, dtype) : NULL;
	Py_XDECREF(numpy);
	return array;
}

PyObject *viewed_text(PyObject *self, PyObject *Py_UNUSED(unused)) {
	Py_buffer buffer;
	if (PyObject_GetBuffer(self, &buffer, PyBUF_SIMPLE) != 0) {
		return NULL;
	}
	PyObject *text = PyUnicode_DecodeUTF8(buffer.buf, buffer.len, "replace");
	PyBuffer_Release(&buffer);
	return text;
}
