import * as dhmem from "dhmem";
import * as workflow from "dhmem/workflow";
import { use } from "./use.mjs";

await use(dhmem, workflow);
