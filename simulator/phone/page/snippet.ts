import type { ChatMessage } from '../../chat.ts';
import { icon } from './icon.ts';
import type { IconName } from './icon.ts';
import { mediaKind } from './media-kind.ts';
import { plainText } from './text-view.ts';

const mediaKinds: Record<string, { name: string; icon: IconName }> = {
  picture: { name: 'Photo', icon: 'picture' },
  voice: { name: 'Voice note', icon: 'voice' },
  video: { name: 'Video', icon: 'play' },
  document: { name: 'Document', icon: 'document' },
};

/** A message on one line: an icon for what it carries, then its text or the name of that. */
export function snippetOf(message: ChatMessage): Node[] {
  const media = message.media[0];
  if (media) {
    const kind = mediaKind(media.type);
    const name = kind === 'document' ? media.name : mediaKinds[kind]?.name;
    return [
      icon(mediaKinds[kind]?.icon ?? 'document'),
      document.createTextNode(plainText(message.text) || (name ?? media.name)),
    ];
  }
  if (message.location)
    return [icon('pin'), document.createTextNode(message.location.label ?? 'Location')];
  return [document.createTextNode(plainText(message.text))];
}

/** Who wrote a message, as the reader of this page would say it. */
export function authorOf(message: ChatMessage): string {
  return message.direction === 'inbound' ? 'You' : 'Sidepocket';
}
