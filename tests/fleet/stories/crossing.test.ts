import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createMoves } from '../../../shared/store/homes/moves.ts';
import { keys, prefix } from '../../../shared/store/redis/keys.ts';
import { callTool, text } from '../../../simulator/model/answer.ts';
import { runScriptedModel } from '../../../simulator/model/scripted-model.ts';
import type { Story } from '../../../simulator/model/stories/story.ts';
import { findMarked } from '../../../worker/agent/sandbox/processes.ts';
import { written } from '../../support/leave-bench.ts';
import { fleetPhones, withFleet } from '../../support/fleet-bench.ts';
import type { Fleet, FleetHome, HomeChange } from '../../support/fleet-bench.ts';
import {
  answered,
  fileOf,
  personOf,
  runPeople,
  takeStoreAway,
  textsOf,
  withStore,
} from '../../support/fleet-moves.ts';
import { scaled } from '../../support/machine-speed.ts';
import { noRestic } from '../../support/snapshot-bench.ts';
import { createScriptedClaude, modelKey } from '../../support/story-bench.ts';
import { until } from '../../support/until.ts';
import { accept, refuse } from '../../support/wake-address.ts';

const [ann, bob, cid] = fleetPhones;

type Three = [one: FleetHome, two: FleetHome, three: FleetHome];

/** Three homes with a snapshot store, of which each person who writes gets one. */
async function withThree(
  environment: Record<string, string>,
  change: (name: string, fleet: Fleet) => HomeChange,
  story: (fleet: Fleet, homes: Three) => Promise<void>,
): Promise<void> {
  await withFleet({ PLACEMENT: 'own', ...environment }, async (fleet) => {
    const homes: FleetHome[] = [];
    for (const name of ['one', 'two', 'three']) {
      homes.push(await fleet.addHome(name, withStore(fleet, change(name, fleet))));
      await homes.at(-1)?.boot();
    }
    await fleet.startRelay();
    await story(fleet, homes as Three);
  });
}

/** `run X` asks whether X may run; anything else is answered at once. */
const asking = (name: string): HomeChange => ({
  answer: async (text, { tools, signal }) => {
    if (!text.startsWith('run ')) return `${name}: ${text}`;
    const detail = text.slice(4);
    const approval = await tools.approve(
      { tool: 'Bash', title: 'May I run this?', detail },
      signal,
    );
    return `${name}: ${detail}: ${written(approval)}`;
  },
});

test.skipIf(noRestic !== '')(
  `a question that is open across a move is answered on the new computer, and one without an answer takes its default there at its time${noRestic}`,
  { tags: 'long' },
  async () => {
    const environment = {
      PERMISSIONS: 'ask',
      ANSWER_MINUTES: String(scaled(20_000) / 60_000),
      STOP_SECONDS: '1',
    };
    await withThree(environment, asking, async (fleet, homes) => {
      await answered(fleet, ann, 'hello', 'one: hello');
      await answered(fleet, bob, 'hello', 'two: hello');
      await answered(fleet, cid, 'hello', 'three: hello');
      const questionOf = (phone: string, words: string) =>
        fleet
          .replies(phone)
          .filter(({ text, buttons }) => buttons.length > 0 && text.includes(words));
      const began = Date.now();
      await fleet.say('run ls', bob);
      await fleet.say('run date', cid);
      const question = await until('the question', () => questionOf(bob, 'ls')[0]);
      await until('the other question', () => questionOf(cid, 'date')[0]);
      await Promise.all([
        runPeople(fleet, { action: 'move', address: bob, to: 'three' }),
        runPeople(fleet, { action: 'move', address: cid, to: 'two' }),
      ]);
      const yes = question.buttons.find(({ title }) => title === 'Yes');
      await fleet.twin.chat.receive(bob, {
        quoted: question.sid,
        choice: { id: yes?.id ?? '', title: 'Yes', kind: 'button' },
      });
      await until('the answer', () => textsOf(fleet, bob).includes('three: ls: yes'));
      // Its time goes on from when it was asked; nobody answers it.
      await until('the default', () => textsOf(fleet, cid).includes('two: date: unanswered'));
      expect(Date.now() - began).toBeGreaterThanOrEqual(scaled(20_000) / 2);
      expect(textsOf(fleet, cid).filter((text) => text.startsWith('No answer in'))).toHaveLength(1);
      expect([questionOf(bob, 'ls'), questionOf(cid, 'date')].map(({ length }) => length)).toEqual([
        1, 1,
      ]);
      await until('all sleep', () => homes.every((home) => !home.isAwake()));
      expect(await fleet.redis.exists(keys.inbox(bob), keys.inbox(cid))).toBe(0);
    });
  },
);

