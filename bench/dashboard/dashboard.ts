import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import { countCommands } from '../../simulator/idle-cost/command-count.ts';
import { withRelayStage } from '../relay-stage.ts';
import type { RelayStage } from '../relay-stage.ts';
import type { BenchOptions, Row, Section, SectionResult } from '../section.ts';
import { formatNumber, median, percentile } from '../statistics.ts';
import { fillTurns, numberOf, sidOf, timeOf } from './kept-turns.ts';

const sizes = { full: { turns: 20_000, requests: 200 }, quick: { turns: 2000, requests: 40 } };

/** How soon 19 of 20 pages must be there (ms), and how many commands a page may cost. */
const most = { p95Ms: 300, commands: 40 };

type Kind = { what: string; pathOf: (index: number) => string };

const query = (path: string, given: Record<string, string>): string =>
  `${path}?${new URLSearchParams(given).toString()}`;

/** The pages of the list, and searches with every filter; `index` varies what is asked for. */
function kindsOf(turns: number): Kind[] {
  const list = (given: Record<string, string>): string => query('/admin/turns', given);
  const some = (index: number): number => (index * 7919) % turns;
  const dayOf = (index: number): string => new Date(timeOf(index)).toISOString().slice(0, 10);
  const cursor = (index: number): string => `${timeOf(index)}.${sidOf(index)}`;
  return [
    { what: 'the newest turns', pathOf: () => list({}) },
    { what: 'an older page', pathOf: (index) => list({ after: cursor(some(index)) }) },
    { what: 'words that one turn has', pathOf: (index) => list({ q: `NUMBER ${some(index)} ` }) },
    { what: 'words that no turn has', pathOf: (index) => list({ q: `zebra ${index}` }) },
    { what: 'a number', pathOf: (index) => list({ q: numberOf(index).slice(1) }) },
    { what: 'a person', pathOf: (index) => list({ person: numberOf(index) }) },
    {
      what: 'words of a person',
      pathOf: (index) => list({ person: numberOf(index), q: `log number ${some(index)}` }),
    },
    { what: 'a day', pathOf: (index) => list({ day: dayOf(some(index)) }) },
    {
      what: 'words of a day',
      pathOf: (index) => list({ day: dayOf(some(index)), q: `number ${some(index)}` }),
    },
    { what: 'failed', pathOf: () => list({ state: 'failed' }) },
    { what: 'answered', pathOf: () => list({ state: 'answered' }) },
    { what: 'set aside', pathOf: () => list({ state: 'set aside' }) },
    {
      what: 'unanswered words',
      pathOf: (index) => list({ state: 'waiting', q: `number ${index}` }),
    },
    { what: 'the turns of a computer that has none', pathOf: () => list({ home: 'home-2' }) },
    { what: 'one turn', pathOf: (index) => `/admin/turns/${sidOf(some(index))}` },
    { what: 'the overview', pathOf: () => '/admin' },
    { what: 'a conversation', pathOf: (index) => `/admin/people/${numberOf(index)}` },
  ];
}

type Found = { kind: Kind; milliseconds: number[]; commands: number };

/** Signs in and returns what reads a page as the owner's browser; it throws without a page. */
async function signIn(port: number): Promise<(path: string) => Promise<string>> {
  const url = `http://127.0.0.1:${port}`;
  const answer = await fetch(`${url}/admin/sign-in`, {
    method: 'POST',
    body: new URLSearchParams({ password: 'bench' }),
    redirect: 'manual',
  });
  const Cookie = answer.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ');
  return async (path) => {
    const page = await fetch(url + path, {
      headers: { Cookie, Accept: 'text/html' },
      redirect: 'manual',
    });
    const text = await page.text();
    if (page.status !== 200) throw new Error(`${path} answers ${page.status}`);
    return text;
  };
}

async function measure(
  { quick, say, signal }: BenchOptions,
  stage: RelayStage,
): Promise<SectionResult> {
  const { turns, requests } = quick ? sizes.quick : sizes.full;
  await fillTurns(stage.redis, turns);
  const homes = createHomeRegistry(stage.redis);
  for (const name of ['home-1', 'home-2'])
    await homes.register(
      { name, id: name, worker: name, mayBeFirst: true },
      { address: undefined, secret: undefined, takes: undefined, version: 'bench' },
    );
  // Without https, so that the cookie comes over this connection.
  const relay = await stage.start('ours', {
    environment: { PUBLIC_URL: 'http://127.0.0.1:8080' },
  });
  await stage.untilReady(relay);
  const read = await signIn(relay.port);
  const found: Found[] = kindsOf(turns).map((kind) => ({ kind, milliseconds: [], commands: 0 }));
  // The first page loads the site.
  for (const { kind } of found) await read(kind.pathOf(0));
  for (let round = 1; round <= Math.ceil(requests / found.length); round += 1) {
    signal.throwIfAborted();
    for (const one of found) {
      const start = performance.now();
      await read(one.kind.pathOf(round));
      one.milliseconds.push(performance.now() - start);
    }
  }
  say('commands …');
  const count = await countCommands(`redis://127.0.0.1:${stage.redisPort}`);
  try {
    for (const one of found) {
      count.reset();
      await read(one.kind.pathOf(1));
      one.commands = count.read().total;
    }
  } finally {
    await count.stop();
  }
  return report(found, turns);
}

function report(found: Found[], turns: number): SectionResult {
  const all = found.flatMap(({ milliseconds }) => milliseconds);
  const p95 = percentile(all, 0.95);
  const slowest = found.toSorted((a, b) => median(b.milliseconds) - median(a.milliseconds));
  const dearest = found.toSorted((a, b) => b.commands - a.commands)[0];
  const row = ({ kind, milliseconds }: Found): Row => ({
    what: `the slowest kinds: ${kind.what}`,
    ours: `${formatNumber(median(milliseconds))} ms, at most ${formatNumber(Math.max(...milliseconds))} ms`,
  });
  return {
    rows: [
      {
        what: `${all.length} pages, lists and searches over ${turns.toLocaleString('en')} turns: p95`,
        ours: `${formatNumber(p95)} ms (median ${formatNumber(median(all))} ms)`,
        target: `≤ ${most.p95Ms} ms`,
        held: p95 <= most.p95Ms,
      },
      ...slowest.slice(0, 3).map(row),
      {
        what: `Redis commands of the page with the most, ${dearest?.kind.what}`,
        ours: String(dearest?.commands),
        target: `≤ ${most.commands}`,
        held: (dearest?.commands ?? Number.NaN) <= most.commands,
      },
    ],
    notes: [
      `Redis commands of a page: ${found.map(({ kind, commands }) => `${kind.what} ${commands}`).join(', ')}.`,
    ],
  };
}

export const dashboardSection: Section = {
  name: 'dashboard',
  title: 'The owner’s pages',
  method:
    'The relay as in production with 20,000 turns of 40 people kept in its Redis. One browser that is signed in asks for one page after the other: the list, older pages, searches for words that one turn, no turn and many turns have, by person, state, day and computer, turns, conversations and the overview, each in turn and each time for another one. Measured from the request to the last byte. Commands are counted apart, by Redis’s MONITOR without what scripts do inside.',
  run: (options) => withRelayStage(options, (stage) => measure(options, stage)),
};
