// In an engine beside Node.
import { use } from "./use.js";

await use("engine");
