/**
 * dhmem/workflow: tasks that communicate by the names of their inputs and outputs. See
 * `Task.fromEnvironment`.
 *
 * @module
 */
export { Input } from "./input.js";
export { Output } from "./output.js";
export { Task } from "./task.js";
