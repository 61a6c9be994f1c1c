/** AssemblyScript's loader, for whoever instantiates the core. */
// The order counts: see loader-before.ts.
import "./loader-before.js";
import { instantiateSync } from "@assemblyscript/loader";
import "./loader-after.js";

export { instantiateSync };
