import { reportError } from '../../shared/runtime/errors.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Messenger } from '../../shared/delivery/messenger.ts';
import type { Erasing, Eraser } from '../../shared/store/forget/erase.ts';
import type {
  ForgetState,
  ForgetStates,
  StepOutcome,
} from '../../shared/store/forget/forget-state.ts';
import type { Person } from '../../shared/store/people.ts';
import type { Stores } from '../../shared/store/stores.ts';
import type { Agent } from '../agent/agent.ts';
import type { Home } from '../agent/homes/home.ts';
import type { HomeOf } from '../agent/homes/home-of.ts';
import type { SecretDesk } from '../secrets/secret-desk.ts';
import type { Place } from '../snapshots/place.ts';
import { countFiles, emptyHome } from './home-files.ts';

/** How much is there to forget. */
export type ForgetSize = { said: number; files: number };

/** The message that says yes, what it names, and the turn that it is in. */
export type ForgetYes = {
  conversation: string;
  token: string;
  by: { id: string; at: string };
  turn: string;
};

/** Takes everything about a person out of every store. */
export type Forgetting = {
  /** Why it cannot be done now, beside the turn that asks; undefined when nothing is in the way. */
  obstacle(conversation: string): Promise<'background' | 'elsewhere' | undefined>;
  size(conversation: string): Promise<ForgetSize>;
  /** Notes that the person is asked. Returns what the yes must name. */
  ask(conversation: string): Promise<string>;
  /**
   * Forgets everything up to the message that says yes, or goes on where a kill has ended it.
   * Returns what became of each step, in their order; undefined when this is no answer to the
   * question.
   */
  run(yes: ForgetYes): Promise<ReadonlyMap<ForgetStep, StepOutcome> | undefined>;
};

export type ForgetDeps = {
  stores: Pick<Stores, 'people' | 'files' | 'background' | 'turns' | 'redis'>;
  states: ForgetStates;
  eraser: Eraser;
  secrets: Pick<SecretDesk, 'forget'>;
  agent: Pick<Agent, 'release'>;
  homes: { of: HomeOf; place: Place };
  /** Deletes the snapshots of a home and returns how many; undefined where none are taken. */
  eraseSnapshots: ((home: Home) => Promise<number>) | undefined;
  messenger: Pick<Messenger, 'eraseCopies'>;
  log: Log;
  /** Called before each step, and before its outcome is noted: tests end the work there. */
  onStep?: (step: ForgetStep, moment: 'before' | 'after') => void;
};

/** The steps by their names, in their order. */
const steps = [
  'since',
  'processes',
  'schedules',
  'said',
  'waiting',
  'files',
  'secrets',
  'home',
  'snapshots',
  'copies',
] as const;
export type ForgetStep = (typeof steps)[number];

export function createForgetting(parts: ForgetDeps): Forgetting {
  const { stores, states, eraser, log } = parts;
  const conversationsOf = ({ conversations }: Person, asking: string): string[] => [
    ...new Set([asking, ...conversations]),
  ];
  const homesOf = async (conversations: string[]): Promise<Home[]> => {
    const all = await Promise.all(conversations.map((one) => parts.homes.of(one)));
    return [...new Map(all.map((home) => [home.directory, home])).values()];
  };

  return {
    async obstacle(conversation) {
      const person = await stores.people.of(conversation);
      for (const one of conversationsOf(person, conversation)) {
        if ((await stores.background.list(one)).length > 0) return 'background';
        if (one !== conversation && (await isAtWork(stores, one))) return 'elsewhere';
      }
      return undefined;
    },
    async size(conversation) {
      const all = conversationsOf(await stores.people.of(conversation), conversation);
      const said = await Promise.all(all.map(eraser.countSaid));
      const inStore = await Promise.all(all.map(async (one) => await stores.files.ownedBy(one)));
      const inHomes = await Promise.all((await homesOf(all)).map(countFiles));
      const sum = (numbers: number[]): number => numbers.reduce((one, other) => one + other, 0);
      return { said: sum(said), files: inStore.flat().length + sum(inHomes) };
    },
    ask: states.ask,
    async run({ conversation, token, by, turn }) {
      const state = await states.begin(conversation, token, by);
      if (!state) return undefined;
      const person = await stores.people.of(conversation);
      const conversations = conversationsOf(person, conversation);
      const work = workOf(parts, { person, conversations, homesOf }, state, turn);
      const outcomes = new Map<ForgetStep, StepOutcome>();
      for (const step of steps) {
        let outcome = state.steps.get(step);
        if (!outcome) {
          parts.onStep?.(step, 'before');
          outcome = await outcomeOf(work[step], step, log);
          parts.onStep?.(step, 'after');
          await states.note(conversation, step, outcome);
        }
        outcomes.set(step, outcome);
      }
      return outcomes;
    },
  };
}

