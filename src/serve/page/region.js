/** One region: its memory, its participants and who waits for whom, its queues over time. */
import { MemoryDrawing } from "./drawings.js";
import { element, keyed, setText } from "./elements.js";
import { counted, size } from "./format.js";
import { makeQueueCard } from "./queue-card.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {import("./types.js").MemoryCells} MemoryCells */
/** @typedef {import("./types.js").ReadRegion} ReadRegion */
/** @typedef {import("./types.js").Report} Report */
/** @typedef {import("./types.js").WatchedParticipant} WatchedParticipant */
/** @typedef {import("./types.js").WatchedMutex} WatchedMutex */

export class RegionView {
	#heading = element("h2");
	#path = element("p", "path");
	#problem = element("p", "problem");
	#bar = element("div", "bar", element("i", "used"));
	#memoryText = element("p", "note");
	#memory = new MemoryDrawing();
	#participants = element("ul", "participants");
	#noParticipants = element("p", "note", "No participants: nobody has this region open.");
	#waits = element("ul", "waits");
	#noWaits = element("p", "note", "Nobody waits.");
	#queues = element("ul", "queues");
	#noQueues = element("p", "note", "No queues.");
	#locks = element("ul", "locks");
	#lockSection = section("Locks", this.#locks);
	#body = element("div");

