import { z } from 'zod';
import { lazy } from '../runtime/lazy.ts';
import { homeOfQueue } from './homes/routes.ts';
import { keys, ofHome } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { keptJobs, retentionSeconds, usualRetentionDays } from './redis/retention.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

const mendScript = loadScript(new URL('lua/mend-job.lua', import.meta.url), {
  keys: ['job', 'lock', 'waiting', 'active', 'delayed', 'schedulers', 'dead'],
  args: ['id', 'of', 'lifetimeSeconds', 'now'],
  rest: 'changes',
});

/** BullMQ's names for the keys of a queue. */
const placeNames = {
  meta: 'meta',
  counter: 'id',
  waiting: 'wait',
  paused: 'paused',
  active: 'active',
  delayed: 'delayed',
  prioritized: 'prioritized',
  marker: 'marker',
  completed: 'completed',
  failed: 'failed',
  stalled: 'stalled',
  schedulers: 'repeat',
  events: 'events',
  limiter: 'limiter',
  byPriority: 'pc',
} as const;

type Place = keyof typeof placeNames;
const allPlaces = Object.keys(placeNames) as Place[];

const mendPlacesScript = loadScript(new URL('lua/mend-places.lua', import.meta.url), {
  keys: allPlaces,
  args: [],
});

/**
 * Moves those keys of a queue aside that are of another type than BullMQ's: every step of BullMQ
 * fails at them. What they held is found again by what waits without a job.
 */
export async function mendPlaces(redis: Redis, queue: string): Promise<void> {
  const entries = allPlaces.map((name) => [name, keys.job(queue, placeNames[name])]);
  await runScript(redis, mendPlacesScript, {
    keys: Object.fromEntries(entries) as Record<Place, string>,
    args: {},
  });
}

/** What BullMQ parses of a job or counts on with. */
const json = ['data', 'opts', 'progress', 'parent'] as const;
const counts = ['ats', 'atm', 'stc', 'ic'] as const;
const names = ['deid', 'rjk'] as const;
type Field = (typeof json | typeof counts | typeof names)[number];

/** A job's fields as Redis has them: text of other programs need not be UTF-8. */
type Stored = (field: Field) => Buffer;
const nothing = Buffer.alloc(0);

/** What is known of a job from elsewhere. */
type Known = {
  /** The conversation of a turn or a delivery. */
  conversation?: string | undefined;
  /** The data that the same schedule has in its other place. */
  data?: Buffer | undefined;
  /** BullMQ's options of a repeating schedule's run: when it repeats, and when it is due. */
  run?: { repeat: { pattern: string; tz?: string }; prevMillis: number } | undefined;
};

/** BullMQ's places of a queue's jobs. */
const places = ['active', 'wait', 'paused', 'delayed', 'prioritized', 'completed', 'failed'];

/** How many jobs one step reads. */
const batch = 200;

/**
 * Makes the jobs of a queue readable again that BullMQ cannot parse, or at which one of its scripts
 * fails: a hand edit, another version or a bad copy has left them. BullMQ throws at such a job
 * whenever it takes it up, and at every read of a list that has it. What the job says is put in
 * from elsewhere where it is known: the conversation of a turn or a delivery, the prompt of a
 * repeating schedule, which its next run has as well. Other unreadable text stays in the job's
 * data, as a JSON string, and its processor sets it aside. Safe to repeat. `where` may be only the
 * active jobs. Returns the number of changed jobs.
 */
export async function mendJobs(
  redis: Redis,
  queue: string,
  where: 'everywhere' | 'active' = 'everywhere',
): Promise<number> {
  await mendPlaces(redis, queue);
  const conversationsByJob = lazy(() => readConversations(redis, queue));
  let count = 0;
  const mend = async (
    key: string,
    what: { id: string; of: 'job' | 'scheduler' | 'next' },
    changes: (string | Buffer)[] | undefined,
  ): Promise<void> => {
    if (changes?.length === 0) return;
    const changed = await runScript(redis, mendScript, {
      keys: {
        job: key,
        lock: keys.jobLock(queue, what.id),
        waiting: keys.waitingJobs(queue),
        active: keys.active(queue),
        delayed: keys.delayed(queue),
        schedulers: keys.job(queue, 'repeat'),
        dead: keys.dead,
      },
      args: {
        ...what,
        lifetimeSeconds: retentionSeconds(usualRetentionDays),
        now: new Date().toISOString(),
      },
      rest: changes ?? [],
    });
    if (Number(changed) > 0) count += 1;
  };
  const mendJob = async (id: string): Promise<void> => {
    const stored = await read(redis, keys.job(queue, id));
    const conversation = stored?.('deid').toString() || (await conversationsByJob()).get(id);
    const known = { conversation, ...(await templateOf(redis, queue, id, stored)) };
    const what = { id, of: 'job' } as const;
    await mend(keys.job(queue, id), what, stored && changesOf(stored, known));
    if (conversation === undefined) return;
    // What BullMQ keeps for the time after this job.
    const later = keys.job(queue, `dn:${conversation}`);
    const next = await read(redis, later);
    if (!next || next('opts').length > 0)
      await mend(later, { id, of: 'next' }, next && changesOf(next, { conversation }));
  };

  const plan = await redis.zrange(keys.job(queue, 'repeat'), '0', '-1', 'WITHSCORES');
  for (let at = 0; at + 1 < plan.length; at += 2) {
    const [id = '', next = ''] = plan.slice(at, at + 2);
    const key = keys.job(queue, `repeat:${id}`);
    const [stored, run] = [await read(redis, key), await read(redis, `${key}:${next}`)];
    const changes = stored && changesOf(stored, { data: run?.('data') });
    await mend(key, { id, of: 'scheduler' }, changes);
  }
  const ids = await idsOf(redis, queue, where === 'active' ? ['active'] : places);
  for (let from = 0; from < ids.length; from += batch)
    await Promise.all(ids.slice(from, from + batch).map(mendJob));
  return count;
}

