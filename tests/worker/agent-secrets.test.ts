import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { keys } from '../../shared/keys.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import { runScriptedModel } from '../../simulator/model/scripted-model.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { findMarked } from '../../worker/agent/processes.ts';
import { attacks } from '../support/attacks.ts';
import { withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { startSeparateWorker, whyNotSeparate } from '../support/separate-worker.ts';
import type { SeparateWorker } from '../support/separate-worker.ts';
import { until } from '../support/until.ts';

const reason = whyNotSeparate();

/** `break in`: runs every attack and keeps what each has printed, then tries to have files sent that are not the agent's. */
const burglar = (lines: () => string[], files: () => string[]): Story => ({
  matches: (asked) => asked === 'break in',
  next({ results }) {
    const line = lines()[results.length];
    if (line !== undefined) return callTool('Bash', { command: `mkdir -p loot; { ${line}; } > loot/${results.length} 2>&1; wc -c loot/${results.length}`, description: 'look around', timeout: 60_000 });
    const file = files()[results.length - lines().length];
    return file === undefined ? text(results.slice(lines().length).map((result) => result.text).join('\n')) : callTool('mcp__whatsapp__send_file', { path: file });
  },
});

type House = Pipeline & { environment: Record<string, string>; secrets: Record<string, string>; workspace: string; start(change?: Record<string, string>, user?: 'worker' | 'agent'): Promise<SeparateWorker>; told(): string };

/** The whole system with a Redis that asks for a password, and a worker and an agent of different users. */
async function withHouse(stories: Story[], use: (house: House) => Promise<void>): Promise<void> {
  const invent = (): string => randomBytes(12).toString('hex');
  const secrets = { redis: invent(), model: `sk-ant-api03-${invent()}`, wake: invent(), transcriber: invent(), twilio: 'test-auth-token' };
  const model = await runScriptedModel({ quiet: true, stories });
  const workers: SeparateWorker[] = [];
  try {
    await withPipeline({ environment: { WAKE_SECRET: secrets.wake } }, async (pipeline) => {
      await pipeline.redis.config('SET', 'requirepass', secrets.redis);
      const environment = {
        ...pipeline.environment, PORT: '0', WORKER_ID: `house-${invent()}`, REDIS_URL: pipeline.environment['REDIS_URL']?.replace('://', `://default:${secrets.redis}@`) ?? '',
        ANTHROPIC_API_KEY: secrets.model, ANTHROPIC_BASE_URL: model.url, TRANSCRIBE_API_KEY: secrets.transcriber, GITHUB_TOKEN: 'github_pat_reachable', LOG_LEVEL: 'debug',
      };
      await use({
        ...pipeline, environment, secrets, workspace: path.join(pipeline.dataDir, 'workspaces', '15551230001'),
        told: () => JSON.stringify(model.requests),
        async start(change = {}, user = 'worker') {
          const worker = await startSeparateWorker({ ...environment, ...change }, user);
          workers.push(worker);
          return worker;
        },
      });
      await Promise.all(workers.map((worker) => worker.stop()));
      expect((await findMarked()).filter(({ mark }) => mark.startsWith(`${environment.WORKER_ID}#`))).toEqual([]);
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.stop('SIGKILL')));
    await model.stop();
  }
}

/** Everything in the agent's files, by path. */
async function filesOf(dir: string): Promise<Map<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file): Promise<[string, string]> => [file, await readFile(file, 'latin1').catch(() => '')])));
}

/** What has arrived as files in the chat, as media or behind a link. */
async function filesSent({ replies }: House): Promise<string[]> {
  const urls = replies().flatMap((reply) => [...reply.media.map((media) => media.url), ...(reply.text.match(/https?:\/\/\S+\/media\/\S+/g) ?? [])]);
  return await Promise.all(urls.map(async (url) => Buffer.from(await (await fetch(url)).arrayBuffer()).toString('latin1')));
}

