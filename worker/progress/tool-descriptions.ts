import { cutLines } from '../../shared/runtime/cut.ts';
import type { AgentEvent } from '../agent/agent.ts';
import { asInProgress } from './participle.ts';

export type ToolEvent = Extract<AgentEvent, { kind: 'tool' }>;

/**
 * A step in plain words: as an ongoing action, “Reading src/login.ts”, and as a list line, “Read
 * login.ts”.
 */
export type StepWords = { doing: string; line: string };

/** Length limit for a step's words (characters). */
const longest = 120;

/** Tools whose effect the person sees, or that are Claude's own bookkeeping. */
const silent =
  /^(mcp__whatsapp__.*|AskUserQuestion|Todo.*|Task(Create|Get|List|Update)|ToolSearch|SendMessage|ListAgents|ReportFindings|ScheduleWakeup|Cron.*)$/;

/**
 * Describes a tool call for the person. Undefined for a call not worth mentioning. Shows nothing of
 * a command line, only the model's own description of it; paths are cut to their last parts,
 * addresses lose everything behind their path, and apparent keys are left out.
 */
export function describeStep({
  name,
  summary,
  description,
}: Pick<ToolEvent, 'name' | 'summary' | 'description'>): StepWords | undefined {
  if (silent.test(name)) return undefined;
  const words =
    describeFileTool(name, summary) ??
    describeWebTool(name, summary) ??
    describeOther(name, description && tidy(description));
  return { doing: shorten(words.doing), line: shorten(words.line) };
}

function describeFileTool(name: string, summary: string): StepWords | undefined {
  const [file, short] = [lastParts(summary, 2), lastParts(summary, 1)];
  switch (name) {
    case 'Read':
      return file
        ? { doing: `Reading ${file}`, line: `Read ${short}` }
        : { doing: 'Reading a file', line: 'Read a file' };
    case 'Write':
      return file
        ? { doing: `Writing ${file}`, line: `Write ${short}` }
        : { doing: 'Writing a file', line: 'Write a file' };
    case 'Edit':
    case 'MultiEdit':
      return file
        ? { doing: `Changing ${file}`, line: `Change ${short}` }
        : { doing: 'Changing a file', line: 'Change a file' };
    case 'NotebookEdit':
      return { doing: 'Changing a notebook', line: 'Change a notebook' };
    case 'Grep':
    case 'Glob':
    case 'LS':
      return { doing: 'Looking through the code', line: 'Look through the code' };
    default:
      return undefined;
  }
}

function describeWebTool(name: string, summary: string): StepWords | undefined {
  const browser = /^mcp__playwright__browser_(.+)$/.exec(name)?.[1];
  const address = summary ? tidy(summary) : 'a page';
  if (name === 'WebFetch') return { doing: `Reading ${address}`, line: `Read ${address}` };
  if (name === 'WebSearch')
    return summary
      ? {
          doing: `Searching the web for “${tidy(summary)}”`,
          line: `Search the web for “${tidy(summary)}”`,
        }
      : { doing: 'Searching the web', line: 'Search the web' };
  switch (browser) {
    case undefined:
      return undefined;
    case 'navigate':
      return { doing: `Looking at ${address} in the browser`, line: `Open ${address}` };
    case 'take_screenshot':
      return { doing: 'Taking a picture of the page', line: 'Take a picture of the page' };
    case 'wait_for':
      return { doing: 'Waiting for the page', line: 'Wait for the page' };
    case 'click':
    case 'type':
    case 'fill_form':
    case 'select_option':
    case 'press_key':
    case 'hover':
    case 'drag':
    case 'file_upload':
      return { doing: 'Trying the page in the browser', line: 'Try the page' };
    default:
      return { doing: 'Looking at the page in the browser', line: 'Look at the page' };
  }
}

function describeOther(name: string, description: string | undefined): StepWords {
  const server = /^mcp__(.+?)__/.exec(name)?.[1];
  if (server)
    return {
      doing: `Using ${tidy(server.replaceAll('_', ' '))}`,
      line: `Use ${tidy(server.replaceAll('_', ' '))}`,
    };
  if (name === 'Task' || name === 'Agent') {
    const task = description
      ? `: ${description.charAt(0).toLowerCase()}${description.slice(1)}`
      : '';
    return { doing: `A helper is at work${task}`, line: `Give a helper work${task}` };
  }
  if (description) return { doing: asInProgress(description) ?? description, line: description };
  if (name === 'Bash') return { doing: 'Running a command', line: 'Run a command' };
  if (name === 'EnterPlanMode' || name === 'ExitPlanMode')
    return { doing: 'Making a plan', line: 'Make a plan' };
  return { doing: 'Working', line: `Use ${tidy(name)}` };
}

/** The last parts of a path; empty for an empty summary. */
function lastParts(file: string, count: number): string {
  return withoutKeys(
    file
      .split(/[/\\]/)
      .filter((part) => part !== '')
      .slice(-count)
      .join('/'),
  );
}

/** Cleans up a text of the model: short paths, bare addresses, no keys, no full stop. */
function tidy(text: string): string {
  return text
    .split(' ')
    .map((word) =>
      /^\W*[a-z]+:\/\//i.test(word)
        ? bareAddress(word)
        : word.includes('/') && word.split('/').length > 3
          ? lastParts(word, 2)
          : withoutKeys(word),
    )
    .join(' ')
    .replace(/(?<![.\s])[.\s]+$/, '');
}

/** An address without credentials, query and fragment. */
function bareAddress(word: string): string {
  const [, before = '', scheme = '', rest = ''] = /^(\W*)([a-z]+:\/\/)(.*)$/i.exec(word) ?? [];
  const [authority = '', ...path] = (rest.split(/[?#]/)[0] ?? '').split('/');
  return `${before}${scheme}${[authority.split('@').at(-1), ...path.map(withoutKeys)].join('/')}`.replace(
    /\/$/,
    '',
  );
}

/**
 * Masks apparent keys and tokens: long words of letters and digits, or values after a name as in
 * `token=…`.
 */
function withoutKeys(word: string): string {
  return word
    .replace(/^(.*(?:key|token|secret|password|passwd|pwd|auth)\w{0,40}[=:]).+$/i, '$1…')
    .replaceAll(/[\w+=-]{20,}/g, (run) => (/\d/.test(run) && /[a-z]/i.test(run) ? '…' : run));
}

function shorten(text: string): string {
  return cutLines(text, longest);
}
