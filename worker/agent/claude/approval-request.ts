import { createHash } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import type { ApprovalRequest } from '../agent.ts';

/**
 * What Claude Code passes with a call besides its name and input, limited to the fields used here.
 */
const Reasons = z.looseObject({
  suggestions: z
    .array(
      z.looseObject({
        type: z.string(),
        rules: z.array(z.looseObject({ toolName: z.string() })).optional(),
      }),
    )
    .optional(),
  blockedPath: z.string().optional(),
  decisionReasonType: z.string().optional(),
  defaultToNo: z.boolean().optional(),
  suppressAlwaysAllowRule: z.boolean().optional(),
  matchedAskRule: z.unknown().optional(),
});
type Reasons = z.infer<typeof Reasons>;

type Described = Pick<ApprovalRequest, 'title' | 'detail' | 'more'>;
type Part = { label: string; text: string };

/** The tools that change one file, with the input field that holds its path. */
const fileInputs = new Map([
  ['Write', 'file_path'],
  ['Edit', 'file_path'],
  ['MultiEdit', 'file_path'],
  ['NotebookEdit', 'notebook_path'],
]);

/** The tools that only open an address. */
const addressTools = new Set(['WebFetch', 'mcp__playwright__browser_navigate']);

/**
 * Describes a tool call to the person who approves it: the whole input, in plain words where the
 * tool is known. `options` are those of Claude Code's `canUseTool`; unreadable options make the
 * default no.
 */
export function describeRequest(
  tool: string,
  input: Record<string, unknown>,
  options: unknown = {},
): ApprovalRequest {
  const reasons: Reasons = Reasons.safeParse(options).data ?? { defaultToNo: true };
  const { defaultToNo = false } = reasons;
  const { decisionReasonType, matchedAskRule, suppressAlwaysAllowRule } = reasons;
  const isGrave =
    defaultToNo || decisionReasonType === 'safetyCheck' || matchedAskRule !== undefined;
  const always =
    isGrave || suppressAlwaysAllowRule ? undefined : describeAlways(tool, input, reasons);
  return {
    tool,
    ...describeCall(tool, input),
    digest: digestOf([tool, effectiveInput(tool, input)]),
    isGrave,
    defaultToNo,
    changesFile: fileInputs.has(tool),
    ...(always ? { always } : {}),
  };
}

function describeCall(tool: string, input: Record<string, unknown>): Described {
  if (tool === 'Bash' && typeof input['command'] === 'string') {
    const { command, ...rest } = effectiveInput(tool, input);
    return { title: 'May I run this command?', detail: String(command), more: asJson(rest) };
  }
  const fileInput = fileInputs.get(tool);
  if (fileInput && typeof input[fileInput] === 'string') {
    return {
      title: 'May I change this file?',
      detail: input[fileInput],
      more: describeChange(tool, fileInput, input),
    };
  }
  if (addressTools.has(tool) && typeof input['url'] === 'string') {
    const { url, ...rest } = input;
    return { title: 'May I open this page?', detail: String(url), more: asJson(rest) };
  }
  const name = tool
    .replace(/^mcp__/, '')
    .replaceAll('__', ': ')
    .replaceAll('_', ' ');
  const detail = Object.keys(input).length === 0 ? '' : JSON.stringify(input, null, 2);
  return { title: `May I use “${name}”?`, detail };
}

/**
 * Drops a command's description: Claude wrote it and it has no effect, so it is neither shown nor
 * approved.
 */
function effectiveInput(tool: string, input: Record<string, unknown>): Record<string, unknown> {
  if (tool !== 'Bash') return input;
  const { description: _, ...effective } = input;
  return effective;
}

const Edit = z.object({
  old_string: z.string(),
  new_string: z.string(),
  replace_all: z.boolean().optional(),
});

