import type { Message } from '../../../shared/store/message.ts';
import type { ReplyFile } from '../../../shared/store/reply.ts';
import { html } from '../frame/html.ts';
import type { Html } from '../frame/html.ts';
import { fileKind } from './message-title.ts';
import { revealed } from '../../watch/step-view.ts';

/** The kinds of pictures that a page shows; anything else is only named. */
export const shownPictures: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
]);

/** The files of a message, in its row: pictures come from Twilio, through the relay. */
export function messageFiles({ id, media }: Pick<Message, 'id' | 'media'>): Html | false {
  return (
    media.length > 0 &&
    html`<span class="shots wide">${media.map(({ type }, index) =>
      shownPictures.has(type)
        ? html`<img loading="lazy" src="/admin/received/${encodeURIComponent(id)}/${index}" alt="${fileKind(type)} that was sent">`
        : html`<span class="tag">${fileKind(type)}</span>`,
    )}</span>`
  );
}

/** The file of a reply, in its row; it is kept for a day. */
export function replyFile({ token, type, name }: ReplyFile): Html {
  return html`<span class="shots wide">${
    shownPictures.has(type)
      ? html`<img loading="lazy" src="/admin/sent/${encodeURIComponent(token)}" alt="${revealed(name)}">`
      : html`<a class="tag" href="/admin/sent/${encodeURIComponent(token)}"><bdi>${revealed(name)}</bdi></a>`
  }</span>`;
}
