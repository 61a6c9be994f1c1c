/** Evaluated after the loader: see loader-before.ts. */
import { realObject } from "./loader-before.js";

if (globalThis.Object !== realObject) globalThis.Object = realObject;
