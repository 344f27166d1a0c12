import { cut } from '../../shared/runtime/cut.ts';
import { createDashboardNote } from '../../shared/store/dashboard.ts';
import type { Links } from '../../shared/store/links/links.ts';
import type { WatchDetail } from '../../shared/store/links/watch-link.ts';
import { ownerOf } from '../../shared/store/owner.ts';
import type { Stores } from '../../shared/store/stores.ts';
import type { PersonOf } from '../secrets/person-of.ts';

/** Links to the live pages of turns, and to what needs the owner. */
export type WatchLinks = {
  /** A new link to a turn of the conversation; `title` names the work in the list of links. */
  of(conversation: string, turn: string, title: string): Promise<string>;
  /**
   * The dashboard's page of what needs a look, which asks for the sign-in; undefined for anyone but
   * the owner, and without a dashboard.
   */
  looks(conversation: string): Promise<string | undefined>;
};

/** The longest title in the list of links (characters). */
const longestTitle = 60;

export function createWatchLinks({
  links,
  stores,
  personOf,
  publicUrl,
}: {
  links: Pick<Links, 'add'>;
  stores: Pick<Stores, 'allowed' | 'people' | 'redis'>;
  personOf: PersonOf;
  publicUrl: string;
}): WatchLinks {
  const dashboard = createDashboardNote(stores.redis);
  return {
    async looks(conversation) {
      const isTheirs =
        (await dashboard.isThere()) && (await ownerOf(stores, conversation)) !== undefined;
      return isTheirs ? `${publicUrl}/admin/look` : undefined;
    },
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