/** Runs a step; a failure is an outcome that the person hears of, and the next step follows. */
async function outcomeOf(
  step: () => Promise<string>,
  name: ForgetStep,
  log: Log,
): Promise<StepOutcome> {
  try {
    return { done: await step() };
  } catch (error) {
    log.warn({ err: error, step: name }, 'a step of forgetting failed');
    return { failed: reportError(error).message };
  }
}

/** Why a home that its person has moved to is not all that they had: the other disk is not here. */
const elsewhere =
  'emptied here, but a computer that you had before may still have a copy, which only its owner can delete';

/** Whether a conversation has a turn, running or to come. */
async function isAtWork({ turns }: ForgetDeps['stores'], conversation: string): Promise<boolean> {
  const queue = turns.queueOf(await turns.homeOf(conversation));
  return (await queue.getDeduplicationJobId(conversation)) !== null;
}

type Whose = {
  person: Person;
  conversations: string[];
  homesOf: (conversations: string[]) => Promise<Home[]>;
};

/** What each step does; it returns the number of what is gone, or '' without a number. */
function workOf(
  deps: ForgetDeps,
  { person, conversations, homesOf }: Whose,
  { until, by }: ForgetState,
  turn: string,
): Record<ForgetStep, () => Promise<string>> {
  const { stores, eraser, secrets, agent, homes, eraseSnapshots, messenger } = deps;
  const addresses = [...new Set([...person.addresses, ...conversations])];
  /** A step of each conversation, or of each home; the sum of their numbers. */
  const sumOf = async <T>(
    all: readonly T[],
    step: (one: T) => Promise<number>,
  ): Promise<string> => {
    let sum = 0;
    for (const one of all) sum += await step(one);
    return String(sum);
  };
  const each = async <T>(all: readonly T[], step: (one: T) => Promise<void>): Promise<string> => {
    for (const one of all) await step(one);
    return '';
  };
  const erasing = (conversation: string): Erasing => ({ conversation, until, by, turn });
  return {
    async since() {
      await eraser.allowAnew(addresses, until);
      return '';
    },
    processes: () => each(conversations, agent.release),
    schedules: () => sumOf(conversations, eraser.schedules),
    said: () =>
      sumOf(conversations, async (one) => {
        const { messages, left } = await eraser.said(erasing(one));
        if (left > 0) throw new Error(`${left} of them are on their way to you just now`);
        return messages;
      }),
    async waiting() {
      await each(conversations, async (one) => await eraser.boxes(erasing(one)));
      await stores.people.note(person.id, { name: '', timezone: '' });
      return '';
    },
    files: () => sumOf(conversations, stores.files.drop),
    secrets: () => sumOf(conversations, secrets.forget),
    async home() {
      await each(await homesOf(conversations), async (home) => await emptyHome(home, homes.place));
      if (person.epoch > 0) throw new Error(elsewhere);
      return '';
    },
    async snapshots() {
      if (!eraseSnapshots) return '0';
      return await sumOf(await homesOf(conversations), eraseSnapshots);
    },
    async copies() {
      let [gone, left, reason] = [0, 0, ''];
      for (const address of addresses) {
        const erased = await messenger.eraseCopies?.(address, new Date(until));
        gone += erased?.gone ?? 0;
        left += erased?.left ?? 0;
        reason = erased?.reason ?? reason;
      }
      if (left > 0) throw new Error(`${left} of ${gone + left} are still there: ${reason}`);
      return String(gone);
    },
  };
}
