import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runPeopleCommand } from '../../relay/people/restore-command.ts';
import { parsePeopleOptions } from '../../relay/people/options.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { freePort } from '../../simulator/free-port.ts';
import { needOf } from '../../worker/snapshots/restores.ts';
import { runEntry } from '../support/fly-bench.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { noRestic } from '../support/snapshot-bench.ts';
import { until } from '../support/until.ts';

const quick = { quietMs: 1, apartMs: 1, overdueMs: 1e9, againMs: [100] };

test('a home is restored when it is behind its last snapshot, or empty and unknown', () => {
  expect(needOf(undefined, undefined, true)).toBe('look');
  expect(needOf(undefined, undefined, false)).toBe('nothing');
  expect(needOf(1, undefined, true)).toBe('nothing');
  expect(needOf(undefined, 1, false)).toBe('restore');
  expect(needOf(1, 2, false)).toBe('restore');
  expect(needOf(2, 2, true)).toBe('nothing');
  expect(needOf(3, 2, false)).toBe('nothing');
});

test.each([
  [[], 'Say what to do'],
  [['walk', '+15551230001'], 'Say what to do'],
  [['move', '+15551230001'], 'Say to which computer'],
  [['move', '+15551230001', 'East!'], 'is no name of a computer'],
  [['drain'], 'Say which computer'],
  [['drain', 'east', 'west'], 'One computer'],
  [['drain', 'east', '--before', '2026-11-30'], '--before goes with restore'],
  [['move', '+15551230001', 'east', '--undo'], '--undo goes with drain'],
  [['restore'], 'Say for which number'],
  [['restore', '12'], 'must be a phone number'],
  [['restore', '+15551230001', '+15551230002'], 'One person'],
  [['restore', '+15551230001', '--before', 'noon'], '--before takes a moment'],
  [['restore', '+15551230001', '--before', '2026-13-01'], '--before takes a moment'],
  [['snapshots', '+15551230001', '--before', '2026-11-30'], '--before goes with restore'],
])('the wrong command line %j is a sentence', (args, sentence) => {
  expect(() => parsePeopleOptions(args)).toThrow(sentence);
});

test('a command whose Redis is not there ends with a sentence', async () => {
  const { code, output } = await runEntry('relay/people/main.ts', ['drain', 'east'], tmpdir(), {
    PATH: process.env['PATH'] ?? '',
    REDIS_URL: `redis://:topsecret@127.0.0.1:${await freePort(0)}`,
  });
  expect([code, output.split('\n')]).toEqual([
    1,
    [expect.stringMatching(/^Redis was not reached: .*ECONNREFUSED.*correct REDIS_URL/), ''],
  ]);
  expect(output).not.toContain('topsecret');
});

test('a moment without a zone is UTC', () => {
  const before = (text: string): unknown =>
    parsePeopleOptions(['restore', phone, '--before', text]);
  const nine = { before: Date.UTC(2026, 10, 30, 9) };
  expect(before('2026-11-30T09:00')).toMatchObject(nine);
  expect(before('2026-11-30T10:00+01:00')).toMatchObject(nine);
  expect(before('2026-11-30')).toMatchObject({ before: Date.UTC(2026, 10, 30) });
});

/** A worker on a disk of its own, with snapshots. */
type Disk = {
  worker: Awaited<ReturnType<Pipeline['startWorker']>>;
  /** A file in the person's home directory. */
  file(name: string): string;
};

async function startOn(
  pipeline: Pipeline,
  directory: string,
  change: Parameters<Pipeline['startWorker']>[0] = {},
): Promise<Disk> {
  const worker = await pipeline.startWorker({
    snapshots: quick,
    ...change,
    environment: {
      DATA_DIR: path.join(directory, 'disk'),
      SNAPSHOT_REPOSITORY: path.join(directory, 'store'),
      SNAPSHOT_PASSWORD: 'a password of the test',
      ...change.environment,
    },
  });
  const person = await createPeopleStore(pipeline.redis).idOf(phone);
  const home = path.join(directory, 'disk', 'people', person);
  return { worker, file: (name) => path.join(home, 'home', name) };
}

async function answered(pipeline: Pipeline, text: string): Promise<void> {
  await pipeline.say(text);
  await until(`the answer to ${text}`, () => said(pipeline).includes(`answer to ${text}`));
}

function said({ replies }: Pipeline): string[] {
  return replies().map(({ text }) => text);
}

/** Waits for a snapshot that is newer than another, and returns its moment. */
async function snapshotAfter({ redis }: Pipeline, at: number): Promise<number> {
  const person = await createPeopleStore(redis).idOf(phone);
  const last = await until('a snapshot', async () => {
    const found = await createHomeSnapshots(redis).last(person);
    return found && found.at > at ? found : undefined;
  });
  return last.at;
}

test.skipIf(noRestic !== '')(
  `what a person had comes back to a new disk before their next answer, they hear of it once, and one command brings back an earlier state${noRestic}`,
  async () => {
    await withPipeline({}, async (pipeline) => {
      const directory = path.dirname(pipeline.dataDir);
      const one = await startOn(pipeline, directory);
      await answered(pipeline, 'one');
      const first = await snapshotAfter(pipeline, 0);
      await mkdir(path.dirname(one.file('kept')), { recursive: true });
      await writeFile(one.file('kept'), 'first');
      await answered(pipeline, 'two');
      const second = await snapshotAfter(pipeline, first);
      await one.worker.stop();

      await rm(path.join(directory, 'disk'), { recursive: true });
      const other = await startOn(pipeline, directory);
      await answered(pipeline, 'three');
      expect(await readFile(other.file('kept'), 'utf8')).toBe('first');
      const back = said(pipeline).filter((text) => text.startsWith('Your files are back'));
      expect(back).toHaveLength(1);
      expect(said(pipeline).indexOf(back[0] ?? '')).toBeLessThan(
        said(pipeline).indexOf('answer to three'),
      );

      // What was written since is set aside by a restore that is asked for.
      await writeFile(other.file('kept'), 'second');
      const lines: string[] = [];
      const say = (line: string): unknown => lines.push(line);
      const moment = new Date(second + 1000).toISOString().replace('.000', '');
      const options = parsePeopleOptions(['restore', phone, '--before', moment]);
      if (options === 'help') throw new Error('no help was asked for');
      await runPeopleCommand(options, { redis: pipeline.redis, say, everyMs: 20 });
      expect(lines).toEqual([
        'Asked the worker …',
        `Done: restored from ${new Date(second).toISOString()}.`,
      ]);
      expect(await readFile(other.file('kept'), 'utf8')).toBe('first');
      const people = path.join(directory, 'disk', 'people');
      const aside = (await readdir(people)).find((name) => name.startsWith('.aside-')) ?? '';
      expect(await readFile(path.join(people, aside, 'home', 'kept'), 'utf8')).toBe('second');
      await answered(pipeline, 'four');
      expect(said(pipeline).filter((text) => text.startsWith('Your files are back'))).toHaveLength(
        2,
      );
    });
  },
);
