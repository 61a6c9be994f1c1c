// Validates exported pods by the models of Kubernetes: `scripts/test-export.sh` runs it.
import assert from "node:assert/strict";
import { Pod } from "kubernetes-models/v1/Pod";
import { podOf } from "../../dist/src/export/kubernetes.js";
import { shapes, workflow } from "../../dist/test/export/workflows.js";

/** Throws what is wrong with a pod. */
function check(pod) {
	new Pod(pod).validate();
}

for (const [what, changes] of shapes) {
	check(podOf(workflow(changes)));
	console.log(`a workflow ${what} is a valid pod`);
}
const pod = podOf(workflow());
assert.throws(() => check({ ...pod, spec: { ...pod.spec, restartPolicy: 3 } }), /restartPolicy/);
assert.throws(() => check({ ...pod, spec: {} }), /containers/);
console.log("wrong pods are found");
