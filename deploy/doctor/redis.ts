import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../shared/runtime/log.ts';
import { judgeRedis } from '../../shared/store/redis/redis-check.ts';
import { noFilesFrom, pressureFrom, shareOf } from '../../shared/store/redis/redis-memory.ts';
import type { MemoryUse } from '../../shared/store/redis/redis-memory.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { judgeClock } from './clock.ts';
import { checkComputers } from './computers.ts';
import { ok, problem, unchecked } from './finding.ts';
import type { Finding } from './finding.ts';

const about = 'Redis';
/**
 * How long connecting to Redis, and then its answer, may take (ms): a busy machine or a distant
 * Redis is not a fault.
 */
const patience = 15_000;

/**
 * Checks whether Redis is reachable and fit to store messages. Sends a handful of commands and
 * writes nothing.
 */
export async function checkRedisAt(url: string, log: Log): Promise<Finding[]> {
  const redis = connectRedis(url, 'patient', log);
  const late = new AbortController();
  try {
    await once(redis, 'ready', { signal: AbortSignal.timeout(patience) });
    const tooLate = sleep(patience, undefined, { signal: late.signal }).then(() =>
      Promise.reject(new Error('Redis did not answer in time')),
    );
    tooLate.catch(() => undefined);
    return await Promise.race([look(redis), tooLate]);
  } catch (error) {
    return [explainAbsence(url, error)];
  } finally {
    late.abort();
    redis.disconnect();
  }
}

async function look(redis: Redis): Promise<Finding[]> {
  const info = await redis.info();
  return [
    ...judgeServer(info),
    ...judgeKeeping(info, await readFsync(redis)),
    ...(await compareClocks(redis)),
    ...(await checkComputers(redis)),
  ];
}

/** @param info Redis's answer to INFO. */
export function judgeServer(info: string): Finding[] {
  const values = readInfo(info);
  const version = values.get('redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const findings =
    major > 6 || (major === 6 && minor >= 2)
      ? [ok(about, `version ${version}`)]
      : [problem(about, `version ${version || 'unknown'} is too old`, 'Use Redis 6.2 or later.')];
  if ((values.get('role') ?? 'master') !== 'master')
    findings.push(
      problem(about, 'it is a read-only replica', 'Put the address of the primary into REDIS_URL.'),
    );
  const [used, most] = [
    Number(values.get('used_memory') ?? 0),
    Number(values.get('maxmemory') ?? 0),
  ];
  if (used > 0) findings.push(judgeMemory({ usedBytes: used, mostBytes: most }));
  if (values.get('aof_last_write_status') === 'err')
    findings.push(
      problem(
        about,
        'it could not write to its disk',
        'Look at its log and the space on its disk.',
      ),
    );
  return findings;
}

/** Whether there is room for files, and for messages. */
function judgeMemory(use: MemoryUse): Finding {
  const [share, percent] = [shareOf(use), `${Math.floor(shareOf(use) * 100)} %`];
  const advice = 'Give it more memory (maxmemory), or take a larger plan.';
  if (use.mostBytes === 0)
    return ok(about, `uses ${megabytes(use.usedBytes)} of memory and has no limit of its own`);
  if (share >= pressureFrom)
    return problem(
      about,
      `it is ${percent} full; when it is full, messages wait at Twilio and are lost after a while`,
      advice,
    );
  if (share >= noFilesFrom)
    return problem(
      about,
      `it is ${percent} full; from 70 % on no new files and pages are kept`,
      advice,
    );
  return ok(about, `uses ${percent} of its ${megabytes(use.mostBytes)} of memory`);
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MB`;

/** @param fsync what `appendfsync` is set to; undefined when Redis does not say. */
export function judgeKeeping(info: string, fsync: string | undefined): Finding[] {
  const problems = judgeRedis(info).map((text) => {
    const [detail = text, ...advice] = text.split(/(?<=\.) (?=Set )/);
    return problem(
      about,
      detail.replace(/\.$/, ''),
      advice.join(' ') || 'See “Redis” in the README.',
    );
  });
  const isAppending = readInfo(info).get('aof_enabled') === '1';
  if (isAppending && fsync === 'everysec')
    problems.push(
      problem(
        about,
        'a power cut loses up to two seconds of messages (appendfsync everysec)',
        'Set appendfsync always.',
      ),
    );
  if (isAppending && fsync === 'no')
    problems.push(
      problem(
        about,
        'a power cut loses many seconds of messages (appendfsync no)',
        'Set appendfsync always.',
      ),
    );
  if (problems.length > 0) return problems;
  return isAppending
    ? [
        ok(
          about,
          `throws nothing away and writes ${fsync === 'always' ? 'to disk before it answers' : 'an append-only file'}`,
        ),
      ]
    : [
        unchecked(
          about,
          'how it keeps its data is up to its provider and cannot be seen from here',
        ),
      ];
}

/** A provider may refuse CONFIG. */
async function readFsync(redis: Redis): Promise<string | undefined> {
  try {
    const answer: unknown = await redis.config('GET', 'appendfsync');
    if (Array.isArray(answer)) return typeof answer[1] === 'string' ? answer[1] : undefined;
    if (typeof answer === 'object' && answer !== null && 'appendfsync' in answer)
      return String(answer.appendfsync);
    return undefined;
  } catch {
    return undefined;
  }
}

async function compareClocks(redis: Redis): Promise<Finding[]> {
  const [seconds, micros] = await redis.time();
  return [judgeClock('Redis', Date.now() - (Number(seconds) * 1000 + Number(micros) / 1000))];
}

function readInfo(info: string): Map<string, string> {
  return new Map(
    info
      .split(/\r?\n/)
      .map((line): [string, string] => [
        line.slice(0, line.indexOf(':')),
        line.slice(line.indexOf(':') + 1),
      ]),
  );
}

/** The address without its password. */
function placeOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 6379}`;
}

function explainAbsence(url: string, error: unknown): Finding {
  const text = error instanceof Error ? error.message : String(error);
  if (/WRONGPASS|NOAUTH|invalid password/i.test(text))
    return problem(
      about,
      `${placeOf(url)} does not accept the password`,
      'Correct the password in REDIS_URL (redis://default:PASSWORD@HOST:6379).',
    );
  const reason = /ENOTFOUND|EAI_AGAIN/.test(text)
    ? 'its name is not known'
    : /ECONNREFUSED/.test(text)
      ? 'nothing listens there'
      : 'it does not answer';
  const isPrivate = /\.(internal|flycast|upstash\.io)$/.test(new URL(url).hostname);
  return problem(
    about,
    `${placeOf(url)} was not reached: ${reason}`,
    isPrivate
      ? 'That address works inside Fly’s network only; use “npm run doctor -- --fly” from here.'
      : 'Start Redis, or correct REDIS_URL. A rediss:// address is needed where it wants TLS.',
  );
}
