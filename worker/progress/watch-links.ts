import { cut } from '../../shared/runtime/cut.ts';
import type { Links } from '../../shared/store/links/links.ts';
import type { WatchDetail } from '../../shared/store/links/watch-link.ts';
import type { PersonOf } from '../secrets/person-of.ts';

/** Links to the live pages of turns. */
export type WatchLinks = {
  /** A new link to a turn of the conversation; `title` names the work in the list of links. */
  of(conversation: string, turn: string, title: string): Promise<string>;
};

/** The longest title in the list of links (characters). */
const longestTitle = 60;

export function createWatchLinks({
  links,
  personOf,
  publicUrl,
}: {
  links: Pick<Links, 'add'>;
  personOf: PersonOf;
  publicUrl: string;
}): WatchLinks {
  return {
    async of(conversation, turn, title) {
      const detail: WatchDetail = { conversation, turn };
      const { token } = await links.add({
        purpose: 'watch',
        person: await personOf(conversation),
        object: cut(title, longestTitle) || 'my work',
        detail: JSON.stringify(detail),
        uses: 1,
      });
      return `${publicUrl}/link/${token}`;
    },
  };
}
