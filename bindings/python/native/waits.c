/* Waits: without the interpreter's lock while the thread sleeps, and ended by signals and by closing. */
#include "native.h"

#include <string.h>

/* Whether what this thread waits at is to be closed; NULL if it waits at nothing. */
static _Thread_local const bool *closing;

void *wait_before(void) {
	return PyEval_SaveThread();
}

bool wait_after(void *state) {
	PyEval_RestoreThread(state);
	return PyErr_CheckSignals() != 0 || (closing != NULL && *closing);
}

const bool *wait_begin(struct waited *waited) {
	const bool *outer = closing;
	waited->busy++;
	closing = &waited->closing;
	return outer;
}

void wait_end(struct waited *waited, const bool *outer) {
	waited->busy--;
	closing = outer;
}

PyObject *wait_raise(struct waited *waited, int code) {
	if (code != DHMEM_INTERRUPTED) {
		return raise_last(code);
	}
	/* Else a signal's handler has raised something. */
	if (PyErr_Occurred() == NULL) {
		raise_code(DHMEM_CLOSED, "%U was closed while a thread waited for it", waited->name);
	}
	return NULL;
}

bool is_open(struct waited *waited, const void *handle) {
	if (waited->name == NULL) {
		PyErr_SetString(PyExc_RuntimeError, "this object was never opened");
		return false;
	}
	if (handle == NULL || waited->closing) {
		raise_code(DHMEM_CLOSED, "%U is closed here; open it again", waited->name);
		return false;
	}
	if (waited->removed) {
		raise_code(DHMEM_CLOSED, "This participant has removed %U; open it again by its name", waited->name);
		return false;
	}
	return true;
}

static bool is_viewed(const struct waited *waited) {
	return waited->exports > 0 && dhmem_check(waited->region->handle) == DHMEM_OK;
}

bool can_close(const struct waited *waited) {
	return waited->busy == 0 && !is_viewed(waited);
}

/* "messages of steps"; NULL without memory. */
static PyObject *what_is_viewed(const struct waited *waited) {
	return PyUnicode_FromFormat("%s %U", waited->viewed, waited->name);
}

bool may_close(const struct waited *waited) {
	if (!is_viewed(waited)) {
		return true;
	}
	PyObject *what = what_is_viewed(waited);
	if (what != NULL) {
		are_no_views(waited->exports, PyUnicode_AsUTF8AndSize(what, NULL));
		Py_DECREF(what);
	}
	return false;
}

PyObject *raise_opening(const struct waited *waited, PyTypeObject *type, int code) {
	const struct waited *each = waited->region->others;
	while (each != NULL &&
		!(each->closing && each->exports > 0 && PyObject_TypeCheck((PyObject *)each, type) &&
			PyUnicode_Compare(each->name, waited->name) == 0)) {
		each = each->next;
	}
	if (code != DHMEM_ENDPOINT_TAKEN || each == NULL) {
		return raise_last(code);
	}
	PyObject *what = what_is_viewed(each);
	PyObject *text = what != NULL ? views_text(each->exports, PyUnicode_AsUTF8AndSize(what, NULL)) : NULL;
	if (text != NULL) {
		raise_code(code, "This end of %U was left here, but %U", waited->name, text);
	}
	Py_XDECREF(what);
	Py_XDECREF(text);
	return NULL;
}

void waited_removed(struct region *region, const char *name) {
	for (struct waited *each = region->others; each != NULL; each = each->next) {
		each->removed = each->removed || strcmp(PyUnicode_AsUTF8AndSize(each->name, NULL), name) == 0;
	}
}

PyObject *waited_name(PyObject *self, void *Py_UNUSED(closure)) {
	PyObject *name = ((struct waited *)self)->name;
	return Py_NewRef(name != NULL ? name : Py_None);
}

PyObject *waited_region(PyObject *self, void *Py_UNUSED(closure)) {
	struct region *region = ((struct waited *)self)->region;
	return Py_NewRef(region != NULL ? (PyObject *)region : Py_None);
}

PyObject *waited_timeout(PyObject *self, void *Py_UNUSED(closure)) {
	const double timeout = ((struct waited *)self)->timeout;
	return timeout < 0 ? Py_NewRef(Py_None) : PyFloat_FromDouble(timeout / 1000);
}

PyObject *return_self(PyObject *self, PyObject *Py_UNUSED(unused)) {
	return Py_NewRef(self);
}

bool is_region(PyObject *object) {
	if (PyObject_TypeCheck(object, region_type) && ((struct region *)object)->handle != NULL) {
		return true;
	}
	PyErr_Format(PyExc_TypeError, "region must be an open Region, not %R", Py_TYPE(object));
	return false;
}

bool waited_init(struct waited *self, PyObject *region, PyObject *name, PyObject *timeout) {
	if (self->region != NULL) {
		PyErr_SetString(PyExc_RuntimeError, "this object is open already");
		return false;
	}
	if (!is_region(region)) {
		return false;
	}
	if (!PyUnicode_Check(name)) {
		PyErr_Format(PyExc_TypeError, "the name must be a str, not %R", Py_TYPE(name));
		return false;
	}
	/* From here on it has its UTF-8. */
	if (utf8_of(name) == NULL) {
		return false;
	}
	self->timeout = -1;
	if (!timeout_from(timeout, &self->timeout)) {
		return false;
	}
	self->region = HOLD(region);
	self->name = Py_NewRef(name);
	self->next = self->region->others;
	if (self->next != NULL) {
		self->next->previous = self;
	}
	self->region->others = self;
	return true;
}

bool endpoint_init(struct waited *self, const char *function, PyObject *args, PyObject *keywords,
	const char **name, struct dhmem_queue_options *options) {
	const struct signature signature = { function,
		{ "region", "queue", "capacity", "policy", "keep", "patient", "timeout" }, 2, 0 };
	PyObject *values[MOST_PARAMETERS];
	int policy = 0, keep = 0;
	*options = (struct dhmem_queue_options){ 0 };
	if (!parse_keywords(&signature, args, keywords, values) ||
		(values[2] != NULL && !size_from("capacity", values[2], &options->capacity)) ||
		!number_from(values[3], &policy) || !number_from(values[4], &keep) ||
		!waited_init(self, values[0], values[1], values[6])) {
		return false;
	}
	options->policy = (enum dhmem_policy)policy;
	options->keep = (unsigned)keep;
	const int patient = values[5] != NULL ? PyObject_IsTrue(values[5]) : 0;
	options->patient = patient == 1;
	*name = utf8_of(values[1]);
	return *name != NULL && patient >= 0;
}

void waited_dealloc(PyObject *object) {
	struct waited *self = (struct waited *)object;
	PyTypeObject *type = Py_TYPE(object);
	if (self->region != NULL) {
		*(self->previous != NULL ? &self->previous->next : &self->region->others) = self->next;
		if (self->next != NULL) {
			self->next->previous = self->previous;
		}
	}
	Py_XDECREF(self->name);
	LET_GO(self->region);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}
