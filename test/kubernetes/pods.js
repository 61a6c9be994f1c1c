// Validates exported pods and Jobs by the models of Kubernetes: `scripts/test-export.sh` runs it.
import assert from "node:assert/strict";
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import { Job } from "kubernetes-models/batch/v1/Job";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Pod } from "kubernetes-models/v1/Pod";
import { Service } from "kubernetes-models/v1/Service";
import { exportOf } from "../../dist/src/export/exported.js";
import { placed, shapes, workflow } from "../../dist/test/export/workflows.js";

const models = { ConfigMap, Job, Pod, Service, StatefulSet };

/** Throws what is wrong with an object. */
function check(object) {
	new models[object.kind](object).validate();
}

for (const [what, changes] of shapes) {
	const { objects } = exportOf("kubernetes", workflow(changes), {}, false);
	assert.deepEqual(
		objects.map(({ kind }) => kind),
		["Pod"],
	);
	check(objects[0]);
	console.log(`a workflow ${what} is a valid pod`);
}

const login = { DHMEM_NATS_USER: "ada", DHMEM_NATS_PASSWORD: "lovelace" };
const files = { DHMEM_NATS: "tls://nats.example", DHMEM_NATS_CA: "ca.pem", DHMEM_NATS_CREDS: "me.creds" };
for (const [what, variables, withNats] of [
	["and a server", {}, true],
	["and a server with a password", login, true],
	["and a server elsewhere", { ...files, ...login, DHMEM_NATS_REPLICAS: "3" }, false],
]) {
	const { objects } = exportOf("kubernetes", workflow(placed), variables, withNats);
	for (const object of objects) check(object);
	console.log(`a workflow with places ${what} is valid: ${objects.map(({ kind }) => kind).join(", ")}`);
}

const { objects } = exportOf("kubernetes", workflow(placed), {}, true);
const broken = {
	ConfigMap: (object) => ({ ...object, data: { file: 3 } }),
	Service: (object) => ({ ...object, spec: { ports: [{ port: "x" }] } }),
	StatefulSet: (object) => ({ ...object, spec: { ...object.spec, serviceName: 3 } }),
	Job: (object) => ({ ...object, spec: { ...object.spec, template: { spec: {} } } }),
};
for (const [kind, change] of Object.entries(broken)) {
	assert.throws(() => check(change(objects.find((object) => object.kind === kind))), kind);
}
const [pod] = exportOf("kubernetes", workflow(), {}, false).objects;
assert.throws(() => check({ ...pod, spec: { ...pod.spec, restartPolicy: 3 } }), /restartPolicy/);
assert.throws(() => check({ ...pod, spec: {} }), /containers/);
console.log("what is wrong is found");
