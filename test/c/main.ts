/** The library for C, with Node on the other side: `scripts/test-c.sh` compiles it and runs this. */
import { test } from "uvu";
import "./abandoned.js";
import "./bulk.js";
import "./collections.js";
import "./descriptor.js";
import "./exchange.js";
import "./faults.js";
import "./memory.js";
import "./names.js";
import "./processes.js";
import "./queues.js";
import "./room.js";

test.run();
