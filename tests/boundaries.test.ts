import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { functionFiles, scriptFiles } from './support/script-files.ts';

const root = path.join(import.meta.dirname, '..');

type Source = {
  file: string;
  text: string;
  imports: string[];
  packages: string[];
  /** Those imports that are there when the code runs. */ loads: string[];
  /** Those of them that are loaded with the file. */ loadsAtOnce: string[];
};

/**
 * Every source file of the folders, with what it imports: files by their path from the root,
 * packages by name.
 */
function readSources(...folders: string[]): Source[] {
  return folders
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        path.join(folder, name),
      ),
    )
    .filter((file) => file.endsWith('.ts'))
    .map((file) => {
      const text = readFileSync(path.join(root, file), 'utf8');
      const named = [
        ...text.matchAll(
          /^\s*(?:import|export)\b[^;'"]*?from '([^'\n]+)'|\bimport\('([^'\n]+)'\)|^import '([^'\n]+)'/gm,
        ),
      ];
      const specifierOf = (match: RegExpExecArray): string =>
        match[1] ?? match[2] ?? match[3] ?? '';
      const specifiers = named.map(specifierOf);
      const files = (names: string[]): string[] =>
        names
          .filter((name) => name.startsWith('.'))
          .map((name) => path.join(path.dirname(file), name));
      return {
        file,
        text,
        imports: files(specifiers),
        loads: files(
          named.filter((match) => !/^\s*(import|export) type\b/.test(match[0])).map(specifierOf),
        ),
        loadsAtOnce: files(
          named
            .filter((match) => !match[2] && !/^\s*(import|export) type\b/.test(match[0]))
            .map(specifierOf),
        ),
        packages: specifiers.filter((name) => !name.startsWith('.')).map(packageOf),
      };
    });
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

const production = readSources('relay', 'worker', 'shared', 'deploy');
const simulator = readSources('simulator');
const everything = [...production, ...simulator, ...readSources('bench', 'tests')];
const code = everything.filter((source) => !source.file.startsWith('tests/'));

/** The files of a folder that import something from one of the other folders. */
function importers(from: string, ...to: string[]): string[] {
  return everything
    .filter((source) => source.file.startsWith(`${from}/`))
    .flatMap((source) =>
      source.imports
        .filter((target) => to.some((folder) => target.startsWith(`${folder}/`)))
        .map((target) => `${source.file} → ${target}`),
    );
}

/** The files outside the tests that import a package. */
const usersOf = (name: string): string[] =>
  code.filter((source) => source.packages.includes(name)).map((source) => source.file);

test('the reader of imports sees static, dynamic and re-exported ones', () => {
  const seen = new Map(everything.map((source) => [source.file, source]));
  expect(seen.get('relay/relay.ts')?.imports).toContain('relay/http/server.ts');
  expect(seen.get('relay/admin/bull-board.ts')?.packages).toContain('@bull-board/api');
  expect(seen.get('shared/store/redis/redis.ts')?.packages).toContain('ioredis');
  expect(
    everything
      .flatMap((source) => source.imports)
      .filter((target) => target.endsWith('.ts') && !seen.has(target)),
  ).toEqual([]);
});

test('relay and worker never import each other', () => {
  expect([...importers('relay', 'worker'), ...importers('worker', 'relay')]).toEqual([]);
});

test('shared imports neither relay nor worker', () => {
  expect(importers('shared', 'relay', 'worker')).toEqual([]);
});

/** The floors of what both processes share, the lowest first. */
const floors = ['runtime', 'store', 'delivery', 'twilio'].map((room) => `shared/${room}`);

test('an import goes down from floor to floor of shared, never up, and every file has its floor', () => {
  const up = floors.flatMap((floor, index) => importers(floor, ...floors.slice(index + 1)));
  expect(up).toEqual([]);
  const shared = everything.filter(({ file }) => file.startsWith('shared/'));
  const isOnFloor = (file: string): boolean => floors.some((floor) => file.startsWith(`${floor}/`));
  expect(shared.filter(({ file }) => !isOnFloor(file))).toEqual([]);
});

/**
 * Files that a folder of the product may have; the fullest of other projects of this size has 35.
 */
const fullestFolder = 25;

test('no folder of the product is fuller than a person can look through', () => {
  const lua = [...scriptFiles(), ...functionFiles()];
  const counts = Map.groupBy([...production, ...lua], ({ file }) => path.posix.dirname(file));
  const full = [...counts].filter(([, files]) => files.length > fullestFolder);
  expect(full.map(([folder, files]) => `${folder}: ${files.length}`)).toEqual([]);
});

test('production code never imports the simulator, what measures it, or the tests', () => {
  expect(
    ['relay', 'worker', 'shared', 'deploy'].flatMap((folder) =>
      importers(folder, 'simulator', 'bench', 'tests'),
    ),
  ).toEqual([]);
  expect([...importers('simulator', 'bench', 'tests'), ...importers('bench', 'tests')]).toEqual([]);
});

test('what runs never imports what deploys it', () => {
  expect(
    ['relay', 'worker', 'shared', 'simulator', 'bench'].flatMap((folder) =>
      importers(folder, 'deploy'),
    ),
  ).toEqual([]);
});

test('only entry points read the environment', () => {
  const entry =
    /^(relay|worker)\/main\.ts$|^relay\/people\/main\.ts$|^deploy\/(\w+\/)?main\.ts$|^simulator\/(send|(.*[/-])?main)\.ts$|^bench\/(.*[/-])?main\.ts$|^bench\/peers\/[^/]+\.ts$/;
  expect(
    code
      .filter(
        (source) =>
          /\bprocess\.env\b|\bprocess\['env'\]|\bimport \{[^}]*\benv\b[^}]*\} from 'node:process'/.test(
            source.text,
          ) && !entry.test(source.file),
      )
      .map((source) => source.file),
  ).toEqual([]);
});

test('each package has its owner', () => {
  const outside = (name: string, owner: RegExp): string[] =>
    usersOf(name).filter((file) => !owner.test(file));
  expect(outside('twilio', /^(shared\/twilio\/sdk\.ts|simulator\/.*|bench\/.*)$/)).toEqual([]);
  expect(outside('@anthropic-ai/claude-agent-sdk', /^(worker\/agent|bench\/peers)\//)).toEqual([]);
  expect(outside('ioredis', /^(shared\/store\/redis\/redis\.ts|simulator\/.*|bench\/.*)$/)).toEqual(
    [],
  );
  expect(outside('express', /^(relay|simulator|bench\/peers)\//)).toEqual([]);
  expect(
    ['@bull-board/api', '@bull-board/express'].flatMap((name) =>
      outside(name, /^relay\/admin\/bull-board\.ts$/),
    ),
  ).toEqual([]);
  expect(outside('vitest', /^$/)).toEqual([]);
});

test('what parses foreign bytes is loaded by the reading child only', () => {
  const loads = new Map(production.map((source) => [source.file, source.loads]));
  const reached = new Set<string>();
  const walk = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const target of loads.get(file) ?? []) walk(target);
  };
  const parsers = [
    'picture',
    'model-picture',
    'chat-picture',
    'bitmap',
    'pdf',
    'png-extras',
    'contact-card',
    'text-encoding',
  ].map((name) => `worker/media/${name}.ts`);
  walk('worker/reading/child.ts');
  expect(parsers.filter((parser) => !reached.has(parser))).toEqual([]);
  reached.clear();
  walk('worker/main.ts');
  expect([...reached]).toContain('worker/media/incoming-file.ts');
  expect(parsers.filter((parser) => reached.has(parser))).toEqual([]);
  expect(
    production
      .filter(({ packages }) => packages.includes('sharp'))
      .map(({ file }) => file)
      .filter((file) => reached.has(file)),
  ).toEqual([]);
});

test('a worker loads before its first job nothing that only later work needs', () => {
  const graph = new Map(production.map((source) => [source.file, source.loadsAtOnce]));
  const reached = new Set<string>();
  const walk = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const target of graph.get(file) ?? []) walk(target);
  };
  for (const name of ['main', 'production', 'agent/claude/agent', 'production-deps', 'worker'])
    walk(`worker/${name}.ts`);
  expect([...reached]).toContain('worker/process/queue-worker.ts');
  const late =
    /^worker\/(?:commands\/[\w-]+-commands?|media\/(?:speaker|transcriber)|moving\/(?:arriving|leaving)|process\/(?:chores|http)|processors|snapshots\/listener|turn\/turn|agent\/homes\/moving-in)\.ts$/;
  expect([...reached].filter((file) => late.test(file))).toEqual([]);
});

test('there is one comparison of secrets, one wait with a deadline, one late load, and one way to send', () => {
  const filesWith = (pattern: RegExp): string[] =>
    production.filter(({ text }) => pattern.test(text)).map(({ file }) => file);
  expect(filesWith(/\btimingSafeEqual\b/)).toEqual(['shared/runtime/constant-time.ts']);
  expect(filesWith(/\basync function within\b/)).toEqual(['shared/runtime/timeout.ts']);
  expect(filesWith(/\?\?= (?:await )?import\(|\bfunction lazy\b/)).toEqual([
    'shared/runtime/lazy.ts',
  ]);
  // An import of node:http loads Node's fetch, too.
  expect(filesWith(/^import \{[^}]*\} from 'node:http';/m)).toEqual([]);
  const ofRelay = filesWith(/\bawait fetch\(/).filter((file) => file.startsWith('relay/'));
  // That one runs in the browser.
  expect(ofRelay).toEqual(['relay/watch/watch-script.ts']);
  // What is sent to a person goes through Twilio's SDK, and through nothing else.
  expect(filesWith(/\.messages\.create\(/)).toEqual(['shared/twilio/messenger.ts']);
  expect(filesWith(/Accounts\/\$\{\w+\}\/Messages\.json/)).toEqual(['shared/twilio/rest.ts']);
});

test('every package that is imported is used by somebody, so that these rules say something', () => {
  for (const name of [
    'twilio',
    '@anthropic-ai/claude-agent-sdk',
    'ioredis',
    'express',
    '@bull-board/api',
    '@bull-board/express',
  ])
    expect(usersOf(name), `users of ${name}`).not.toEqual([]);
});

/** What a newcomer searches for, in the field's words. */
const terms =
  'rate-?limit retry backoff dedup idempotent concurrency health csrf shutdown heartbeat lock steer cancel'.split(
    ' ',
  );

test('each of the field’s terms finds a file or an export of the product', () => {
  const names = production.flatMap(({ file, text }) => [
    file,
    ...(text.match(/^export .*/gm) ?? []),
  ]);
  const finds = (term: string): boolean => names.some((name) => new RegExp(term, 'i').test(name));
  expect(terms.filter((term) => !finds(term))).toEqual([]);
});

test('comments read as an engineer’s English: few marks of a translation', () => {
  const marks = /\b(?:whoever|nobody|is none|so many|is told|one that)\b/gi;
  const comments = production.flatMap(({ text }) => text.match(/^\s*(?:\/\/|\/?\*).*$/gm) ?? []);
  expect(comments.join('\n').match(marks)?.length ?? 0).toBeLessThanOrEqual(5);
});

test('no signature takes more than five fields apart: the type has a name, the body takes what it needs', () => {
  const wide = production.flatMap(({ file, text }) =>
    [...text.matchAll(/(function \w*|=) ?(?:async )?\(\s*\{([^{}]*)\}/g)]
      .filter(([, , fields = '']) => fields.split(',').filter((field) => field.trim()).length > 5)
      .map(([, name]) => `${file}: ${name}`),
  );
  expect(wide).toEqual([]);
});

test('no test replaces a module', () => {
  const replacing = new RegExp(['vi', String.raw`\.(do)?(un)?[mM]ock\b`].join(''));
  expect(
    everything.filter((source) => replacing.test(source.text)).map((source) => source.file),
  ).toEqual([]);
});

/** Every way from a file back to itself. */
function findCycles(graph: Map<string, string[]>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (file: string, trail: string[]): void => {
    if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
    if (done.has(file) || trail.includes(file)) return;
    for (const target of graph.get(file) ?? []) walk(target, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return cycles;
}

test('no file loads itself by way of others, and in production not even by way of types', () => {
  expect(
    findCycles(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['b']],
      ]),
    ),
  ).toEqual(['b → c → b']);
  expect(findCycles(new Map(everything.map((source) => [source.file, source.loads])))).toEqual([]);
  expect(findCycles(new Map(production.map((source) => [source.file, source.imports])))).toEqual(
    [],
  );
});

/** Lines that a formatted file may have: a part of the product, and a test or a list. */
const [longestPart, longestTest] = [370, 610];

test('no default exports, no file of more lines than its kind may have', () => {
  expect(
    everything
      .filter((source) => /^export default\b/m.test(source.text))
      .map((source) => source.file),
  ).toEqual([]);
  expect(
    everything
      .filter(
        ({ file, text }) =>
          text.split('\n').length > 1 + (file.startsWith('tests/') ? longestTest : longestPart),
      )
      .map((source) => source.file),
  ).toEqual([]);
});

test('a text for people is shortened by shared/runtime/cut.ts alone, which halves no emoji', () => {
  const cutters = new Set([
    'shared/runtime/cut.ts',
    'worker/questions/shown-text.ts',
    'worker/reply/cut.ts',
    'worker/reply/cut-word.ts',
  ]);
  // Addresses have no emoji.
  for (const file of [
    'shared/runtime/phone-number.ts',
    'shared/runtime/person-address.ts',
    'worker/commands/format-cost.ts',
  ])
    cutters.add(file);
  const sources = production.filter(
    ({ file }) => !cutters.has(file) && !file.startsWith('deploy/'),
  );
  const lines = sources.flatMap(({ file, text }) =>
    text.split('\n').map((line) => `${file}: ${line.trim()}`),
  );
  expect(lines.filter((line) => /\.(?:slice|substring|substr)\(0.*…/.test(line))).toEqual([]);
  expect(
    lines.filter((line) =>
      /\b(?:text|words|title|prompt|said|result|progress|description|message)\.(?:slice|substring|substr)\(0, /.test(
        line,
      ),
    ),
  ).toEqual([]);
});

/**
 * Where `null` is another's: fields of Twilio's and the model's JSON, Node's, and options of
 * libraries.
 */
const foreignNull =
  /\b(?:stop_\w+|\w+_page_ur[il]|friendly_name|offline_reasons|messaging_service_sid|price(?:_unit)?|date_sent|error_\w+|maxRetriesPerRequest): |exitCode|signalCode|NodeJS\.Signals|typeof \w+ !== 'object'|getItem\(|replaceState\(|, null, 2\)/;

test('the simulator says undefined for what is not there, and names its constants as the rest does', () => {
  const lines = simulator.flatMap(({ file, text }) =>
    text.split('\n').map((line) => `${file}: ${line.trim()}`),
  );
  const isComment = (line: string): boolean => /^\S+: (?:\/\/|\/?\*)/.test(line);
  const nulls = lines.filter((line) => /\bnull\b/.test(line) && !isComment(line));
  expect(nulls.filter((line) => !foreignNull.test(line))).toEqual([]);
  const loud = /\b(?:const|let|readonly) [A-Z][A-Z\d]*_?[A-Z\d_]+\b/;
  expect(lines.filter((line) => loud.test(line))).toEqual([]);
});
