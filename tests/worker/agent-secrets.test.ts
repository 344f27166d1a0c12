import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
import { attacks } from '../support/attacks.ts';
import { holdOpen } from '../support/hold-open.ts';
import { createLinkBrowser } from '../support/link-browser.ts';
import { withHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { seal } from '../support/seal.ts';
import { whyNotSeparate } from '../support/separate-worker.ts';
import type { SeparateWorker } from '../support/separate-worker.ts';
import { workspaceOf } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const reason = whyNotSeparate();

type Attack = [name: string, line: string];

/**
 * How many attacks are made by one command: each has its own shell and its own file of what it
 * printed.
 */
const atOnce = 6;

/**
 * `break in`: runs every attack and keeps what each has printed, then tries to have files sent that
 * are not the agent's.
 */
const burglar = (burglary: Burglary): Story => ({
  matches: (asked) => asked === 'break in',
  next({ results }) {
    const { attacks: tried, files } = burglary;
    const first = results.length * atOnce;
    const now = tried.slice(first, first + atOnce);
    if (now.length > 0) {
      const lines = now.map(([, line], index) => `( ${line}\n) > loot/${first + index} 2>&1`);
      const command = ['mkdir -p loot', ...lines, 'wc -c loot/*'].join('\n');
      return callTool('Bash', { command, description: 'look around', timeout: 300_000 });
    }
    const asked = Math.ceil(tried.length / atOnce);
    const file = files[results.length - asked];
    if (file !== undefined) return callTool('mcp__whatsapp__send_file', { path: file });
    return text(['That was all.', ...results.slice(asked).map((result) => result.text)].join('\n'));
  },
});

/** What the burglar is to try next. */
type Burglary = { attacks: Attack[]; files: string[] };

type Guarded = House & { burglary: Burglary };

/** A house whose model is the burglar. */
async function withBurglar(use: (house: Guarded) => Promise<void>): Promise<void> {
  const burglary: Burglary = { attacks: [], files: [] };
  await withHouse({ stories: [burglar(burglary)] }, (house) => use({ ...house, burglary }));
}

/** Everything in the agent's files, by path. */
async function filesOf(dir: string): Promise<Map<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      files.map(async (file): Promise<[string, string]> => [
        file,
        await readFile(file, 'latin1').catch(() => ''),
      ]),
    ),
  );
}

/** What has arrived as files in the chat, as media or behind a link. */
async function filesSent({ replies }: House): Promise<string[]> {
  const urls = replies().flatMap((reply) => [
    ...reply.media.map((media) => media.url),
    ...(reply.text.match(/https?:\/\/\S+\/media\/\S+/g) ?? []),
  ]);
  return await Promise.all(
    urls.map(async (url) => Buffer.from(await (await fetch(url)).arrayBuffer()).toString('latin1')),
  );
}

const doorOf = (worker: SeparateWorker): string =>
  /"url":"([^"]+)"[^\n]*the worker is ready/.exec(worker.output())?.[1] ?? '';

type Aim = { isTried?: (attack: string) => boolean; wanted?: string[] };
type Got = { loot: Map<string, string>; files: Map<string, string> };

/**
 * Sends the burglar in, with the attacks that are to be tried, and tells what was got: what each
 * attack printed, by its name, and all files of the agent.
 */
async function breakIn(
  house: Guarded,
  worker: SeparateWorker,
  { isTried = () => true, wanted = [] }: Aim,
): Promise<Got> {
  const tried = Object.entries(
    attacks({
      workerPid: worker.pid,
      doorUrl: doorOf(worker),
      relayUrl: house.relayUrl,
      redisPort: house.redisServer.port,
      twilioUrl: house.twin.url,
      codeDir: path.join(import.meta.dirname, '..', '..'),
      outerDir: path.dirname(house.dataDir),
      redisDir: house.redisServer.dir,
    }),
  ).filter(([name]) => isTried(name));
  Object.assign(house.burglary, { attacks: tried, files: wanted });
  await house.say('break in');
  const isReport = (reply: { text: string }): boolean => reply.text.includes('That was all.');
  await until('the burglar’s report', () => house.replies().some(isReport), 400_000, 100);
  const files = await filesOf(house.dataDir);
  const loot = path.join(await workspaceOf(house), 'loot');
  const printed = (index: number): string => files.get(path.join(loot, String(index))) ?? '';
  return { loot: new Map(tried.map(([name], index) => [name, printed(index)])), files };
}

