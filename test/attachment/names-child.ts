/** The other processes of the tests of names, folders and other users. */
import { Region, type RegionOptions } from "dhmem";
import { becomeUser, errorOf, type Scenario, serve, type Talk, tell } from "../fixture/index.js";

const NAME = "region";
const SIZE = "1MiB";

/** What a process does to the region of this name. */
type Action = (directory: string) => void;

/** The region, opened before, for actions on an open region. */
let region: Region;

const open = (options: RegionOptions) => (directory: string) => {
	region = Region.open(NAME, { directory, size: SIZE, ...options });
};

const actions: Record<string, Action> = {
	"force-create": open({ mode: "force-create" }),
	open: open({ mode: "open" }),
	"open-or-create": open({}),
	create: open({ mode: "create" }),
	"read-only": open({ mode: "read-only" }),
	"Region.unlink": (directory) => Region.unlink(NAME, { directory }),
	"region.unlink": () => region.unlink(),
	close: () => region.close(),
	list: (directory) => {
		Region.list({ directory });
	},
};

/** Prints a line after it has waited some times; each millisecond counts as an hour of the wall clock here. */
function sayWhenWaiting(talk: Talk): void {
	const { wait } = Atomics;
	let waits = 0;
	Atomics.wait = ((...values: Parameters<typeof wait>) => {
		if (++waits === 5) talk.say("waiting");
		return wait(...values);
	}) as typeof wait;
	const { now } = Date;
	Date.now = () => now() * 3_600_000;
}

/** The outcome of an action: "done", or the code and the message of its error. */
function outcomeOf(action: () => void): string[] {
	try {
		const { code, message } = errorOf(action);
		return [code, message];
	} catch (error) {
		if ((error as Error).message === "Nothing was thrown") return ["done"];
		throw error;
	}
}

/** Does something to the region. An action on an open region waits, once it is open, until it is told to begin. */
async function act(talk: Talk, directory: string, action: string, options?: string): Promise<void> {
	if (options !== undefined) {
		open(JSON.parse(options))(directory);
		talk.say("open");
		await talk.hear();
	}
	sayWhenWaiting(talk);
	talk.say(outcomeOf(() => actions[action]?.(directory)));
}

/** The same as another user. */
function actAs(talk: Talk, directory: string, user: string, ...rest: string[]): Promise<void> {
	becomeUser(Number(user));
	return act(talk, directory, ...(rest as [string, string?]));
}

/** As another user, makes regions with these names, and is killed in them or leaves. */
async function make(
	talk: Talk,
	directory: string,
	user: string,
	names: string,
	options: string,
): Promise<void> {
	if (Number(user) !== 0) becomeUser(Number(user));
	for (const name of names.split(",")) Region.open(name, { directory, size: SIZE, ...JSON.parse(options) });
	talk.say("ready");
	await talk.hear();
}

/** As another user, lists the names, and measures how long that takes. */
function list(talk: Talk, directory: string, user: string): void {
	becomeUser(Number(user));
	talk.say(Region.list({ directory }));
}

/** Makes a temporary region, and is killed with it open. */
async function makeTemporary(talk: Talk, directory: string): Promise<void> {
	// Not even the engine's garbage collection closes it before.
	using _region = Region.temporary({ directory, size: SIZE });
	talk.say("ready");
	await talk.hear();
}

/** Blocks for a message that nobody sends. */
async function receive(_talk: Talk, directory: string): Promise<void> {
	open({ mode: "open" })(directory);
	const consumer = region.queue("queue").consumer();
	await tell("receiving");
	outcomeOf(() => consumer.receiveSync({ timeout: 2500 }));
}

const scenarios: Record<string, Scenario> = { act, actAs, make, list, makeTemporary, receive };
serve(import.meta.url, scenarios);
