/* The module dhmem._native. */
#include "native.h"

PyTypeObject *region_type, *block_type, *producer_type, *reservation_type, *consumer_type, *loop_type,
	*message_type, *record_producer_type, *record_consumer_type, *mutex_type, *held_type, *memory_type,
	*vector_type, *map_type, *condition_type;
PyObject *error_type;

static PyObject *unlink_region(PyObject *Py_UNUSED(module), PyObject *args, PyObject *keywords) {
	static const struct signature signature = { "unlink", { "name", "directory" }, 1, 0 };
	PyObject *values[MOST_PARAMETERS];
	struct dhmem_options options = { 0 };
	const char *name;
	if (!parse_keywords(&signature, args, keywords, values) || !text_from(values[0], &name) ||
		!path_from(values[1], &options.directory)) {
		return NULL;
	}
	return none_or_raise(dhmem_unlink(name, &options));
}

static PyMethodDef functions[] = {
	{ "unlink", METHOD(unlink_region), METH_VARARGS | METH_KEYWORDS, NULL },
	{ 0 },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "dhmem._native",
	.m_doc = "The library for C, as objects. Use the package dhmem instead.",
	.m_size = -1,
	.m_methods = functions,
};

static bool add(PyObject *module, const char *name, PyType_Spec *spec, PyTypeObject **type) {
	*type = (PyTypeObject *)PyType_FromSpec(spec);
	return *type != NULL && PyModule_AddObjectRef(module, name, (PyObject *)*type) == 0;
}

PyMODINIT_FUNC PyInit__native(void) {
	PyObject *errors = PyImport_ImportModule("dhmem._errors");
	error_type = errors != NULL ? PyObject_GetAttrString(errors, "DhmemError") : NULL;
	Py_XDECREF(errors);
	PyObject *module = error_type != NULL ? PyModule_Create(&definition) : NULL;
	if (module != NULL && add(module, "Region", &region_spec, &region_type) &&
		add(module, "Block", &block_spec, &block_type) &&
		add(module, "Producer", &producer_spec, &producer_type) &&
		add(module, "Reservation", &reservation_spec, &reservation_type) &&
		add(module, "Consumer", &consumer_spec, &consumer_type) &&
		add(module, "Loop", &loop_spec, &loop_type) && add(module, "Message", &message_spec, &message_type) &&
		add(module, "RecordProducer", &record_producer_spec, &record_producer_type) &&
		add(module, "RecordConsumer", &record_consumer_spec, &record_consumer_type) &&
		add(module, "Mutex", &mutex_spec, &mutex_type) && add(module, "Held", &held_spec, &held_type) &&
		add(module, "Memory", &memory_spec, &memory_type) &&
		add(module, "Vector", &vector_spec, &vector_type) && add(module, "Map", &map_spec, &map_type) &&
		add(module, "Condition", &condition_spec, &condition_type)) {
		return module;
	}
	Py_XDECREF(module);
	return NULL;
}
