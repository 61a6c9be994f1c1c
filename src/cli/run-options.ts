/**
 * The options of `dhmem run`. They have a file of their own, so that `dhmem --help` does not load the runner.
 */
export interface RunOptions {
	runtime: RuntimeName;
	check?: true;
	explain?: true;
	printEnv?: string;
	stopWhenStuck?: true;
	server?: string;
	run?: string;
	only?: string;
}

export const runtimeNames = ["process", "podman", "docker"] as const;
export type RuntimeName = (typeof runtimeNames)[number];
