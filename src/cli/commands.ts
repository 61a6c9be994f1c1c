/** Every command of `dhmem`, in the order of its help. */
import type { Command } from "commander";
import { doctor } from "./doctor.js";
import { exportWorkflow } from "./export.js";
import { run } from "./run.js";

/** Adds a command to the program. */
export type Register = (program: Command) => void;

export const commands: readonly Register[] = [run, exportWorkflow, doctor];