/** What each tool changes in its file, and the input fields that this covers. */
const changes = new Map<string, { form: z.ZodType<Part[]>; names: string[] }>([
  [
    'Write',
    {
      form: z
        .object({ content: z.string() })
        .transform(({ content }) => [{ label: 'Its new content:', text: content }]),
      names: ['content'],
    },
  ],
  [
    'Edit',
    {
      form: Edit.transform((edit) => describeEdit(edit)),
      names: ['old_string', 'new_string', 'replace_all'],
    },
  ],
  [
    'MultiEdit',
    {
      form: z
        .object({ edits: z.array(Edit) })
        .transform(({ edits }) => edits.flatMap(describeEdit)),
      names: ['edits'],
    },
  ],
]);

function describeEdit({
  old_string: before,
  new_string: after,
  replace_all: isEverywhere,
}: z.infer<typeof Edit>) {
  const label = isEverywhere ? 'Everywhere in it, this:' : 'This in it:';
  return [
    { label, text: before },
    { label: 'becomes this:', text: after },
  ];
}

function describeChange(tool: string, fileInput: string, input: Record<string, unknown>): Part[] {
  const { form, names } = changes.get(tool) ?? {};
  const change = form?.safeParse(input).data;
  const { [fileInput]: _, ...rest } = input;
  if (!change || !names) return asJson(rest);
  return [
    ...change,
    ...asJson(Object.fromEntries(Object.entries(rest).filter(([name]) => !names.includes(name)))),
  ];
}

/** The rest of an input, as JSON. */
function asJson(rest: Record<string, unknown>): Part[] {
  return Object.keys(rest).length === 0
    ? []
    : [{ label: 'With:', text: JSON.stringify(rest, null, 2) }];
}

/**
 * What “always” would allow: exactly this command, any change to this file, or exactly this
 * address. Undefined where that cannot be stated exactly: a glob matches different things at
 * different times, Claude Code cannot parse every command, and other tools depend on more than
 * their input.
 */
function describeAlways(
  tool: string,
  input: Record<string, unknown>,
  reasons: Reasons,
): ApprovalRequest['always'] {
  const fileInput = fileInputs.get(tool);
  if (tool === 'Bash') {
    const { command } = input;
    if (typeof command !== 'string' || command.includes('*') || !suggestsRule(reasons, tool))
      return undefined;
    const key = keyOf([tool, effectiveInput(tool, input)], reasons);
    return { key, words: 'this command and no other', name: command };
  }
  if (fileInput) {
    const file = input[fileInput];
    if (typeof file !== 'string' || !path.isAbsolute(file) || file.includes('*')) return undefined;
    const key = keyOf(['file', path.normalize(file)], reasons);
    return { key, words: 'changes of this file and of no other', name: `changes of ${file}` };
  }
  const { url } = input;
  if (!addressTools.has(tool) || typeof url !== 'string' || url.includes('*')) return undefined;
  return { key: keyOf([tool, input], reasons), words: 'this page and no other', name: url };
}

function suggestsRule({ suggestions = [] }: Reasons, tool: string): boolean {
  const rules = suggestions.flatMap((suggestion) =>
    suggestion.type === 'addRules' ? (suggestion.rules ?? []) : [],
  );
  return rules.some(({ toolName }) => toolName === tool);
}

/**
 * Includes Claude Code's own reason for asking, so that a path which meanwhile leads elsewhere is
 * asked about again.
 */
function keyOf(subject: unknown[], { decisionReasonType = '', blockedPath = '' }: Reasons): string {
  return digestOf([...subject, decisionReasonType, blockedPath]);
}

/** The SHA-256 of a value, independent of the key order in its objects. */
function digestOf(value: unknown): string {
  const sort = (_name: string, part: unknown): unknown => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part;
    return Object.fromEntries(
      Object.entries(part).toSorted(([one], [other]) => (one < other ? -1 : 1)),
    );
  };
  return createHash('sha256').update(JSON.stringify(value, sort)).digest('hex');
}
