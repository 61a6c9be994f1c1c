/* classes Mutex and Held */
#include "native.h"

static void mutex_release(struct mutex *self) {
	if (self->handle != NULL && self->waited.busy == 0) {
		dhmem_mutex_close(self->handle);
		self->handle = NULL;
	}
}

static int mutex_init(PyObject *object, PyObject *args, PyObject *keywords) {
	static const struct signature signature = { "Mutex", { "region", "name" }, 2, 0 };
	struct mutex *self = (struct mutex *)object;
	PyObject *values[MOST_PARAMETERS];
	if (!parse_keywords(&signature, args, keywords, values) ||
		!waited_init(&self->waited, values[0], values[1], NULL)) {
		return -1;
	}
	const char *name = utf8_of(values[1]);
	const int code = name != NULL ? dhmem_mutex_open(self->waited.region->handle, name, &self->handle) : 0;
	if (code < 0) {
		self->handle = NULL;
		raise_last(code);
	}
	return PyErr_Occurred() != NULL ? -1 : 0;
}

static void mutex_dealloc(PyObject *object) {
	mutex_release((struct mutex *)object);
	waited_dealloc(object);
}

static PyObject *held_new(struct mutex *mutex, bool abandoned) {
	struct held *self = (struct held *)PyType_GenericAlloc(held_type, 0);
	if (self == NULL) {
		dhmem_pass_on(mutex->handle);
		return NULL;
	}
	self->mutex = HOLD(mutex);
	self->abandoned = abandoned;
	return (PyObject *)self;
}

static PyObject *lock(struct mutex *self, double timeout, int *code) {
	bool abandoned;
	const bool *outer = wait_begin(&self->waited);
	*code = dhmem_lock(self->handle, timeout, &abandoned);
	wait_end(&self->waited, outer);
	return *code == DHMEM_OK ? held_new(self, abandoned) : NULL;
}

static PyObject *mutex_lock(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
	static const struct signature signature = { "lock", { "timeout" }, 0, 0 };
	struct mutex *self = (struct mutex *)object;
	PyObject *values[MOST_PARAMETERS];
	double timeout = -1;
	int code;
	if (!parse(&signature, args, count, keywords, values) || !timeout_from(values[0], &timeout) ||
		!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	PyObject *held = lock(self, timeout, &code);
	return code == DHMEM_OK ? held : wait_raise(&self->waited, code);
}

static PyObject *mutex_try_lock(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct mutex *self = (struct mutex *)object;
	int code;
	if (!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	PyObject *held = lock(self, 0, &code);
	if (code == DHMEM_TIMEOUT) {
		Py_RETURN_NONE;
	}
	return code == DHMEM_OK ? held : wait_raise(&self->waited, code);
}

static PyMethodDef mutex_methods[] = {
	{ "lock", METHOD(mutex_lock), FAST,
		"lock($self, /, *, timeout=None)\n--\n\n"
		"Wait for the mutex, lock it, and return a Held, which unlocks it at the end of a `with` block.\n\n"
		"    with region.mutex(\"sums\").lock() as held:\n"
		"        ...\n\n"
		"`timeout` is in seconds. Raises DhmemError: DHMEM_TIMEOUT; DHMEM_BAD_ARGUMENT if this participant "
		"holds the\n"
		"mutex already." },
	{ "try_lock", mutex_try_lock, METH_NOARGS,
		"try_lock($self, /)\n--\n\nLock the mutex if it is free now, and return a Held, else None." },
	{ 0 },
};

static PyGetSetDef mutex_properties[] = {
	{ "name", waited_name, NULL, "The name of the mutex.", NULL },
	{ "region", waited_region, NULL, "The region it is in.", NULL },
	{ 0 },
};

static PyType_Slot mutex_slots[] = {
	{ Py_tp_init, mutex_init },
	{ Py_tp_dealloc, mutex_dealloc },
	{ Py_tp_methods, mutex_methods },
	{ Py_tp_getset, mutex_properties },
	{ 0 },
};

PyType_Spec mutex_spec = { "dhmem._native.Mutex", sizeof(struct mutex), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, mutex_slots };

static void held_dealloc(PyObject *object) {
	PyTypeObject *type = Py_TYPE(object);
	LET_GO(((struct held *)object)->mutex);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}

static PyObject *held_unlock(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct held *self = (struct held *)object;
	if (self->unlocked) {
		return raise_code(DHMEM_BAD_ARGUMENT, "Mutex %U was unlocked already", self->mutex->waited.name);
	}
	if (self->waiting) {
		return raise_code(DHMEM_BAD_ARGUMENT,
			"A wait for a condition has mutex %U; unlock it when that is over", self->mutex->waited.name);
	}
	const int code = dhmem_unlock(self->mutex->handle);
	self->unlocked = code == DHMEM_OK;
	return none_or_raise(code);
}

/* For who has locked it only to give up its turn. */
static PyObject *held_pass_on(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct held *self = (struct held *)object;
	const int code = dhmem_pass_on(self->mutex->handle);
	self->unlocked = code == DHMEM_OK;
	return none_or_raise(code);
}

/* For a wait that has unlocked it. False if the mutex is not free now. */
static PyObject *held_lock_again(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct held *self = (struct held *)object;
	struct mutex *mutex = self->mutex;
	if (!is_open(&mutex->waited, mutex->handle)) {
		return NULL;
	}
	const bool *outer = wait_begin(&mutex->waited);
	const int code = dhmem_lock_again(mutex->handle, 0);
	wait_end(&mutex->waited, outer);
	if (code == DHMEM_TIMEOUT) {
		Py_RETURN_FALSE;
	}
	if (code != DHMEM_OK) {
		return wait_raise(&mutex->waited, code);
	}
	self->unlocked = false;
	self->abandoned = dhmem_is_abandoned(mutex->handle);
	Py_RETURN_TRUE;
}

static PyObject *held_exit(PyObject *object, PyObject *Py_UNUSED(args)) {
	if (((struct held *)object)->unlocked) {
		Py_RETURN_NONE;
	}
	return held_unlock(object, NULL);
}

static PyObject *get_abandoned(PyObject *object, void *Py_UNUSED(closure)) {
	return PyBool_FromLong(((struct held *)object)->abandoned);
}

static PyMethodDef held_methods[] = {
	{ "unlock", held_unlock, METH_NOARGS, "unlock($self, /)\n--\n\nUnlock the mutex." },
	{ "_pass_on", held_pass_on, METH_NOARGS, NULL },
	{ "_lock_again", held_lock_again, METH_NOARGS, NULL },
	{ "__enter__", return_self, METH_NOARGS, NULL },
	{ "__exit__", held_exit, METH_VARARGS, NULL },
	{ 0 },
};

static PyGetSetDef held_properties[] = {
	{ "abandoned", get_abandoned, NULL,
		"True if the last holder died while holding the mutex, so that what it guards may be half changed.",
		NULL },
	{ 0 },
};

static PyType_Slot held_slots[] = {
	{ Py_tp_doc,
		"A locked mutex. From Mutex.lock(). It stays locked until it is unlocked, or the region is closed." },
	{ Py_tp_dealloc, held_dealloc },
	{ Py_tp_methods, held_methods },
	{ Py_tp_getset, held_properties },
	{ 0 },
};

PyType_Spec held_spec = { "dhmem.Held", sizeof(struct held), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, held_slots };
