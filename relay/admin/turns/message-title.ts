import { cut } from '../../../shared/runtime/cut.ts';
import { isRequest, isScheduledId } from '../../../shared/store/message.ts';
import type { Message } from '../../../shared/store/message.ts';
import { revealed } from '../../watch/step-view.ts';
import type { Turn } from '../../../shared/store/turns/turn-list.ts';

/** A sign that can be seen: neither blank nor ignored in print. */
const visible = /[^\s\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]/u;

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
  if (visible.test(text))
    return cut(revealed(isScheduledId(id) ? `Scheduled: ${text}` : text), 200);
  if (location) return location.label ? `Location: ${cut(location.label, 100)}` : 'Location';
  const [file] = media;
  if (file)
    return media.length === 1
      ? fileKind(file.type)
      : `${fileKind(file.type)} and ${media.length - 1} more`;
  if (work) return 'Work in the background';
  if (sealed !== undefined) return 'A secret';
  return text.trim() === '' ? 'No text' : 'Nothing that can be seen';
}

/**
 * What a turn is about, in one line: its first message that asks for something, else its first.
 * `gone` when the text is no longer kept.
 */
export function turnTitle({ messages }: Pick<Turn, 'messages'>, gone?: string): string {
  const first = messages.find(({ message }) => message && isRequest(message)) ?? messages[0];
  return messageTitle(first?.message, gone);
}
