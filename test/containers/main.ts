/** With real containers: `node dist/test/containers/main.js`. Needs Podman, runc, and to be root. */
import "./doctor.js";
import "./documented.js";
import "./errors.js";
import "./library.js";
import "./exported.js";
import "./workflow.js";