const doorOf = (worker: SeparateWorker): string => /"url":"([^"]+)"[^\n]*the worker is ready/.exec(worker.output())?.[1] ?? '';

/** Sends the burglar in, with the attacks that are to be tried, and tells what was got: what each attack printed, by its name, and all files of the agent. */
async function breakIn(user: 'worker' | 'agent', isTried: (attack: string) => boolean, use: (got: { loot: Map<string, string>; files: Map<string, string>; house: House; worker: SeparateWorker }) => Promise<void>): Promise<void> {
  let plan: Record<string, string> = {};
  let wanted: string[] = [];
  await withHouse([burglar(() => Object.values(plan), () => wanted)], async (house) => {
    const outerDir = path.dirname(house.dataDir);
    const worker = await house.start({}, user);
    plan = Object.fromEntries(Object.entries(attacks({
      workerPid: worker.pid, doorUrl: doorOf(worker), relayUrl: house.relayUrl, redisPort: house.redisServer.port, twilioUrl: house.twin.url, codeDir: path.join(import.meta.dirname, '..', '..'), outerDir,
    })).filter(([name]) => isTried(name)));
    wanted = ['leak.txt', 'out.txt', `/proc/${worker.pid}/environ`, '/proc/self/environ', '/etc/shadow', '/root/.profile'];
    await house.say('break in');
    await until('the burglar’s report', () => house.replies().some((reply) => reply.text.includes('/etc/shadow')), 400_000, 100);
    const files = await filesOf(house.dataDir);
    await use({ loot: new Map(Object.keys(plan).map((name, index) => [name, files.get(path.join(house.workspace, 'loot', String(index))) ?? ''])), files, house, worker });
  });
}

