/** Tests of the library for C with Python in its place, and tests of Python alone: `scripts/test-python.sh` runs this. */
import { test } from "uvu";
import "../c/abandoned.js";
import "../c/bulk.js";
import "../c/exchange.js";
import "../c/faults.js";
import "./objects.js";

test.run();
