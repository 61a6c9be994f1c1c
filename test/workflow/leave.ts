/** A task that forgets to end what it sends. */
import { Task } from "dhmem/workflow";

using task = Task.fromEnvironment();
task.output("values");
