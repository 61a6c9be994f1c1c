/* class Condition */
#include "native.h"

static int condition_init(PyObject *object, PyObject *args, PyObject *keywords) {
	static const struct signature signature = { "Condition", { "region", "name" }, 2, 0 };
	struct condition *self = (struct condition *)object;
	PyObject *values[MOST_PARAMETERS];
	const char *name;
	if (!parse_keywords(&signature, args, keywords, values) ||
		!waited_init(&self->waited, values[0], values[1], NULL) || !text_from(values[1], &name)) {
		return -1;
	}
	const int code = dhmem_condition_open(self->waited.region->handle, name, &self->handle);
	if (code < 0) {
		self->handle = NULL;
		raise_last(code);
		return -1;
	}
	return 0;
}

static void condition_dealloc(PyObject *object) {
	dhmem_condition_close(((struct condition *)object)->handle);
	waited_dealloc(object);
}

/* An exception ends the wait, too. */
static bool is_true(void *until) {
	PyObject *answer = PyObject_CallNoArgs(until);
	const int truth = answer != NULL ? PyObject_IsTrue(answer) : -1;
	Py_XDECREF(answer);
	return truth != 0;
}

/* The Held that was given, or NULL if the mutex is not held by it, though perhaps by another. */
static struct held *held_from(const struct condition *self, PyObject *value) {
	if (!PyObject_TypeCheck(value, held_type)) {
		PyErr_Format(PyExc_TypeError, "held must be a locked mutex, not %R", Py_TYPE(value));
		return NULL;
	}
	struct held *held = (struct held *)value;
	if (held->unlocked || held->waiting) {
		raise_code(DHMEM_BAD_ARGUMENT, "Mutex %U is not held; lock it before waiting for condition %U",
			held->mutex->waited.name, self->waited.name);
		return NULL;
	}
	return held;
}

static int wait_until(struct condition *self, struct held *held, PyObject *until, double timeout) {
	struct mutex *mutex = held->mutex;
	const bool *outer = wait_begin(&self->waited);
	held->waiting = true;
	const int code = dhmem_wait(self->handle, mutex->handle, is_true, until, timeout);
	held->waiting = false;
	wait_end(&self->waited, outer);
	held->abandoned = dhmem_is_abandoned(mutex->handle);
	return code;
}

static PyObject *condition_wait(PyObject *object, PyObject *const *args, Py_ssize_t count,
	PyObject *keywords) {
	static const struct signature signature = { "wait", { "held", "until", "timeout" }, 2, 2 };
	struct condition *self = (struct condition *)object;
	PyObject *values[MOST_PARAMETERS];
	double timeout = -1;
	if (!parse(&signature, args, count, keywords, values) || !timeout_from(values[2], &timeout) ||
		!is_open(&self->waited, self->handle)) {
		return NULL;
	}
	struct held *held = held_from(self, values[0]);
	if (held == NULL) {
		return NULL;
	}
	const int code = wait_until(self, held, values[1], timeout);
	if (PyErr_Occurred() != NULL) {
		return NULL;
	}
	return code == DHMEM_OK ? Py_NewRef(Py_None) : wait_raise(&self->waited, code);
}

/* Looks whether it is true, and does not sleep. If it is not, a notification makes the descriptor readable. */
static PyObject *condition_look(PyObject *object, PyObject *const *args, Py_ssize_t count,
	PyObject *keywords) {
	static const struct signature signature = { "_look", { "held", "until" }, 2, 2 };
	struct condition *self = (struct condition *)object;
	PyObject *values[MOST_PARAMETERS];
	if (!is_open(&self->waited, self->handle) || !parse(&signature, args, count, keywords, values)) {
		return NULL;
	}
	struct held *held = held_from(self, values[0]);
	if (held == NULL) {
		return NULL;
	}
	const int code = wait_until(self, held, values[1], 0);
	if (PyErr_Occurred() != NULL) {
		return NULL;
	}
	if (code == DHMEM_TIMEOUT) {
		Py_RETURN_FALSE;
	}
	return code == DHMEM_OK ? Py_NewRef(Py_True) : wait_raise(&self->waited, code);
}

static PyObject *condition_notify_one(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct condition *self = (struct condition *)object;
	return is_open(&self->waited, self->handle) ? none_or_raise(dhmem_notify_one(self->handle)) : NULL;
}

static PyObject *condition_notify_all(PyObject *object, PyObject *Py_UNUSED(unused)) {
	struct condition *self = (struct condition *)object;
	return is_open(&self->waited, self->handle) ? none_or_raise(dhmem_notify_all(self->handle)) : NULL;
}

static PyMethodDef methods[] = {
	{ "wait", METHOD(condition_wait), FAST,
		"wait($self, /, held, until, *, timeout=None)\n--\n\n"
		"Wait until `until()` is true. It is called while this participant has the mutex, which is unlocked "
		"while\n"
		"it sleeps, and held again afterwards. Then look at held.abandoned: the last holder may have "
		"died.\n\n"
		"    with region.mutex(\"turn\").lock() as held:\n"
		"        region.condition(\"changed\").wait(held, lambda: params.step > 10)" },
	{ "_look", METHOD(condition_look), FAST, NULL },
	{ "notify_one", condition_notify_one, METH_NOARGS,
		"notify_one($self, /)\n--\n\nWake one participant that waits. Call it after the change, with the "
		"mutex." },
	{ "notify_all", condition_notify_all, METH_NOARGS,
		"notify_all($self, /)\n--\n\nWake all participants that wait. Call it after the change, with the "
		"mutex." },
	{ 0 },
};

static PyGetSetDef properties[] = {
	{ "name", waited_name, NULL, "The name of the condition.", NULL },
	{ "region", waited_region, NULL, "The region it is in.", NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_init, condition_init },
	{ Py_tp_dealloc, condition_dealloc },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, properties },
	{ 0 },
};

PyType_Spec condition_spec = { "dhmem._native.Condition", sizeof(struct condition), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots };
