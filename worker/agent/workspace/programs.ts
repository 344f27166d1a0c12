import { createHash } from 'node:crypto';
import { z } from 'zod';
import { head } from '../../../shared/runtime/cut.ts';
import { findNamedFiles } from './named-files.ts';
import type { NamedFile } from './named-files.ts';

/**
 * How a session starts an MCP server of the workspace: the entry of `.mcp.json`, field by field.
 */
export type WorkspaceServer =
  | { type: 'stdio'; command: string; args: string[]; env: Record<string, string> }
  | { type: 'http' | 'sse'; url: string; headers: Record<string, string> };

/** A hook of the workspace: `matcher` as in Claude Code's settings, `timeoutS` in seconds. */
export type WorkspaceHook = {
  event: WorkspaceHookEvent;
  matcher: string | undefined;
  command: string;
  timeoutS: number | undefined;
};

/**
 * A part of the workspace that runs, or changes what runs. `name` is its name in the chat, `shown`
 * everything that would run, and `files` the words that may name a file of the workspace.
 */
export type WorkspaceProgram = Found & { files: NamedFile[] };
type Found = { name: string; shown: string } & (
  | { kind: 'server'; id: string; server: WorkspaceServer }
  | { kind: 'hook'; hook: WorkspaceHook }
  | { kind: 'variables'; values: Record<string, string> }
);

/** The contents of the three files that configure them; undefined if a file is missing. */
export type WorkspaceTexts = {
  mcp: string | undefined;
  settings: string | undefined;
  local: string | undefined;
};

/**
 * The contents of a workspace's configuration: programs that need approval, rules that only forbid,
 * and, as sentences, what stays off in any case.
 */
export type WorkspaceFinds = { programs: WorkspaceProgram[]; rules: WorkspaceRules; off: string[] };
export type WorkspaceRules = { deny: string[]; ask: string[] };

/**
 * Events whose hooks the worker runs itself. A hook can forbid, inform and stop; at none of these
 * can it allow.
 */
const hookEvents = [
  'SessionStart',
  'UserPromptSubmit',
  'PreToolUse',
  'PostToolUse',
  'Stop',
  'SubagentStop',
  'PreCompact',
] as const;
export type WorkspaceHookEvent = (typeof hookEvents)[number];

/**
 * Limits on the number of each kind and on the length of one text (characters): the question must
 * fit a chat.
 */
const mostPrograms = 40;
const longestShown = 4000;
const mostRules = 200;

/**
 * Settings keys that run a command or redirect the access to the model, which the worker provides
 * itself.
 */
const helpers = [
  'apiKeyHelper',
  'proxyAuthHelper',
  'awsAuthRefresh',
  'awsCredentialExport',
  'gcpAuthRefresh',
  'otelHeadersHelper',
  'policyHelper',
  'processWrapper',
  'statusLine',
  'subagentStatusLine',
  'fileSuggestion',
  'sshHostCommands',
];
/** Settings keys that bring in programs from elsewhere. */
const packages = [
  'enabledPlugins',
  'extraKnownMarketplaces',
  'additionalMarketplaces',
  'managedMcpServers',
];

/** Variables that the worker itself sets, or that determine the model, the home or the tools. */
const ownNames = new RegExp(
  `^(?:${[
    'ANTHROPIC_',
    'CLAUDE',
    'AWS_',
    'GOOGLE_',
    'GCLOUD_',
    'GCE_',
    'CLOUD_ML_',
    'VERTEX_',
    'AZURE_',
    'SIDEPOCKET_',
    'OTEL_',
    'XDG_',
    'DISABLE_',
    'GIT_CONFIG',
    'GIT_SSL',
    'GITHUB_TOKEN$',
    'GH_',
    'SSL_CERT',
    'CURL_CA',
    'REQUESTS_CA',
    'NODE_EXTRA_CA',
    'NODE_TLS',
    String.raw`\w*_PROXY$`,
    'PATH$',
    'HOME$',
    'USER$',
    'LOGNAME$',
    'SHELL$',
    'TMPDIR$',
    'TMP$',
    'TEMP$',
    'PWD$',
    'IS_SANDBOX$',
    'NSS_WRAPPER',
  ].join('|')})`,
  'i',
);

