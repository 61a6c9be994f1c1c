/**
 * Tests with real containers: `node dist/test/containers/main.js`. Needs Podman, runc, a C compiler, and Python with pip and
 * headers, and must run as root.
 */
import "./doctor.js";
import "./documented.js";
import "./errors.js";
import "./library.js";
import "./memory.js";
import "./exported.js";
import "./places.js";
import "./workflow.js";
