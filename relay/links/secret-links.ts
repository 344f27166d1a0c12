import { parseJson } from '../../shared/runtime/json.ts';
import type { Intake } from '../../shared/store/boxes/intake.ts';
import { SecretDetail, isSealedBox } from '../../shared/store/links/secret-link.ts';
import type { SealedSecrets } from '../../shared/store/links/sealed.ts';
import { secretId } from '../../shared/store/message.ts';
import type { LinkHandler } from './link-handler.ts';
import { secretPage, secretTakenPage } from './secret-page.ts';

export type SecretLinkDeps = {
  sealed: SealedSecrets;
  accept: Intake;
  /** Wakes the worker if needed. */
  look: () => void;
  now: () => Date;
};

/**
 * Links for entering a secret: the page encrypts it to the home's key, Redis keeps that for the
 * worker, and a message to the conversation says that it is there.
 */
export function createSecretLinks({ sealed, accept, look, now }: SecretLinkDeps): LinkHandler {
  const detailOf = (detail: string): SecretDetail => SecretDetail.parse(parseJson(detail));
  return {
    page: (link) => secretPage(link, detailOf(link.detail).key),
    isWhole: (form) => isSealedBox(form.get('sealed') ?? ''),
    async take({ id, person, object, detail }, form) {
      const { conversation } = detailOf(detail);
      await sealed.put(id, { person, name: object, box: form.get('sealed') ?? '' });
      const { outcome } = await accept({
        id: secretId(conversation, id),
        conversation,
        at: now().toISOString(),
        // For the dashboard; Claude does not get it.
        text: `A secret: ${object}`,
        media: [],
        human: false,
        sealed: id,
      });
      if (outcome === 'refused') await sealed.remove(id);
      else look();
      return outcome !== 'refused';
    },
    done: secretTakenPage,
  };
}