const Text = z.record(z.string(), z.string());
const Stdio = z.strictObject({
  type: z.literal('stdio').optional(),
  command: z.string().min(1),
  args: z.array(z.string()).optional(),
  env: Text.optional(),
});
const Remote = z.strictObject({
  type: z.enum(['http', 'sse']),
  url: z.url({ protocol: /^https?$/ }),
  headers: Text.optional(),
});
const Hook = z.strictObject({
  type: z.literal('command'),
  command: z.string().min(1),
  timeout: z.number().positive().optional(),
  statusMessage: z.string().optional(),
});
const Matcher = z.strictObject({ matcher: z.string().optional(), hooks: z.array(z.unknown()) });
const Entries = z.record(z.string(), z.unknown());

/** Reads a workspace's configuration files. Pure and total: it returns for any text. */
export function readWorkspacePrograms({ mcp, settings, local }: WorkspaceTexts): WorkspaceFinds {
  const finds: WorkspaceFinds = { programs: [], rules: { deny: [], ask: [] }, off: [] };
  readServers(mcp, finds);
  const variables: Record<string, string> = {};
  for (const [file, text] of [
    ['.claude/settings.json', settings],
    ['.claude/settings.local.json', local],
  ] as const) {
    const parsed = parseObject(text, file, finds);
    if (!parsed) continue;
    readHooks(parsed['hooks'], finds);
    readRules(parsed['permissions'], finds.rules);
    Object.assign(variables, readVariables(parsed['env'], finds));
    for (const key of helpers.filter((name) => parsed[name] !== undefined))
      finds.off.push(`“${key}” in ${file}: the worker gives this itself`);
    for (const key of packages.filter((name) => isFull(parsed[name])))
      finds.off.push(`“${key}” in ${file}: plugins are not loaded from a project`);
  }
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  if (lines.length > 0)
    add(
      finds,
      {
        kind: 'variables',
        name: 'variables for commands',
        shown: lines.toSorted().join('\n'),
        values: variables,
      },
      Object.values(variables),
    );
  return finds;
}

/**
 * A digest of exactly this program: it changes with every letter of what would run and with the
 * content of the files that it names.
 */
export function digestOf(program: WorkspaceProgram, contents: string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([program.kind, program.name, program.shown, contents]))
    .digest('hex')
    .slice(0, 32);
}

function readServers(text: string | undefined, finds: WorkspaceFinds): void {
  const parsed = parseObject(text, '.mcp.json', finds);
  const servers = Entries.safeParse(parsed?.['mcpServers']).data ?? {};
  for (const [id, entry] of Object.entries(servers)) {
    const stdio = Stdio.safeParse(entry).data;
    const remote = Remote.safeParse(entry).data;
    const name = `MCP server “${plain(id)}”`;
    // Two underscores separate a server's name from its tool's, so `whatsapp__x` would pass for
    // `whatsapp`.
    if (
      !/^[a-z0-9-]+(?:_[a-z0-9-]+)*$/i.test(id) ||
      id.length > 60 ||
      ['whatsapp', 'playwright'].includes(id.toLowerCase())
    )
      finds.off.push(`${name}: it needs another name`);
    else if (stdio) {
      const { command, args = [], env = {} } = stdio;
      const shown = [
        [command, ...args].map(quote).join(' '),
        ...Object.entries(env).map(([key, value]) => `${key}=${value}`),
      ].join('\n');
      add(
        finds,
        { kind: 'server', id, name, shown, server: { type: 'stdio', command, args, env } },
        [[command, ...args].join(' '), command, ...args, ...Object.values(env)],
      );
    } else if (remote) {
      const { type, url, headers = {} } = remote;
      add(
        finds,
        {
          kind: 'server',
          id,
          name,
          shown: [url, ...Object.entries(headers).map(([key, value]) => `${key}: ${value}`)].join(
            '\n',
          ),
          server: { type, url, headers },
        },
        [],
      );
    } else finds.off.push(`${name}: I do not know the form of its entry in .mcp.json`);
  }
}

