import { readFile, readdir } from 'node:fs/promises';
import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { workspaceOf } from '../../worker/agent/homes/home.ts';
import { createHomes } from '../../worker/agent/homes/homes.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
import { withHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { hidingPlaces, personAttacks, servedPlaces } from '../support/person-attacks.ts';
import type { HidingPlace, Victim } from '../support/person-attacks.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { whyNotSeparate } from '../support/separate-worker.ts';
import { until } from '../support/until.ts';

const reason = whyNotSeparate();
const notHere = reason ? ` (not here: ${reason})` : '';

/**
 * Hides a random word in each place, and notes them in a file of the workspace: they are made by
 * the command, so that they are on no command line. The one in the browser is the page's content.
 */
const hide = `word() { printf '%s-%s\\n' "$(od -An -N8 -tx1 /dev/urandom | tr -d ' \\n')" "$1" | tee -a words; }
word workspace > secret.txt
word home > ~/secret
word temporary > "$TMPDIR/secret"
mkdir -p ~/../images/kept && word picture > ~/../images/kept/page.png
word transcript
HIDDEN=$(word environment) setsid sleep 600 > /dev/null 2>&1 &
word memory | setsid node -e 'let kept=""; process.stdin.on("data", (data) => (kept += data)); setInterval(() => kept.length, 500)' > /dev/null 2>&1 &
word socket > said; setsid node -e 'const words = require("fs").readFileSync("said"); require("fs").unlinkSync("said"); const path = process.env.TMPDIR + "/open.sock"; require("net").createServer((socket) => socket.end(words)).listen(path, () => require("fs").chmodSync(path, 0o777)); setInterval(() => 0, 1000)' > /dev/null 2>&1 &
printf '<title>x</title><script>document.title = location.hash.slice(1); document.body.textContent = document.title</script><p></p>' > page.html
until [ -S "$TMPDIR/open.sock" ]; do sleep 0.1; done
word media > media.txt
sleep 1; word page; word browser`;

/**
 * \`hide something\`: hides the words, opens a page with one of them in the browser, sends a file
 * with one, and has one in an answer that is long enough for a page.
 */
const hiding: Story = {
  matches: (asked) => asked === 'hide something',
  next({ results }) {
    if (results.length === 0)
      return callTool('Bash', { command: hide, description: 'hide something', timeout: 60_000 });
    const wordOf = (place: string): string =>
      new RegExp(`\\w{16}-${place}`).exec(results[0]?.text ?? '')?.[0] ?? '';
    if (results.length === 1)
      return callTool('mcp__playwright__browser_navigate', {
        url: `data:text/html,<p>${wordOf('browser')}</p>`,
      });
    if (results.length === 2) return callTool('mcp__whatsapp__send_file', { path: 'media.txt' });
    return text(`All is hidden.\n\n${'A line of many.\n\n'.repeat(400)}${wordOf('page')}`);
  },
};

/** What each person's burglar tries, by the words that send it out, and the files it asks for. */
type Plans = Map<string, { attacks: [string, string][]; files: string[] }>;

const breaking = (plans: Plans): Story => ({
  matches: (asked) => plans.has(asked),
  next({ results }, asked) {
    const { attacks = [], files = [] } = plans.get(asked) ?? {};
    const [attack, file] = [attacks[results.length], files[results.length - attacks.length]];
    if (attack) {
      const command = `mkdir -p loot\n( ${attack[1]}\n) > loot/${results.length} 2>&1; wc -c loot/*`;
      return callTool('Bash', { command, description: 'look around', timeout: 120_000 });
    }
    if (file !== undefined) return callTool('mcp__whatsapp__send_file', { path: file });
    return text(
      ['That was all.', ...results.slice(attacks.length).map((one) => one.text)].join('\n'),
    );
  },
});

type Person = Victim & {
  from: string;
  workspace: string;
  words: Record<HidingPlace, string>;
  /** What the relay serves of it, as the person's own links show it. */
  served: string[];
};

/** The processes that were started with something of this directory in their environment. */
async function pidsOf(directory: string): Promise<number[]> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')),
  );
  return pids.filter((_, index) => environments[index]?.includes(directory)).map(Number);
}

/**
 * The words behind the links that the person has got: so an address that was found would show them.
 */
