/** Undoes loader-before.ts; evaluated after the loader. */
import { hasTextDecoder, realObject } from "./loader-before.js";

if (globalThis.Object !== realObject) globalThis.Object = realObject;
if (!hasTextDecoder) Reflect.deleteProperty(globalThis, "TextDecoder");
