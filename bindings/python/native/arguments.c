/* Arguments of calls, and errors. */
#include "native.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static PyObject *raise_text(int code, PyObject *text) {
	PyObject *error =
		text != NULL ? PyObject_CallFunction(error_type, "sO", dhmem_code_name(code), text) : NULL;
	if (error != NULL) {
		PyErr_SetObject(error_type, error);
		Py_DECREF(error);
	}
	Py_XDECREF(text);
	return NULL;
}

PyObject *raise_last(int code) {
	const char *text = dhmem_error();
	/* Names of others and paths may be cut in the middle of a character. */
	return raise_text(code, PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace"));
}

PyObject *raise_code(int code, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	PyObject *text = PyUnicode_FromFormatV(format, arguments);
	va_end(arguments);
	return raise_text(code, text);
}

PyObject *none_or_raise(int code) {
	if (code < 0) {
		return raise_last(code);
	}
	Py_RETURN_NONE;
}

static bool put(const struct signature *signature, PyObject *name, PyObject *value, PyObject **values) {
	for (int i = 0; signature->names[i] != NULL; i++) {
		if (PyUnicode_CompareWithASCIIString(name, signature->names[i]) != 0) {
			continue;
		}
		if (values[i] != NULL) {
			PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", signature->function,
				name);
			return false;
		}
		values[i] = value;
		return true;
	}
	PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", signature->function, name);
	return false;
}

static bool is_complete(const struct signature *signature, PyObject *const *values) {
	for (int i = 0; i < signature->required; i++) {
		if (values[i] == NULL) {
			PyErr_Format(PyExc_TypeError, "%s() missing required argument: '%s'", signature->function,
				signature->names[i]);
			return false;
		}
	}
	return true;
}

bool parse(const struct signature *signature, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
	PyObject **values) {
	if (count > signature->positional) {
		PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional arguments, but %zd were given",
			signature->function, signature->positional, count);
		return false;
	}
	for (int i = 0; signature->names[i] != NULL; i++) {
		values[i] = i < count ? args[i] : NULL;
	}
	const Py_ssize_t named = keywords != NULL ? PyTuple_Size(keywords) : 0;
	for (Py_ssize_t i = 0; i < named; i++) {
		if (!put(signature, PyTuple_GetItem(keywords, i), args[count + i], values)) {
			return false;
		}
	}
	return is_complete(signature, values);
}

bool parse_keywords(const struct signature *signature, PyObject *args, PyObject *keywords,
	PyObject **values) {
	PyObject *name, *value;
	Py_ssize_t position = 0;
	if (PyTuple_Size(args) != 0) {
		PyErr_Format(PyExc_TypeError, "%s() takes only keyword arguments", signature->function);
		return false;
	}
	for (int i = 0; signature->names[i] != NULL; i++) {
		values[i] = NULL;
	}
	while (keywords != NULL && PyDict_Next(keywords, &position, &name, &value)) {
		if (!put(signature, name, value, values)) {
			return false;
		}
	}
	return is_complete(signature, values);
}

bool timeout_from(PyObject *seconds, double *timeout) {
	if (seconds == NULL) {
		return true;
	}
	if (seconds == Py_None) {
		*timeout = -1;
		return true;
	}
	const double value = PyFloat_AsDouble(seconds);
	if (value == -1 && PyErr_Occurred() != NULL) {
		return false;
	}
	if (!(value >= 0)) {
		raise_code(DHMEM_BAD_ARGUMENT, "timeout is %R; it must be None or a number of seconds, 0 or more",
			seconds);
		return false;
	}
	*timeout = isinf(value) ? -1 : value * 1000;
	return true;
}

bool size_from(const char *what, PyObject *value, size_t *size) {
	PyObject *number = PyNumber_Index(value);
	if (number == NULL) {
		return false;
	}
	*size = PyLong_AsSize_t(number);
	Py_DECREF(number);
	if (*size == (size_t)-1 && PyErr_Occurred() != NULL) {
		if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
			PyErr_Clear();
			raise_code(DHMEM_BAD_ARGUMENT, "%s is %R; it must be a number of bytes", what, value);
		}
		return false;
	}
	return true;
}

bool number_from(PyObject *value, int *number) {
	const long given = value != NULL ? PyLong_AsLong(value) : 0;
	*number = (int)given;
	return given != -1 || PyErr_Occurred() == NULL;
}

const char *utf8_of(PyObject *text) {
	Py_ssize_t length;
	const char *bytes = PyUnicode_AsUTF8AndSize(text, &length);
	if (bytes != NULL && strlen(bytes) != (size_t)length) {
		raise_code(DHMEM_BAD_ARGUMENT, "%R has a zero character in it; leave that out", text);
		return NULL;
	}
	return bytes;
}

bool text_from(PyObject *value, const char **text) {
	*text = NULL;
	if (value == NULL || value == Py_None) {
		return true;
	}
	*text = utf8_of(value);
	return *text != NULL;
}

bool path_from(PyObject *value, const char **path) {
	*path = NULL;
	if (value == NULL || value == Py_None) {
		return true;
	}
	*path = PyBytes_AsString(value);
	return *path != NULL;
}

bool data_from(PyObject *object, struct data *data) {
	Py_ssize_t length;
	data->buffer.obj = NULL;
	if (PyBytes_CheckExact(object)) {
		data->bytes = PyBytes_AsString(object);
		data->length = (size_t)PyBytes_Size(object);
		return true;
	}
	if (PyUnicode_Check(object)) {
		data->bytes = PyUnicode_AsUTF8AndSize(object, &length);
		data->length = (size_t)length;
		return data->bytes != NULL;
	}
	if (PyObject_GetBuffer(object, &data->buffer, PyBUF_SIMPLE) != 0) {
		return false;
	}
	data->bytes = data->buffer.buf;
	data->length = (size_t)data->buffer.len;
	return true;
}

bool writable_from(PyObject *object, struct data *data) {
	if (PyObject_GetBuffer(object, &data->buffer, PyBUF_WRITABLE) != 0) {
		data->buffer.obj = NULL;
		return false;
	}
	data->bytes = data->buffer.buf;
	data->length = (size_t)data->buffer.len;
	return true;
}

void data_done(struct data *data) {
	if (data->buffer.obj != NULL) {
		PyBuffer_Release(&data->buffer);
	}
}