describe.skipIf(reason !== undefined)(`with an agent of another user${reason ? ` (not here: ${reason})` : ''}`, () => {
  test('nothing that the agent runs gets at a secret of the worker, whatever way it tries', async () => {
    await breakIn('worker', () => true, async ({ loot, files, house, worker }) => {
      expect(loot.get('its own environment')).toMatch(/^uid=65534\(nobody\) gid=65534\(nogroup\) groups=65534\(nogroup\),\d+$/m);
      expect(loot.get('its own environment')).toMatch(/^CapEff:\s+0+$/m);
      expect(loot.get('its own environment')).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(loot.get('its own environment')).toMatch(/^ANTHROPIC_API_KEY=sk-ant-api03-/m);
      expect(loot.get('every environment')).toContain('SIDEPOCKET_AGENT=');
      expect(loot.get('Redis')).toContain('NOAUTH');
      expect(loot.get('the way to the model')).toMatch(/^HTTP\/1\.1 200/m);
      // Every attack was really made: each has printed something, if only that it was refused.
      expect([...loot].filter(([, printed]) => printed === '').map(([name]) => name)).toEqual([]);

      // Files are sent with the agent's rights: what is not its own is no file, and of /proc/self it is shown its own.
      const sent = await filesSent(house);
      expect(sent).toEqual([expect.stringMatching(/^PATH=[^\0]*\0(PWD=[^\0]*\0)?$/)]);
      const told = [house.told(), JSON.stringify(house.replies()), ...sent].join('\n');
      const found = Object.entries(house.secrets).flatMap(([name, secret]) => [
        ...(told.includes(secret) ? [`${name} was told`] : []),
        ...[...files].filter(([, content]) => content.includes(secret)).map(([file]) => `${name} in ${file}`),
      ]);
      expect(found).toEqual([]);
      await expect(readFile(path.join(import.meta.dirname, '..', '..', 'evil'))).rejects.toThrow('ENOENT');

      // It has neither ended the worker nor taken its place: the next message is answered, and a file that comes in goes nowhere but where the agent may write.
      await house.twin.chat.receive('+15551230001', { text: 'what is in this picture?', media: { name: 'a.png', type: 'image/png', base64: Buffer.from('no picture').toString('base64') } });
      const before = house.replies().length;
      await until('an answer', () => house.replies().length > before);
      expect((await readdir(path.dirname(house.dataDir))).toSorted()).toEqual(['data', 'redis']);
      expect(worker.process.exitCode).toBe(null);
      expect(worker.output()).toContain('the agent runs as a user of its own');
      for (const secret of Object.values(house.secrets)) expect(worker.output()).not.toContain(secret);
    });
  });

  test('where worker and agent are one user, as the log says, no environment shows a secret either', async () => {
    await breakIn('agent', (attack) => attack === 'its own environment' || attack === 'every environment', async ({ loot, house, worker }) => {
      expect(worker.output()).toContain('the agent runs as the worker’s own user: what it runs could read the worker’s secrets');
      const all = loot.get('every environment') ?? '';
      // It does look into the worker's own.
      expect(all).toContain('SIDEPOCKET_ENVIRONMENT_FD=');
      expect(Object.entries(house.secrets).filter(([, secret]) => all.includes(secret)).map(([name]) => name)).toEqual([]);
      expect(loot.get('its own environment')).not.toContain(house.secrets['model']);
    });
  });

  test('a killed worker’s processes are ended by the next boot, which goes on with the session', async () => {
    await withHouse([], async (house) => {
      const first = await house.start();
      await house.say('run (setsid sleep 1000 > /dev/null 2>&1 &) ; echo $$ > shell.pid; sleep 500');
      const mark = `${house.environment['WORKER_ID'] ?? ''}#`;
      const running = async (): Promise<number> => (await findMarked()).filter((found) => found.mark.startsWith(mark)).length;
      await until('the command', async () => (await readFile(path.join(house.workspace, 'shell.pid'), 'utf8').catch(() => '')) !== '');
      expect(await running()).toBeGreaterThan(2);
      await first.stop('SIGKILL');

      const second = await house.start();
      expect(second.output()).toContain('ended what an earlier boot left running');
      const resumed = (): boolean => house.told().includes('You were interrupted while working');
      await until('the note that the work was interrupted, by which the transcript was read', resumed);
      await house.say('stop');
      await until('the answer to stop', () => house.replies().some((reply) => reply.text.startsWith('Stopped')));
      await second.stop();
      expect(await running()).toBe(0);
    });
  });

  test('git and gh are signed in to GitHub, other addresses get nothing', async () => {
    const ask = (host: string): string => `printf 'protocol=https\\nhost=${host}\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill 2>&1`;
    await withHouse([], async (house) => {
      await house.start();
      await house.say(`run env | grep -c github_pat; ${ask('github.com')}; ${ask('example.com')}; stat -c '%a %U' ~/.config/gh/hosts.yml`);
      const reply = await until('the answer', () => house.replies().find(({ text }) => text.includes('nobody')));
      expect(reply.text).toContain('username=x-access-token\npassword=github_pat_reachable');
      expect(reply.text).toContain("could not read Username for 'https://example.com'");
      expect(reply.text).toContain('600 nobody');
      expect(reply.text.split('\n').find((line) => /^\d+$/.test(line))).toBe('0');
    });
  });

  test('a worker that cannot give the agent what it needs says so and does not start', async () => {
    await withHouse([], async (house) => {
      await expect(house.start({ AGENT_USER: 'somebody-else' })).rejects.toThrow('AGENT_USER: there is no user “somebody-else” on this machine');
      await expect(house.start({ AGENT_USER: 'root' })).rejects.toThrow('AGENT_USER: the agent must not be root');
      await expect(house.start({ IMAGES_DIR: '/root/pictures' })).rejects.toThrow('AGENT_USER: the user “nobody” cannot work here: /root/pictures was not made');
      // A boot that is counted fences off the earlier ones: none of these may end a worker that works.
      expect(await house.redis.exists(keys.boots(house.environment['WORKER_ID'] ?? ''))).toBe(0);
    });
  });
});
