/** Every command of `dhmem`, in the order of its help. */
import type { Command } from "commander";
import { clean } from "./clean.js";
import { get } from "./get.js";
import { ls } from "./ls.js";
import { put } from "./put.js";
import { recv } from "./recv.js";
import { rm } from "./rm.js";
import { run } from "./run.js";
import { send } from "./send.js";
import { stat } from "./stat.js";

/** Adds a command to the program. */
export type Register = (program: Command) => void;

export const commands: readonly Register[] = [run, ls, stat, rm, clean, send, recv, put, get];