test.skipIf(noRestic !== '')(
  `the snapshot store is away: computers sleep all the same, the owner hears of it once, a move is given up with its reason, and all goes on when it is back${noRestic}`,
  { tags: 'long' },
  async () => {
    await withThree(
      {},
      // Longer than the pauses between the tries of a move, in which a computer would fall asleep.
      () => ({ environment: { IDLE_MINUTES: '0.15' } }),
      async (fleet, [one, two, three]) => {
        await answered(fleet, ann, 'hello', 'one: hello');
        await answered(fleet, bob, 'hello', 'two: hello');
        await answered(fleet, cid, 'hello', 'three: hello');
        const homes = [one, two, three];
        await until('all sleep', () => homes.every((home) => !home.isAwake()));
        const id = await personOf(fleet, bob);
        await mkdir(path.dirname(fileOf(two, id, 'kept')), { recursive: true });
        await writeFile(fileOf(two, id, 'kept'), 'of two');
        await takeStoreAway(fleet, true);
        await answered(fleet, bob, 'again', 'two: again');
        const words = (part: string): string[] =>
          textsOf(fleet, ann).filter((text) => text.includes(part));
        await until('the owner hears', () => words('to the snapshot store').length > 0);
        await until('it sleeps', () => !two.isAwake());
        await answered(fleet, bob, 'and again', 'two: and again');
        await until('it sleeps again', () => !two.isAwake());
        expect(words('to the snapshot store')).toHaveLength(1);
        const move = { action: 'move', address: bob, to: 'three' } as const;
        await fleet.say('meanwhile', bob);
        await expect(runPeople(fleet, move)).rejects.toThrow(/could not be moved: .*store/);
        await until('it is answered', () => textsOf(fleet, bob).includes('two: meanwhile'));
        await until('the owner hears of the move', () => words('I could not move').length > 0);
        expect((await createMoves(fleet.redis).read(id))?.step).toBe('failed');
        await takeStoreAway(fleet, false);
        await runPeople(fleet, move);
        expect(await readFile(fileOf(three, id, 'kept'), 'utf8')).toBe('of two');
        await answered(fleet, bob, 'on', 'three: on');
        await until('all sleep', () => homes.every((home) => !home.isAwake()));
        expect(words('to the snapshot store').length + words('I could not move').length).toBe(2);
      },
    );
  },
);

test.skipIf(noRestic !== '')(
  `a person who is removed in the middle of a move arrives all the same, hears nothing, and goes on there when they are back${noRestic}`,
  { tags: 'long' },
  async () => {
    // The move waits for the old computer, until no worker may write to the person any more.
    let isHeld = false;
    const held = (): HomeChange => ({
      onCall: async (home, _call, response) => {
        if (isHeld) return refuse(response);
        await home.boot();
        accept(response);
      },
    });
    await withThree({}, held, async (fleet, [, two, three]) => {
      await answered(fleet, ann, 'hello', 'one: hello');
      await answered(fleet, bob, 'hello', 'two: hello');
      const id = await personOf(fleet, bob);
      await mkdir(path.dirname(fileOf(two, id, 'kept')), { recursive: true });
      await writeFile(fileOf(two, id, 'kept'), 'of two');
      await until('it sleeps', () => !two.isAwake());
      const heard = textsOf(fleet, bob).length;
      isHeld = true;
      const moving = runPeople(fleet, { action: 'move', address: bob, to: 'three' });
      await until('the move', async () => (await fleet.redis.exists(keys.move(id))) === 1);
      await fleet.startRelay({ ALLOWED_SENDERS: [ann, cid].join(',') });
      await until('they are removed', async () =>
        (await fleet.redis.hget(keys.allowed, bob))?.startsWith('removed'),
      );
      isHeld = false;
      expect((await moving).at(-1)).toMatch(/: done\.$/);
      expect(await readFile(fileOf(three, id, 'kept'), 'utf8')).toBe('of two');
      await until('all sleep', () => !two.isAwake() && !three.isAwake());
      expect(textsOf(fleet, bob)).toHaveLength(heard);
      await fleet.startRelay({ ALLOWED_SENDERS: fleetPhones.join(',') });
      await answered(fleet, bob, 'back', 'three: back');
      for (const queue of ['turns@two', 'turns@three', 'deliveries@two', 'deliveries@three'])
        for (const state of ['wait', 'active'])
          expect(await fleet.redis.llen(`${prefix}:${queue}:${state}`)).toBe(0);
    });
  },
);

