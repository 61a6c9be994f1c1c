/** All commands of `dhmem`, in the order of `dhmem --help`. */
import type { Command } from "commander";
import { bench } from "./bench.js";
import { clean } from "./clean.js";
import { completion } from "./completion.js";
import { doctor } from "./doctor.js";
import { exportWorkflow } from "./export.js";
import { filter } from "./filter.js";
import { get } from "./get.js";
import { ls } from "./ls.js";
import { put } from "./put.js";
import { recv } from "./recv.js";
import { rm } from "./rm.js";
import { run } from "./run.js";
import { send } from "./send.js";
import { serve } from "./serve.js";
import { stat } from "./stat.js";
import { top } from "./top.js";

/** Adds a command to the program. */
export type Register = (program: Command) => void;

export const commands: readonly Register[] = [
	run,
	exportWorkflow,
	ls,
	stat,
	top,
	serve,
	rm,
	clean,
	doctor,
	send,
	recv,
	filter,
	put,
	get,
	bench,
	completion,
];