function readHooks(value: unknown, finds: WorkspaceFinds): void {
  for (const [event, list] of Object.entries(Entries.safeParse(value).data ?? {})) {
    for (const entry of Array.isArray(list) ? list : []) {
      const { matcher, hooks } = Matcher.safeParse(entry).data ?? {
        matcher: undefined,
        hooks: [entry],
      };
      for (const raw of hooks) {
        const hook = Hook.safeParse(raw).data;
        const known = hookEvents.find((name) => name === event);
        if (!hook || !known)
          finds.off.push(
            `a hook for ${plain(event)}: I only run plain commands, and only for ${hookEvents.join(', ')}`,
          );
        else {
          const when = `${event}${matcher ? ` (${matcher})` : ''}`;
          add(
            finds,
            {
              kind: 'hook',
              name: `hook for ${plain(when)}`,
              shown: hook.command,
              hook: { event: known, matcher, command: hook.command, timeoutS: hook.timeout },
            },
            [hook.command],
          );
        }
      }
    }
  }
}

function readVariables(value: unknown, finds: WorkspaceFinds): Record<string, string> {
  const all = Object.entries(Entries.safeParse(value).data ?? {});
  const own = all.filter(([name]) => ownNames.test(name)).map(([name]) => plain(name));
  if (own.length > 0)
    finds.off.push(
      `the variables ${own.slice(0, 10).join(', ')}: they are not the project's to set`,
    );
  const usable = all.filter(
    (entry): entry is [string, string] =>
      typeof entry[1] === 'string' &&
      /^[A-Za-z_]\w{0,99}$/.test(entry[0]) &&
      !ownNames.test(entry[0]),
  );
  return Object.fromEntries(usable);
}

/**
 * Rules that forbid, or that make Claude ask, apply without approval; the caller handles paths from
 * the project's root.
 */
function readRules(value: unknown, rules: WorkspaceRules): void {
  const permissions = Entries.safeParse(value).data ?? {};
  for (const kind of ['deny', 'ask'] as const) {
    const list = permissions[kind];
    for (const rule of Array.isArray(list) ? list : []) {
      if (
        typeof rule === 'string' &&
        rule.length <= 500 &&
        /^[A-Za-z]\w*(?:\([^()]+\))?$/.test(rule) &&
        rules[kind].length < mostRules
      )
        rules[kind].push(rule);
    }
  }
}

/**
 * Adds a program, unless it is too large to be shown; `texts` are the parts that may name files.
 */
function add(finds: WorkspaceFinds, program: Found, texts: string[]): void {
  if (finds.programs.length >= mostPrograms)
    finds.off.push(`${program.name}: there are more than ${mostPrograms} of them`);
  else if (program.shown.length > longestShown)
    finds.off.push(`${program.name}: it is too long to be shown`);
  else if (hidden.test(program.shown))
    finds.off.push(`${program.name}: it holds characters that cannot be seen`);
  else {
    const files = texts.map(findNamedFiles);
    if (files.includes(undefined)) finds.off.push(`${program.name}: it names too many files`);
    else finds.programs.push({ ...program, files: files.flatMap((found) => found ?? []) });
  }
}

function parseObject(
  text: string | undefined,
  file: string,
  finds: WorkspaceFinds,
): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  try {
    const parsed = Entries.safeParse(JSON.parse(text)).data;
    if (parsed) return parsed;
  } catch {
    // Reported below.
  }
  finds.off.push(`${file}: it cannot be read as settings`);
  return undefined;
}

/** Invisible characters that change how a text looks: what is approved must look like what runs. */
const hidden = /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]/u;

const isFull = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0;
const quote = (word: string): string =>
  /^[\w@%+=:,./$-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** Makes a name from a file fit a sentence: without markup or invisible characters, and short. */
function plain(name: string): string {
  return head(name.replaceAll(/[\p{Cc}\p{Cf}“”*`~\s]+/gu, ' '), 60);
}