/** `watch`: starts a command in the background that never ends by itself, and says so. */
const watch: Story = {
  matches: (asked) => asked === 'watch',
  next: ({ results }) =>
    results.length > 0
      ? text('I watch it.')
      : callTool('Bash', {
          command: 'sleep 100000',
          description: 'Watch the build',
          run_in_background: true,
        }),
};
test.skipIf(noRestic !== '')(
  `schedules and the session go along with a move; work in the background ends, and the person hears of it from the new computer${noRestic}`,
  { tags: 'long' },
  async () => {
    const model = await runScriptedModel({ quiet: true, stories: [watch] });
    const claude = (name: string, fleet: Fleet): HomeChange => {
      const dataDir = path.join(path.dirname(fleet.dataDir), name);
      return { worker: { createAgent: createScriptedClaude({ ...fleet, dataDir }, model) } };
    };
    const environment = { ANTHROPIC_API_KEY: modelKey };
    try {
      await withThree(environment, claude, async (fleet, [, two, three]) => {
        await answered(fleet, ann, 'say hello', 'hello');
        await answered(fleet, bob, 'say hello', 'hello');
        const has = (part: string) => async () =>
          await until(part, () => textsOf(fleet, bob).find((said) => said.includes(part)));
        const runningOn = async (home: FleetHome): Promise<number> =>
          (await findMarked()).filter(({ mark }) => mark.endsWith(`@${home.dataDir}`)).length;
        await fleet.say('every day at 9 in Atlantic/Reykjavik say good morning', bob);
        await has('Scheduled as number 1')();
        await fleet.say('watch', bob);
        await has('I watch it.')();
        await until('it is noted', async () => (await fleet.redis.exists(keys.background)) === 1);
        expect(await runningOn(two)).toBeGreaterThan(1);
        const session = await fleet.redis.hget(keys.conversation(bob), 'session');
        await runPeople(fleet, { action: 'move', address: bob, to: 'three' });
        await has('ended with it: “Watch the build”')();
        // A process that was started in advance ends with its computer.
        await until('nothing runs there', async () => (await runningOn(two)) === 0);
        expect(await fleet.redis.hget(keys.conversation(bob), 'session')).toBe(session);
        await fleet.say('/schedules', bob);
        expect(await has('good morning')()).toBeDefined();
        expect(await fleet.redis.zcard(`${prefix}:schedules@two:repeat`)).toBe(0);
        expect(await fleet.redis.zcard(`${prefix}:schedules@three:repeat`)).toBe(1);
        await until('nothing is noted', async () => !(await fleet.redis.exists(keys.background)));
        await until('both sleep', () => !two.isAwake() && !three.isAwake());
        const words = textsOf(fleet, bob).filter((said) =>
          said.includes('ended with it: “Watch the build”'),
        );
        expect(words).toHaveLength(1);
      });
    } finally {
      await model.stop();
    }
  },
);

test.skipIf(noRestic !== '')(
  `a volume that was forked, and an empty one under a name that is taken, do not start and say why, while the original works on${noRestic}`,
  { tags: 'long' },
  async () => {
    await withThree(
      {},
      // An original that sleeps would keep no other from starting.
      () => ({ environment: { IDLE_MINUTES: '30' } }),
      async (fleet, [, two]) => {
        await answered(fleet, ann, 'hello', 'one: hello');
        await answered(fleet, bob, 'hello', 'two: hello');
        const taken = async (name: string, isForked: boolean): Promise<void> => {
          const environment = { HOME_NAME: 'two', WORKER_ID: name };
          const other = await fleet.addHome(name, withStore(fleet, { environment }));
          if (isForked) {
            await cp(two.dataDir, other.dataDir, { recursive: true, force: true });
            // The copy has every mark until now.
            const mark = async () => await fleet.redis.hget(keys.beats('two'), 'two');
            const copied = await mark();
            await until('a newer mark', async () => (await mark()) !== copied);
          }
          await expect(other.boot()).rejects.toThrow(
            'The home “two” is running from another disk, as after a volume was forked',
          );
        };
        await taken('forked', true);
        await taken('empty', false);
        await answered(fleet, bob, 'again', 'two: again');
        expect((await fleet.redis.smembers(keys.homes)).toSorted()).toEqual([
          'one',
          'three',
          'two',
        ]);
      },
    );
  },
);
