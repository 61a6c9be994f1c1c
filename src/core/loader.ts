/** AssemblyScript's loader, protected from unusual realms. */
// The order of these imports matters: see loader-before.ts.
import "./loader-before.js";
import { instantiateSync } from "@assemblyscript/loader";
import "./loader-after.js";

export { instantiateSync };
