/**
 * Tasks that communicate by the names of their inputs and outputs. Begin with {@link Task.fromEnvironment}.
 *
 * @module dhmem/workflow
 */
export type { Variables } from "./environment.js";
export { Input } from "./input.js";
export { Output } from "./output.js";
export { Task } from "./task.js";
