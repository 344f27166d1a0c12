import { z } from 'zod';
import { parseJson, toJson } from '../../runtime/json.ts';
import { FencedError } from '../boxes/inbox.ts';
import type { Fence } from '../boxes/inbox.ts';
import { callKey } from '../redis/idempotent.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { createRedisMemory } from '../redis/redis-memory.ts';
import type { RedisMemory } from '../redis/redis-memory.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

const at = z.number();
const id = z.string();

/** Why an output or a picture is not kept: Redis is nearly full, or the turn has used up its room. */
const Left = z.enum(['memory', 'room']);

/**
 * What has happened in a turn; `at` is ms since 1970. `run`: a worker takes the turn up, so what
 * ran in an earlier run was interrupted. `begin` and `end`: a step, of a helper if it has a `lane`
 * (the id of the step that has called it); `words` are those of the chat, `raw` is the call for the
 * owner. `task` and `task-end`: work in the background. `picture`: a small JPEG (base64). `asks`
 * and `asked`: a question waits for the person, and does no longer. `news`: something that is kept
 * elsewhere has changed.
 */
export const RecordEntry = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('run'), at }),
  z.object({
    kind: z.literal('begin'),
    at,
    id,
    words: z.string(),
    raw: z.string(),
    lane: z.string().optional(),
  }),
  z.object({
    kind: z.literal('end'),
    at,
    id,
    failed: z.boolean(),
    output: z.string().optional(),
    left: Left.optional(),
  }),
  z.object({
    kind: z.literal('task'),
    at,
    id,
    words: z.string(),
    isHelper: z.boolean(),
  }),
  z.object({ kind: z.literal('task-end'), at, id }),
  z.object({
    kind: z.literal('picture'),
    at,
    of: z.string(),
    base64: z.string().optional(),
    left: Left.optional(),
  }),
  z.object({ kind: z.literal('asks'), at, text: z.string() }),
  z.object({ kind: z.literal('asked'), at }),
  z.object({ kind: z.literal('news'), at }),
  z.object({ kind: z.literal('done'), at }),
]);
export type RecordEntry = z.infer<typeof RecordEntry>;

/**
 * What the live page of a turn is written from. Kept as long as pages are, so that it is the record
 * of the turn while the VM sleeps.
 */
export type TurnRecords = {
  /**
   * Appends to a turn's record; an output or a picture without room is left out of its entry.
   * Throws FencedError when another worker has the turn.
   */
  append(fence: Fence, turn: string, entries: readonly RecordEntry[]): Promise<void>;
  /**
   * The entries from the given number on, undefined for those that this version does not know. An
   * empty list also for a turn without a record.
   */
  read(turn: string, from?: number): Promise<(RecordEntry | undefined)[]>;
  /** The JPEG in the entry with this number; undefined if it has none. */
  picture(turn: string, entry: number): Promise<Buffer | undefined>;
  /** The newest turn of a conversation that has a record, among its last 20. */
  newest(conversation: string): Promise<string | undefined>;
  /** Deletes a turn's record. */
  drop(turn: string): Promise<void>;
};

/** The most entries of a record: a turn of 2,000 steps. The last one says that there were more. */
export const mostEntries = 4000;

/** What a turn's outputs, and its pictures, may take (bytes of JSON), and all records together. */
const [roomBytes, totalBytes] = [512 * 1024, 32 * 1024 * 1024];

const appendScript = loadScript(new URL('lua/append-steps.lua', import.meta.url), {
  keys: ['steps', 'sizes', 'times', 'call'],
  args: [
    'prefix',
    'turn',
    'entries',
    'nowMs',
    'lifetimeSeconds',
    'mostEntries',
    'roomBytes',
    'totalBytes',
  ],
  fence: 'required',
});

/** Records are kept for `retentionDays`. */
export function createTurnRecords(
  redis: Redis,
  retentionDays: number = usualRetentionDays,
  memory: Pick<RedisMemory, 'hasRoom'> = createRedisMemory(redis),
  now: () => number = Date.now,
  caps: { roomBytes: number; totalBytes: number } = { roomBytes, totalBytes },
): TurnRecords {
  const read = async (turn: string, from = 0): Promise<(RecordEntry | undefined)[]> =>
    (await redis.lrange(keys.steps(turn), from, -1)).map(parseEntry);
  return {
    read,
    async append(fence, turn, entries) {
      const isLarge = entries.some((entry) => roomOf(entry) !== '');
      const hasRoom = !isLarge || (await memory.hasRoom());
      const outcome = await runScript(redis, appendScript, {
        fence,
        keys: {
          steps: keys.steps(turn),
          sizes: keys.stepSizes,
          times: keys.stepTimes,
          call: callKey(),
        },
        args: {
          prefix,
          turn,
          entries: toJson(entries.map((entry) => variants(entry, hasRoom))),
          nowMs: now(),
          lifetimeSeconds: retentionSeconds(retentionDays),
          mostEntries,
          ...caps,
        },
      });
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
    },
    async picture(turn, entry) {
      const raw = await redis.lindex(keys.steps(turn), entry);
      const found = raw === null ? undefined : parseEntry(raw);
      return found?.kind === 'picture' && found.base64 !== undefined
        ? Buffer.from(found.base64, 'base64')
        : undefined;
    },
    async newest(conversation) {
      for (const turn of await redis.zrevrange(keys.turnsOf(conversation), 0, 19))
        if ((await redis.exists(keys.steps(turn))) === 1) return turn;
      return undefined;
    },
    async drop(turn) {
      // The next entry of any turn takes what it had out of the sizes, as of an expired record.
      await redis.multi().del(keys.steps(turn)).zadd(keys.stepTimes, 'XX', 0, turn).exec();
    },
  };
}

function parseEntry(raw: string): RecordEntry | undefined {
  return RecordEntry.safeParse(parseJson(raw)).data;
}

/** Whose room in the turn an entry takes. */
function roomOf(entry: RecordEntry): '' | 'output' | 'picture' {
  if (entry.kind === 'end' && entry.output !== undefined) return 'output';
  return entry.kind === 'picture' && entry.base64 !== undefined ? 'picture' : '';
}

/** The entry, what is kept of it without room, and whose room it takes. */
function variants(entry: RecordEntry, hasRoom: boolean): [string, string, string] {
  const room = roomOf(entry);
  if (room === '') return [JSON.stringify(entry), '', ''];
  const bare = (left: 'memory' | 'room'): string =>
    JSON.stringify({ ...entry, output: undefined, base64: undefined, left });
  return hasRoom ? [JSON.stringify(entry), bare('room'), room] : [bare('memory'), '', ''];
}
