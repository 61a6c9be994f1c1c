/** Tests of the library for C with Rust in its place, and of Rust alone: `scripts/test-rust.sh` runs this. */
import { test } from "uvu";
import "../c/abandoned.js";
import "../c/descriptor.js";
import "../c/exchange.js";
import "../c/faults.js";
import "../c/processes.js";
import "./objects.js";

test.run();
