/** What `dhmem run` is told: apart, so that listing the commands does not load the runner. */
export interface RunOptions {
	runtime: RuntimeName;
	check?: true;
	explain?: true;
	printEnv?: string;
}

export const runtimeNames = ["process", "podman", "docker"] as const;
export type RuntimeName = (typeof runtimeNames)[number];
