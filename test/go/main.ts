/** Tests of the library for C with Go in its place, and tests of Go alone: `scripts/test-go.sh` runs this. */
import { test } from "uvu";
import "../c/abandoned.js";
import "../c/exchange.js";
import "../c/faults.js";
import "./objects.js";
import "./processes.js";

test.run();
