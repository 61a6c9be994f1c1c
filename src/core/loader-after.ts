/** Evaluated after the loader: see loader-before.ts. */
import { hasTextDecoder, realObject } from "./loader-before.js";

if (globalThis.Object !== realObject) globalThis.Object = realObject;
if (!hasTextDecoder) Reflect.deleteProperty(globalThis, "TextDecoder");
