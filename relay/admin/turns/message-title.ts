import { cut } from '../../../shared/runtime/cut.ts';
import { isRequest, isScheduledId } from '../../../shared/store/message.ts';
import type { Message } from '../../../shared/store/message.ts';
import type { Turn } from '../../../shared/store/turns/turn-list.ts';

/** What the kinds of files are called. */
const kinds: [start: string, name: string][] = [
  ['image/', 'Picture'],
  ['audio/', 'Voice message'],
  ['video/', 'Video'],
  ['text/vcard', 'Contact'],
  ['text/x-vcard', 'Contact'],
];

/** What a message's file is called, by its type. */
export function fileKind(type: string): string {
  return kinds.find(([start]) => type.startsWith(start))?.[1] ?? 'File';
}

/**
 * A message in one line of at most 200 characters: its text, or what it is instead; `gone` when its
 * text is no longer kept.
 */
export function messageTitle(message: Message | undefined, gone = 'Text no longer kept'): string {
  if (!message) return gone;
  const { id, text, media, location, work, sealed } = message;
  if (text.trim() !== '') return cut(isScheduledId(id) ? `Scheduled: ${text}` : text, 200);
  if (location) return location.label ? `Location: ${cut(location.label, 100)}` : 'Location';
  const [file] = media;
  if (file)
    return media.length === 1
      ? fileKind(file.type)
      : `${fileKind(file.type)} and ${media.length - 1} more`;
  if (work) return 'Work in the background';
  return sealed === undefined ? 'No text' : 'A secret';
}

/**
 * What a turn is about, in one line: its first message that asks for something, else its first.
 * `gone` when the text is no longer kept.
 */
export function turnTitle({ messages }: Pick<Turn, 'messages'>, gone?: string): string {
  const first = messages.find(({ message }) => message && isRequest(message)) ?? messages[0];
  return messageTitle(first?.message, gone);
}
