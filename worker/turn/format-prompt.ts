import type { Message } from '../../shared/store/message.ts';
import type { Prompt } from '../agent/agent.ts';
import { takeFile } from '../media/incoming-file.ts';
import type { IncomingFile, IncomingDeps } from '../media/incoming-file.ts';

export type PromptDeps = IncomingDeps & {
  /** Text for Claude before the message, such as the quoted reply. */
  before?: string | undefined;
};

/**
 * A message for Claude, with the person's own words in it (`said`), including spoken ones. If
 * nothing in it can be read, the reply to the person instead; then the message does not go to
 * Claude.
 */
export type ReadMessage =
  | {
      prompt: Prompt;
      said: string;
      /** The message is speech, and `said` is all of it. */
      isSpoken?: boolean;
    }
  | { sentence: string };

/**
 * Converts a person's message for Claude: its text unchanged, pictures and PDFs as attachments,
 * voice messages transcribed, every file also in the workspace with its path. Failures to fetch or
 * read a file are reported in words, and never block the message. Throws only the signal's reason.
 */
export async function toPrompt(
  message: Message,
  parts: PromptDeps,
  signal: AbortSignal,
): Promise<ReadMessage> {
  if (message.work) return readWork(message, message.work);
  const written = message.text.trim() || message.choice?.title || '';
  const files: IncomingFile[] = [];
  for (const [index, media] of message.media.entries())
    files.push(await takeFile(parts, media, `${message.id.slice(-8)}-${index + 1}`, signal));
  const place = locationNote(message);
  const sentences = files.flatMap(({ unread }) => (unread === undefined ? [] : [unread]));
  if (written === '' && place === '' && sentences.length === files.length)
    return { sentence: [...new Set(sentences)].join('\n') || emptySentence };
  const text = [
    parts.before ?? '',
    written,
    ...files.map(({ note }) => note),
    place,
    retryNote(message),
  ]
    .filter((line) => line !== '')
    .join('\n');
  const attachments = files.flatMap((file) => file.attachments ?? []);
  const said = [written, ...files.map((file) => file.said ?? '')]
    .filter((words) => words !== '')
    .join('\n');
  return {
    prompt: {
      id: message.id,
      text,
      ...(attachments.length > 0 ? { attachments } : {}),
      ...(message.again ? { isAskedAgain: true } : {}),
    },
    said,
    isSpoken: files.length > 0 && files.every((file) => file.said !== undefined) && place === '',
  };
}

/** A message about work in the background goes to Claude unless it is a sentence of ours. */
function readWork(
  { id }: Message,
  { say, tasks = [], about = [], ended = [] }: NonNullable<Message['work']>,
): ReadMessage {
  return say === undefined
    ? { prompt: { id, text: '', background: { tasks, about, ended } }, said: '' }
    : { sentence: say };
}

/** An empty message is of a kind that WhatsApp or Twilio does not pass on. */
const emptySentence =
  'Your message arrived empty. Polls, view-once pictures and some other kinds do not reach me, nor does a place that you sent while I was away. Please send it again or another way.';

/** What the owner has added for Claude when the message was tried again. */
function retryNote({ note }: Message): string {
  return note ? `[A note for this second try: ${note}]` : '';
}

function locationNote({ location }: Message): string {
  if (!location) return '';
  return `[The person shared a location: ${[location.label, location.address, `${location.latitude}, ${location.longitude}`].filter(Boolean).join(', ')}]`;
}
