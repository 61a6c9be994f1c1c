/** Every command of `dhmem`, in the order of its help. */
import type { Command } from "commander";
import { doctor } from "./doctor.js";
import { exportWorkflow } from "./export.js";
import { get } from "./get.js";
import { put } from "./put.js";
import { recv } from "./recv.js";
import { run } from "./run.js";
import { send } from "./send.js";

/** Adds a command to the program. */
export type Register = (program: Command) => void;

export const commands: readonly Register[] = [run, exportWorkflow, doctor, send, recv, put, get];