async function servedOf(house: House, from: string): Promise<string[]> {
  const sent = JSON.stringify(house.replies(from));
  const [page = ''] = /http:[^"\\\s]+\/page\/[\w.-]+/.exec(sent) ?? [];
  const files = Object.entries(await house.redis.hgetall(keys.fileOwners));
  const own = files.filter(([, owner]) => owner === from);
  const addresses = [page, ...own.map(([token]) => `${house.relayUrl}/media/${token}`)];
  const shown = await Promise.all(
    addresses.map(async (address) => await (await fetch(address)).text()),
  );
  return servedPlaces.flatMap(
    (place) => new RegExp(`\\w{16}-${place}`).exec(shown.join('\n'))?.[0] ?? [],
  );
}

async function personOf(house: House, from: string): Promise<Person> {
  const homes = createHomes({ dataDir: house.dataDir, imagesDir: `${house.dataDir}/images` });
  const id = await createPeopleStore(house.redis).idOf(from);
  const directory = path.join(house.dataDir, 'people', id);
  const { temporary } = (await homes.list()).find(({ person }) => person === id) ?? {};
  const workspace = workspaceOf({ directory }, from);
  const said = (await readFile(path.join(workspace, 'words'), 'utf8')).trim().split('\n');
  const wordOf = (place: string): string => said.find((word) => word.endsWith(`-${place}`)) ?? '';
  const redis = new URL(house.environment['REDIS_URL'] ?? '');
  return {
    from,
    served: await servedOf(house, from),
    relayUrl: house.relayUrl,
    redis: { host: redis.hostname, port: Number(redis.port) },
    home: directory,
    temporary: temporary ?? '',
    workspace,
    pids: await pidsOf(directory),
    words: Object.fromEntries(hidingPlaces.map((place) => [place, wordOf(place)])) as Record<
      HidingPlace,
      string
    >,
  };
}

/**
 * Both hide something, then the attackers break in at once. Returns what each has got, by the
 * attack.
 */
async function play(
  house: House,
  plans: Plans,
  attackers: string[],
): Promise<{ person: Person; victim: Person; loot: Map<string, string>; sent: string[] }[]> {
  const phones = [phone, otherPhone];
  const isSaid = (words: string, from: string): boolean =>
    house.replies(from).some((reply) => reply.text.startsWith(words));
  await Promise.all(phones.map((from) => house.say('hide something', from)));
  await until(
    'what is hidden',
    () =>
      phones.every(
        (from) =>
          isSaid('All is hidden.', from) &&
          house.replies(from).some((reply) => reply.text.includes('/page/')),
      ),
    90_000,
  );
  const people = await Promise.all(phones.map((from) => personOf(house, from)));
  const pairs = people
    .map((person, index) => ({ person, victim: people[1 - index] ?? person }))
    .filter(({ person }) => attackers.includes(person.from));
  for (const { person, victim } of pairs) {
    const attacks = Object.entries(personAttacks(victim));
    const files = [
      `${victim.workspace}/secret.txt`,
      `${victim.home}/home/secret`,
      'leak.txt',
      'leak-3.txt',
    ];
    plans.set(`break in at ${victim.from}`, { attacks, files });
    await house.say(`break in at ${victim.from}`, person.from);
  }
  await until(
    'the burglars’ reports',
    () => attackers.every((from) => isSaid('That was all.', from)),
    200_000,
  );
  return await Promise.all(
    pairs.map(async ({ person, victim }) => {
      const directory = path.join(person.workspace, 'loot');
      const names = Object.keys(personAttacks(victim));
      const loot = await Promise.all(
        (await readdir(directory)).map(async (index): Promise<[string, string]> => [
          names[Number(index)] ?? '',
          await readFile(path.join(directory, index), 'latin1'),
        ]),
      );
      const sent = house.replies(person.from).map((reply) => JSON.stringify(reply));
      return { person, victim, loot: new Map(loot), sent };
    }),
  );
}

/** The places whose word an attack has printed. */
function foundBy(loot: Map<string, string>, { words }: Person): HidingPlace[] {
  const all = [...loot.values()].join('\n');
  return hidingPlaces.filter((place) => all.includes(words[place]));
}

const environment = { MAX_LIVE_AGENTS: '4', MAX_AGENTS: '2' };

describe.skipIf(reason !== undefined)(`two people whose agents attack each other${notHere}`, () => {
  test(
    'get at nothing of each other, whatever they try at once, where each has a user',
    { tags: 'long' },
    async () => {
      const plans: Plans = new Map();
      await withHouse({ stories: [hiding, breaking(plans)], environment }, async (house) => {
        const worker = await house.start();
        expect(worker.output()).toContain(
          'each person’s files and processes have a user of their own',
        );
        for (const { person, victim, loot, sent } of await play(house, plans, [
          phone,
          otherPhone,
        ])) {
          expect(Object.values(victim.words)).not.toContain('');
          expect([...loot].filter(([, printed]) => printed === '').map(([name]) => name)).toEqual(
            [],
          );
          expect(foundBy(loot, victim)).toEqual([]);
          // The links lead to the words, and nothing leads to the links.
          expect(victim.served.map((word) => word.replace(/.*-/, ''))).toEqual([...servedPlaces]);
          const printed = [...loot.values(), ...sent].join('\n');
          expect(victim.served.filter((word) => printed.includes(word))).toEqual([]);
          expect(loot.get('Redis')).toContain('NOAUTH');
          const words = Object.values(victim.words).filter((word) =>
            sent.join('\n').includes(word),
          );
          expect(words).toEqual([]);
          expect(loot.get('files')).toContain('Permission denied');
          expect(loot.get('signals')).toContain('Operation not permitted');
          // Nothing of the victim has ended, and its home is where it was.
          const own = new Set(await pidsOf(victim.home));
          const kept = (await findMarked()).filter(({ pid }) => victim.pids.includes(pid));
          expect(kept.length).toBeGreaterThan(0);
          expect(victim.pids.filter((pid) => own.has(pid)).length).toBeGreaterThan(2);
          expect(lstatSync(victim.home).uid).not.toBe(lstatSync(person.home).uid);
        }
      });
    },
  );

  test(
    'get at everything where both are one user: so the search does find',
    { tags: 'long' },
    async () => {
      const plans: Plans = new Map();
      await withHouse({ stories: [hiding, breaking(plans)], environment }, async (house) => {
        const worker = await house.start({}, 'agent');
        expect(worker.output()).toContain('and what it runs for one person the files of another');
        // Only one of them, since both would end each other.
        const [first] = await play(house, plans, [phone]);
        if (!first) throw new Error('nobody was there');
        expect(foundBy(first.loot, first.victim)).toEqual([...hidingPlaces]);
      });
    },
  );
});
