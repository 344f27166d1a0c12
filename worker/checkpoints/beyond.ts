import type { AgentEvent } from '../agent/agent.ts';

type Call = Pick<Extract<AgentEvent, { kind: 'tool' }>, 'name' | 'summary'>;

/**
 * What one command of a line may do beside files, as a noun for “…stays as it is”: it matches all
 * of the patterns. The first entry counts.
 */
const commands: [RegExp[], string][] = [
  [[/\bgit\b/, /\bpush\b/], 'a push to a repository elsewhere'],
  [
    [/\bgh\s+(?:pr|issue|release|repo|workflow|run|secret|variable|api|gist)\b/],
    'a change on GitHub',
  ],
  [[/\bglab\s+\w/], 'a change on GitLab'],
  [
    [/\b(?:npm|pnpm|yarn|cargo|gem|poetry|uv)\s+publish\b|\btwine\s+upload\b/],
    'a published package',
  ],
  [
    [
      /\b(?:fly|flyctl|vercel|netlify|wrangler|firebase|heroku|railway)\b|\b(?:terraform|tofu|pulumi)\s+(?:apply|destroy|up)\b|\b(?:kubectl|helm)\b|\bdocker\s+push\b|\bdeploy\b/,
    ],
    'a deployment',
  ],
  [[/\b(?:aws|gcloud|az|doctl|hcloud)\s/], 'a change in the cloud'],
  [[/\b(?:psql|mysql|mariadb|mongosh|redis-cli|sqlite3)\b|\bmigrate\b/], 'a change in a database'],
  [
    [/\bcurl\b/, /(?:-X|--request)[ =]?(?!GET\b)[A-Z]|\s(?:-d|--data\S*|-F|-T)\b/],
    'a request to another server',
  ],
  [[/\b(?:ssh|scp|rsync)\b/], 'a change on another computer'],
  [[/\b(?:mail|sendmail|msmtp|swaks)\b/], 'a mail'],
  [[/\b(?:apt|apt-get|brew|dnf|apk)\b/, /\b(?:install|add|remove)\b/], 'an installed program'],
  [
    [/\bgit\b/, /\b(?:commit|merge|rebase|reset|tag|stash|cherry-pick|branch|checkout|switch)\b/],
    'what git has recorded, such as a commit',
  ],
];

const sent = new Set(['mcp__whatsapp__send_message', 'mcp__whatsapp__send_file']);

/** What a tool call does that does not go back with the files; undefined for nothing. */
export function beyondFiles({ name, summary }: Call): string | undefined {
  if (name === 'Bash') {
    const parts = summary.split(/[|;&\n]/);
    return commands.find(([patterns]) =>
      parts.some((part) => patterns.every((pattern) => pattern.test(part))),
    )?.[1];
  }
  if (sent.has(name)) return 'messages in this chat';
  if (name === 'mcp__whatsapp__schedule_turn') return 'a schedule';
  if (
    /^mcp__playwright__browser_(?:click|type|fill_form|press_key|select_option|file_upload)$/.test(
      name,
    )
  )
    return 'what I did on a web page';
  const server = /^mcp__(?!whatsapp__|playwright__)(.+?)__/.exec(name)?.[1];
  return server === undefined ? undefined : `what I did with ${server}`;
}

/** Tools that change no file. */
const harmless =
  /^(?:Read|Grep|Glob|LS|WebFetch|WebSearch|AskUserQuestion|ExitPlanMode|Todo\w+|ToolSearch|mcp__whatsapp__\w+|mcp__playwright__\w+)$/;

/** Whether a tool call may change files. */
export function mayChangeFiles({ name }: Pick<Call, 'name'>): boolean {
  return !harmless.test(name);
}