/** Enters a secret of a person on its page, and returns it once the worker has it. */
async function enterSecret({ say, replies }: House, from: string): Promise<string> {
  const value = randomBytes(12).toString('hex');
  await say('/secret THEIR_KEY', from);
  const url = await until('the link', () =>
    replies(from)
      .map(({ text }) => /https?:\/\/\S+\/link\/\S+/.exec(text)?.[0])
      .find((found) => found !== undefined),
  );
  const browser = createLinkBrowser();
  const page = await (await browser.get(url)).text();
  await browser.post(url, { sealed: seal(value, /data-key="([\w-]+)"/.exec(page)?.[1] ?? '') });
  await until('it is set', () =>
    replies(from).some(({ text }) => text.startsWith('THEIR_KEY is set.')),
  );
  return value;
}

describe.skipIf(reason !== undefined)(
  `with an agent of another user${reason ? ` (not here: ${reason})` : ''}`,
  () => {
    const house = holdOpen(withBurglar);

    test(
      'git and gh are signed in to GitHub, other addresses get nothing',
      { tags: 'long' },
      async () => {
        const { worker, say, replies } = house();
        const ask = (host: string): string =>
          `printf 'protocol=https\\nhost=${host}\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill 2>&1`;
        await worker();
        const look = "stat -c '%a %U' ~/.config/gh/hosts.yml";
        await say(
          `run env | grep -c github_pat; ${ask('github.com')}; ${ask('example.com')}; ${look}`,
        );
        const reply = await until('the answer', () =>
          replies().find(({ text }) => text.includes('nobody')),
        );
        expect(reply.text).toContain('username=x-access-token\npassword=github_pat_reachable');
        expect(reply.text).toContain("could not read Username for 'https://example.com'");
        expect(reply.text).toContain('600 nobody');
        expect(reply.text.split('\n').find((line) => /^\d+$/.test(line))).toBe('0');
      },
    );

    test('nothing that the agent runs gets at a secret of the worker, whatever way it tries', async () => {
      const worker = await house().worker();
      const { dataDir, secrets, replies, told, twin } = house();
      const environments = [`/proc/${worker.pid}/environ`, '/proc/self/environ'];
      const theirs = await enterSecret(house(), otherPhone);
      const wanted = ['leak.txt', 'out.txt', ...environments, '/etc/shadow', '/root/.profile'];
      const { loot, files } = await breakIn(house(), worker, { wanted });
      expect(loot.get('its own environment')).toMatch(
        /^uid=(\d{3,})\S* gid=\1\S* groups=\1\S*,\d+$/m,
      );
      expect(loot.get('its own environment')).toMatch(/^CapEff:\s+0+$/m);
      expect(loot.get('its own environment')).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(loot.get('its own environment')).toMatch(/^ANTHROPIC_API_KEY=sk-ant-api03-/m);
      expect(loot.get('every environment')).toContain('SIDEPOCKET_AGENT=');
      expect(loot.get('Redis')).toContain('NOAUTH');
      expect(loot.get('the secrets of others')).toContain('Permission denied');
      expect(loot.get('the secrets of others')).toContain('HTTP/1.1 401');
      expect(loot.get('the way to the model')).toMatch(/^HTTP\/1\.1 200/m);
      // Every attack was really made: each has printed something, if only that it was refused.
      expect([...loot].filter(([, printed]) => printed === '').map(([name]) => name)).toEqual([]);

      // Files are sent with the agent's rights: what is not its own is no file, and of /proc/self
      // it is shown its own.
      const sent = await filesSent(house());
      expect(sent).toEqual([expect.stringMatching(/^PATH=[^\0]*\0(PWD=[^\0]*\0)?$/)]);
      const heard = [told(), JSON.stringify(replies()), ...sent].join('\n');
      const key = await readFile(path.join(dataDir, 'sealed', 'key'));
      const sought = { ...secrets, theirs, key: key.toString('base64') };
      const found = Object.entries(sought).flatMap(([name, secret]) => [
        ...(heard.includes(secret) ? [`${name} was told`] : []),
        ...[...files]
          .filter(([, content]) => content.includes(secret))
          .map(([file]) => `${name} in ${file}`),
      ]);
      expect(found).toEqual([]);
      await expect(readFile(path.join(import.meta.dirname, '..', '..', 'evil'))).rejects.toThrow(
        'ENOENT',
      );

      // It has neither ended the worker nor taken its place: the next message is answered, and a
      // file that comes in goes nowhere but where the agent may write.
      const before = replies().length;
      const media = {
        name: 'a.png',
        type: 'image/png',
        base64: Buffer.from('no picture').toString('base64'),
      };
      await twin.chat.receive(phone, { text: 'what is in this picture?', media });
      await until('an answer', () => replies().length > before);
      expect((await readdir(path.dirname(dataDir))).toSorted()).toEqual(['data']);
      expect(worker.process.exitCode).toBe(null);
      expect(worker.output()).toContain('the agent runs as a user of its own');
      for (const secret of Object.values(secrets)) expect(worker.output()).not.toContain(secret);
    });

    test(
      'a killed worker’s processes are ended by the next boot, which goes on with the session',
      { tags: 'long' },
      async () => {
        const { environment, say, replies, told, start, ...rest } = house();
        const first = await rest.worker();
        await say('run (setsid sleep 1000 > /dev/null 2>&1 &) ; echo $$ > shell.pid; sleep 500');
        const mark = `${environment['WORKER_ID'] ?? ''}#`;
        const running = async (): Promise<number> =>
          (await findMarked()).filter((found) => found.mark.startsWith(mark)).length;
        const begun = path.join(await workspaceOf(house()), 'shell.pid');
        await until(
          'the command',
          async () => (await readFile(begun, 'utf8').catch(() => '')) !== '',
        );
        expect(await running()).toBeGreaterThan(2);
        await first.stop('SIGKILL');

        const second = await start();
        expect(second.output()).toContain('ended what an earlier boot left running');
        // By this note the transcript was read.
        await until('the note that the work was interrupted', () =>
          told().includes('You were interrupted while working'),
        );
        await say('stop');
        await until('the answer to stop', () =>
          replies().some((reply) => reply.text.startsWith('Stopped')),
        );
        await second.stop();
        expect(await running()).toBe(0);
      },
    );
  },
);

