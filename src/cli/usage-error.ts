/** What the user typed or wrote is wrong: exit status 2. */
export class UsageError extends Error {
	override readonly name = "UsageError";
}
