/** What is to be done where the driver ends before its time, by a signal or an error: no process is to outlive it. */
export const endings = new Set<() => void>();

process.once("exit", () => {
	for (const end of endings) end();
});