describe.skipIf(reason !== undefined)(
  `with less than it should have${reason ? ` (not here: ${reason})` : ''}`,
  () => {
    const house = holdOpen(withBurglar);

    test(
      'a worker that cannot give the agent what it needs says so and does not start',
      { tags: 'long' },
      async () => {
        const { start, redis, environment } = house();
        const nobody = 'AGENT_USER: there is no user “somebody-else” on this machine';
        await expect(start({ AGENT_USER: 'somebody-else' })).rejects.toThrow(nobody);
        await expect(start({ AGENT_USER: 'root' })).rejects.toThrow(
          'AGENT_USER: the agent must not be root',
        );
        const notMade = '/root/pictures cannot be made for the pictures (IMAGES_DIR)';
        await expect(start({ IMAGES_DIR: '/root/pictures' })).rejects.toThrow(notMade);
        // A boot that is counted fences off the earlier ones: none of these may end a worker that
        // works.
        expect(await redis.exists(keys.boots(environment['WORKER_ID'] ?? ''))).toBe(0);
      },
    );

    test(
      'where worker and agent are one user, as the log says, no environment shows a secret either',
      { tags: 'long' },
      async () => {
        const { start, secrets } = house();
        const worker = await start({}, 'agent');
        const isTried = (attack: string): boolean =>
          attack === 'its own environment' || attack === 'every environment';
        const { loot } = await breakIn(house(), worker, { isTried });
        expect(worker.output()).toContain(
          'the agent runs as the worker’s own user: what it runs could read the worker’s secrets',
        );
        const all = loot.get('every environment') ?? '';
        // It does look into the worker's own.
        expect(all).toContain('SIDEPOCKET_ENVIRONMENT_FD=');
        expect(
          Object.entries(secrets)
            .filter(([, secret]) => all.includes(secret))
            .map(([name]) => name),
        ).toEqual([]);
        expect(loot.get('its own environment')).not.toContain(secrets['model']);
      },
    );
  },
);