	/** @param {Element} root */
	constructor(root) {
		const back = /** @type {HTMLAnchorElement} */ (element("a", "back", "All regions"));
		back.href = "#";
		this.#body.append(
			section("Memory", this.#bar, this.#memoryText, this.#memory.root),
			section("Participants", this.#participants, this.#noParticipants),
			section("Who waits for whom", this.#waits, this.#noWaits),
			section("Queues, depth in the last two minutes", this.#queues, this.#noQueues),
			this.#lockSection,
		);
		root.append(back, this.#heading, this.#path, this.#problem, this.#body);
	}

	/** @param {string} name @param {Report} report @param {History} history */
	update(name, { regions, rates, time }, history) {
		const region = regions.find((each) => each.name === name);
		setText(this.#heading, name);
		setText(this.#path, region?.path ?? "");
		const isReadable = region !== undefined && region.error === undefined;
		this.#body.hidden = !isReadable;
		this.#problem.hidden = isReadable;
		if (region === undefined) setText(this.#problem, "There is no region of this name any more.");
		else if (region.error !== undefined)
			setText(this.#problem, `${region.error.text}${region.error.code ? ` (${region.error.code})` : ""}`);
		else this.#show(region, rates, time, history);
	}

	/** @param {MemoryCells | undefined} memory */
	updateMemory(memory) {
		this.#memory.root.hidden = memory === undefined;
		if (memory !== undefined) this.#memory.update(memory);
	}

	/** @param {ReadRegion} region @param {Report["rates"]} rates @param {number} time @param {History} history */
	#show(region, rates, time, history) {
		const { participants, queues, mutexes } = region;
		const share = region.committed === 0 ? 0 : Math.min(region.used / region.committed, 1);
		/** @type {HTMLElement} */ (this.#bar.firstElementChild).style.width = `${share * 100}%`;
		setText(
			this.#memoryText,
			`${size(region.used)} in use of ${size(region.committed)} committed; it may grow to ${size(region.size)}. ` +
				`${region.trimmable === 0 ? "" : `dhmem clean would give back ${size(region.trimmable)}. `}` +
				`${counted(region.objects, "named object")}.`,
		);
		const labels = new Map(participants.map(({ slot, label }) => [slot, label]));
		/** @param {number | null} slot */
		const who = (slot) => (slot === null ? "nobody" : (labels.get(slot) ?? "") || `slot ${slot}`);
		keyed(this.#participants, participantItems(region, who), ({ slot }) => String(slot), makeParticipant);
		this.#noParticipants.hidden = participants.length > 0;
		const waits = waitItems(participants, who);
		keyed(this.#waits, waits, ({ key }) => key, makeWait);
		this.#noWaits.hidden = waits.length > 0;
		const cards = queues.map((queue) => ({
			queue,
			time,
			rates: rates[`${region.name}/${queue.name}`],
			points: history.of(region.name, queue.name),
			producer: who(queue.producer),
			consumer: who(queue.consumer),
		}));
		keyed(this.#queues, cards, ({ queue }) => `${queue.identity}/${queue.name}`, makeQueueCard);
		this.#noQueues.hidden = queues.length > 0;
		const locks = mutexes.map(({ holder, ...mutex }) => ({
			...mutex,
			holder: holder === null ? null : who(holder),
		}));
		keyed(this.#locks, locks, ({ name }) => name, makeLock);
		this.#lockSection.hidden = locks.length === 0;
	}
}

/** @param {string} title @param {Element[]} content */
function section(title, ...content) {
	return element("section", "", element("h3", "", title), ...content);
}

/** @typedef {{ slot: number, name: string, alive: boolean, sends: string[], receives: string[] }} ParticipantItem */

/** @param {ReadRegion} region @param {(slot: number | null) => string} who @returns {ParticipantItem[]} */
function participantItems({ participants, queues }, who) {
	return participants.map(({ slot, alive }) => ({
		slot,
		alive,
		name: who(slot),
		sends: queues.filter(({ producer }) => producer === slot).map(({ name }) => name),
		receives: queues.filter(({ consumer }) => consumer === slot).map(({ name }) => name),
	}));
}

/** @param {ParticipantItem} item */
function makeParticipant({ slot }) {
	const shown = element("b");
	const note = element("span", "note");
	const root = element("li", "", element("span", "slot", String(slot)), shown, note);
	/** @param {ParticipantItem} item */
	const update = ({ name, alive, sends, receives }) => {
		setText(shown, name);
		const parts = [
			...(alive ? [] : ["dead, nobody has recovered from it yet"]),
			...(sends.length === 0 ? [] : [`sends to ${listed(sends)}`]),
			...(receives.length === 0 ? [] : [`receives from ${listed(receives)}`]),
		];
		setText(note, parts.join("; "));
		root.classList.toggle("dead", !alive);
	};
	return { root, update };
}

/** @param {string[]} names @returns {string} */
function listed(names) {
	return names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
}

/** @typedef {{ key: string, from: string, what: string, to: string, isKnown: boolean, inCircle: boolean }} WaitItem */

/** @param {WatchedParticipant[]} participants @param {(slot: number | null) => string} who @returns {WaitItem[]} */
function waitItems(participants, who) {
	const waits = participants.flatMap(({ slot, waits }) => waits.map((wait) => ({ slot, ...wait })));
	const circle = inCircles(waits);
	return waits.map(({ slot, for: what, object, of }) => ({
		key: `${slot} ${what} ${object}`,
		from: who(slot),
		what: `${what === "mutex" ? "the lock" : what} ${PREPOSITIONS[what]} ${object}`,
		to: who(of),
		isKnown: of !== null,
		inCircle: circle.has(slot) && of !== null && circle.has(of),
	}));
}

const PREPOSITIONS = { message: "from", room: "in", mutex: "of", notification: "of" };

function makeWait() {
	const from = element("b", "who");
	const what = element("span", "what");
	const to = element("b", "who");
	const note = element("small", "warning", "in a circle");
	/** @param {WaitItem} item */
	const update = (item) => {
		setText(from, item.from);
		setText(what, item.what);
		setText(to, item.to);
		to.classList.toggle("nobody", !item.isKnown);
		note.hidden = !item.inCircle;
	};
	return { root: element("li", "", from, what, to, note), update };
}

/**
 * The slots of participants that wait, in the end, for themselves.
 *
 * @param {readonly { slot: number, of: number | null }[]} waits
 * @returns {Set<number>}
 */
export function inCircles(waits) {
	/** @param {number} start */
	const reachesItself = (start) => {
		const seen = new Set();
		const open = [start];
		for (let slot = open.pop(); slot !== undefined; slot = open.pop()) {
			for (const wait of waits) {
				if (wait.slot !== slot || wait.of === null) continue;
				if (wait.of === start) return true;
				if (!seen.has(wait.of)) open.push(wait.of);
				seen.add(wait.of);
			}
		}
		return false;
	};
	return new Set(waits.map(({ slot }) => slot).filter(reachesItself));
}

/** @typedef {Omit<WatchedMutex, "holder"> & { holder: string | null }} LockItem */

/** @param {LockItem} item */
function makeLock({ name }) {
	const state = element("span", "note");
	/** @param {LockItem} item */
	const update = ({ kind, holder, abandoned, waiters }) => {
		const held = abandoned
			? "abandoned: its last holder died"
			: holder === null
				? "free"
				: `held by ${holder}`;
		const waiting = waiters.length === 0 ? "" : `; ${counted(waiters.length, "participant")} waiting`;
		setText(state, `${kind}, ${held}${waiting}`);
	};
	return { root: element("li", "", element("b", "", name), state), update };
}