/** Whether an error of BullMQ says that it cannot read a job, or that a script of it fails there. */
export function isUnreadableJob(error: unknown): boolean {
  if (error instanceof SyntaxError || error instanceof TypeError) return true;
  return (
    error instanceof Error &&
    /WRONGTYPE|not an integer|Expected (?:\w+ ){1,5}but found|Failed to add repeatable job/.test(
      error.message,
    )
  );
}

/** Reads jobs of a queue, once more after they were mended if one of them cannot be read. */
export async function readMended<T>(
  redis: Redis,
  queue: string,
  readJobs: () => Promise<T>,
): Promise<T> {
  try {
    return await readJobs();
  } catch (error) {
    if (!isUnreadableJob(error)) throw error;
    await mendJobs(redis, queue);
    return await readJobs();
  }
}

/** Undefined for a key that is no hash. */
async function read(redis: Redis, key: string): Promise<Stored | undefined> {
  const all = [...json, ...counts, ...names];
  try {
    const values = await redis.hmgetBuffer(key, ...all);
    // An empty count is no number, a missing one is 0.
    const zero = Buffer.from('0');
    return (field) =>
      values[all.indexOf(field)] ?? (counts.some((count) => count === field) ? zero : nothing);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return undefined;
    throw error;
  }
}

/** The data and the times of the repeating schedule that a job is a run of. */
async function templateOf(
  redis: Redis,
  queue: string,
  id: string,
  stored: Stored | undefined,
): Promise<Pick<Known, 'data' | 'run'>> {
  const scheduler = stored?.('rjk').toString() ?? '';
  const key = keys.job(queue, `repeat:${scheduler}`);
  if (scheduler === '' || (await redis.zscore(keys.job(queue, 'repeat'), scheduler)) === null)
    return {};
  const [pattern, tz] = await redis.hmget(key, 'pattern', 'tz').catch(() => []);
  return {
    data: (await read(redis, key))?.('data'),
    run: pattern
      ? { repeat: { pattern, ...(tz ? { tz } : {}) }, prevMillis: Number(id.split(':').at(-1)) }
      : undefined,
  };
}

async function idsOf(redis: Redis, queue: string, where: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    where.map(async (place) => {
      const key = keys.job(queue, place);
      const kind = await redis.type(key);
      if (kind === 'list') return await redis.lrange(key, 0, -1);
      return kind === 'zset' ? await redis.zrange(key, '0', '-1') : [];
    }),
  );
  return [...new Set(found.flat())];
}

/** The waiting conversations by the jobs that they have in a queue of conversations. */
async function readConversations(redis: Redis, queue: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const [kind = ''] = queue.split('@');
  if (kind === 'schedules') return found;
  const waiting = await redis.smembers(ofHome(keys.conversations, homeOfQueue(kind, queue)));
  for (let from = 0; from < waiting.length; from += batch) {
    const some = waiting.slice(from, from + batch);
    const jobs = await redis.mget(some.map((one) => keys.deduplication(queue, one)));
    for (const [at, job] of jobs.entries()) if (job) found.set(job, some[at] ?? '');
  }
  return found;
}

const AnyObject = z.record(z.string(), z.unknown());

function parse(raw: Buffer): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(raw.toString()) };
  } catch {
    return undefined;
  }
}
const objectOf = (raw: Buffer): Record<string, unknown> | undefined =>
  AnyObject.safeParse(parse(raw)?.value).data;

/** The changes for the script: each field, its present value and the new one, '' for none. */
function changesOf(stored: Stored, { conversation, data, run }: Known): (string | Buffer)[] {
  const changes: (string | Buffer)[] = [];
  const change = (field: Field, to: string | Buffer): void =>
    void changes.push(field, stored(field), to);
  const [raw, opts, scheduler] = [stored('data'), stored('opts'), stored('rjk').toString()];

  const isRead = conversation === undefined ? parse(raw) : objectOf(raw);
  if (raw.length > 0 && !isRead) {
    const own = conversation === undefined ? undefined : JSON.stringify({ conversation });
    const copy = data && objectOf(data) ? data : undefined;
    change('data', own ?? copy ?? JSON.stringify(raw.toString()));
  }
  const known = opts.length === 0 ? {} : objectOf(opts);
  const isPlanned = scheduler === '' || AnyObject.safeParse(known?.['repeat']).success;
  if (!known || !isPlanned)
    change('opts', JSON.stringify({ ...known, ...optionsOf(conversation, run) }));
  // A run of no schedule is a single one.
  if (!isPlanned && !run) change('rjk', '');
  for (const field of json.slice(2))
    if (stored(field).length > 0 && !parse(stored(field))) change(field, '');
  for (const field of counts) if (!/^-?\d{1,15}$/.test(stored(field).toString())) change(field, '');
  if (conversation !== undefined && stored('deid').length === 0) change('deid', conversation);
  return changes;
}

/** The options of our jobs in BullMQ's short form. */
function optionsOf(conversation: string | undefined, run?: Known['run']): object {
  const kept = keptJobs(usualRetentionDays);
  return {
    removeOnComplete: kept,
    removeOnFail: kept,
    ...(conversation === undefined ? {} : { de: { id: conversation, keepLastIfActive: true } }),
    ...run,
  };
}
