// A second file, which frameworks run beside the first, in a registry of modules of its own.
import { use } from "../use.js";

test("a region can be used", () => use("two"));
