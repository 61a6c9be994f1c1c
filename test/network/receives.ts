/** Receives a message: a test kills it before that. */
import { Task } from "dhmem/workflow";

using task = Task.fromEnvironment();
await task.input("in").receive();
