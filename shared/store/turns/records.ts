import { z } from 'zod';
import { parseJson } from '../../runtime/json.ts';
import { FencedError } from '../boxes/inbox.ts';
import type { Fence } from '../boxes/inbox.ts';
import { parseUse } from '../money/spend.ts';
import type { ModelUse } from '../money/spend.ts';
import { callKey } from '../redis/idempotent.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { createRedisMemory } from '../redis/redis-memory.ts';
import type { RedisMemory } from '../redis/redis-memory.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { fieldsOf, runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';
import { recordNote } from './record-note.ts';
import type { EntryForms, RecordCaps } from './record-note.ts';

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
   * Ends the record of a run of the turn, also one that it has to begin, and returns what the turn
   * has cost so far, over all of its runs. Throws FencedError.
   */
  end(fence: Fence, turn: string): Promise<ModelUse>;
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

const appendScript = loadScript(new URL('lua/append-steps.lua', import.meta.url), {
  keys: ['call'],
  args: ['prefix', 'turn', 'record', 'nowMs', 'lifetimeSeconds'],
  fence: 'required',
});

const endScript = loadScript(new URL('lua/end-record.lua', import.meta.url), {
  keys: ['turnSums'],
  args: ['prefix', 'turn', 'record', 'nowMs', 'lifetimeSeconds'],
  fence: 'required',
});

const Sums = z.array(z.string());

/** Records are kept for `retentionDays`. */
export function createTurnRecords(
  redis: Redis,
  retentionDays: number = usualRetentionDays,
  memory: Pick<RedisMemory, 'hasRoom'> = createRedisMemory(redis),
  now: () => number = Date.now,
  caps?: RecordCaps,
): TurnRecords {
  const argsOf = (turn: string, record: string) => ({
    prefix,
    turn,
    record,
    nowMs: now(),
    lifetimeSeconds: retentionSeconds(retentionDays),
  });
  const read = async (turn: string, from = 0): Promise<(RecordEntry | undefined)[]> =>
    (await redis.lrange(keys.steps(turn), from, -1)).map(parseEntry);
  return {
    read,
    async append(fence, turn, entries) {
      const isLarge = entries.some((entry) => roomOf(entry) !== '');
      const hasRoom = !isLarge || (await memory.hasRoom());
      const outcome = await runScript(redis, appendScript, {
        fence,
        keys: { call: callKey() },
        args: argsOf(
          turn,
          recordNote(
            entries.map((entry) => variants(entry, hasRoom)),
            caps,
          ),
        ),
      });
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
    },
    async end(fence, turn) {
      const done: RecordEntry = { kind: 'done', at: now() };
      const outcome = await runScript(redis, endScript, {
        fence,
        keys: { turnSums: keys.spendTurn(turn) },
        args: argsOf(turn, recordNote([variants(done, true)], caps)),
      });
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      return parseUse(fieldsOf(Sums.parse(outcome)));
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
function variants(entry: RecordEntry, hasRoom: boolean): EntryForms {
  const room = roomOf(entry);
  if (room === '') return [JSON.stringify(entry), '', ''];
  const bare = (left: 'memory' | 'room'): string =>
    JSON.stringify({ ...entry, output: undefined, base64: undefined, left });
  return hasRoom ? [JSON.stringify(entry), bare('room'), room] : [bare('memory'), '', ''];
}
