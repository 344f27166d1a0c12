import { createHash } from 'node:crypto';
import { cut } from '../../shared/runtime/cut.ts';
import type { PageStore } from '../../shared/store/pages.ts';
import type { ApprovalRequest } from '../agent/agent.ts';
import type { Question } from './question.ts';
import { cutPieces, endOf, showLine, showText, warningsAbout } from './shown-text.ts';

/** Where requests too long for the chat are shown. */
export type ApprovalPages = { pages: Pick<PageStore, 'put'>; publicUrl: string };

/**
 * Limits for the question itself (UTF-16 units, lines). A phone hides the end of a much longer
 * message, and with buttons Twilio accepts 1024 (twilio.com/docs/content/twilio-quick-reply).
 */
const questionRoom = { characters: 750, lines: 20 };

/** Limits on one message before the question, under WhatsApp's 1600, and on their number. */
const messageRoom = 1450;
const mostMessages = 4;

/** Limits on the excerpt of the end shown in the question itself. */
const endRoom = { characters: 300, lines: 8 };

/**
 * The longest request that a person is asked about (UTF-16 units): some twenty pages of a book,
 * rendered in 0.2 s.
 */
const longestRequest = 50_000;

/** A part of the input, made visible and fenced: `label` is ours, `text` the agent's. */
type Part = { label: string; text: string };

/**
 * Asks whether a tool may run, with all of its input: in the question, in messages before it, or on
 * a page, and its end always in the question. Undefined when it is too long for all of these.
 */
export async function writeApproval(
  request: ApprovalRequest,
  where: ApprovalPages | undefined,
): Promise<Question | undefined> {
  const raw = [{ label: '', text: request.detail }, ...(request.more ?? [])];
  if (raw.reduce((sum, { text }) => sum + text.length, 0) > longestRequest) return undefined;
  const visible = raw.map(({ label, text }) => ({ label, text: showText(text) }));
  const parts = visible.filter(({ label, text }) => label !== '' || text !== '');
  const title = cut(showLine(request.title), 120);
  const warnings = warningsAbout(raw.map(({ text }) => text).join('\n'), request.detail);
  const always = request.always ? [`_Yes, always: ${request.always.words}, in this session._`] : [];
  const shown = await show(title, parts, [...warnings, ...always], where);
  if (!shown) return undefined;
  const labels = request.always
    ? ['Yes', 'Yes, always', 'No']
    : request.defaultToNo
      ? ['No', 'Yes']
      : ['Yes', 'No'];
  return {
    kind: 'permission',
    ...shown,
    options: labels.map((label) => ({ label })),
    multiple: false,
    fallback: 'No',
    yes: 'Yes',
    no: 'No',
    subject: request.digest ?? sha256(JSON.stringify([request.tool, request.title, raw])),
    summary: cut(`${title} ${parts.map(({ text }) => text).join(' ')}`, 300),
  };
}

async function show(
  title: string,
  parts: Part[],
  notes: string[],
  where: ApprovalPages | undefined,
): Promise<Pick<Question, 'text' | 'before'> | undefined> {
  const whole = [title, ...parts.map(writePart), ...notes].join('\n');
  if (whole.length <= questionRoom.characters && whole.split('\n').length <= questionRoom.lines)
    return { text: whole };
  const [first] = parts;
  const isName =
    first && parts.length > 1 && first.text.length <= 150 && !first.text.includes('\n');
  const name = isName ? [writePart(first)] : [];
  const end = endOf(parts.at(-1)?.text.trimEnd() ?? '', endRoom.characters, endRoom.lines);
  const ask = (how: string): string => [title, ...name, how, fence(end), ...notes].join('\n');
  const messages = packParts(parts);
  if (messages.length <= mostMessages) {
    const count = messages.length;
    const place = (index: number): string => (count > 1 ? `, ${index + 1} of ${count}` : '');
    const before = messages.map((text, index) => `*To be allowed${place(index)}:*\n${text}`);
    const above = count > 1 ? `${count} messages` : 'message';
    return { before, text: ask(`All of it is in the ${above} before this one. It ends with:`) };
  }
  const page = `# ${title}\n\n${parts.map(writePart).join('\n\n')}\n`;
  const token = await where?.pages.put(`approval.${sha256(page)}`, page);
  if (token === undefined) return undefined;
  const before = [`*To be allowed, the beginning:*\n${messages[0]}`];
  return {
    before,
    text: ask(`Read all of it first:\n${where?.publicUrl}/page/${token}\nIt ends with:`),
  };
}

function writePart({ label, text }: Part): string {
  return [...(label === '' ? [] : [label]), text === '' ? '_(nothing)_' : fence(text)].join('\n');
}

/** The shown text contains no three backticks in a row. */
function fence(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}

/** Packs the parts into messages, in order, splitting parts that are too long. */
function packParts(parts: Part[]): string[] {
  const messages: string[] = [];
  for (const { label, text } of parts) {
    const pieces = text.length <= messageRoom - 100 ? [text] : cutPieces(text, messageRoom - 100);
    for (const [index, piece] of pieces.entries()) {
      const written = writePart({
        label: index === 0 || label === '' ? label : `${label} (it goes on)`,
        text: piece,
      });
      const last = messages.at(-1);
      const both = `${last}\n${written}`;
      if (last !== undefined && both.length <= messageRoom) messages[messages.length - 1] = both;
      else messages.push(written);
    }
  }
  return messages;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
