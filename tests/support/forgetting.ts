import path from 'node:path';
import type { Log } from '../../shared/runtime/log.ts';
import { createEraser } from '../../shared/store/forget/erase.ts';
import { createForgetStates } from '../../shared/store/forget/forget-state.ts';
import { createLinks } from '../../shared/store/links/links.ts';
import { createSealedSecrets } from '../../shared/store/links/sealed.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { createContents } from '../../shared/twilio/content-cache.ts';
import { createTwilioMessenger } from '../../shared/twilio/messenger.ts';
import { createHomeOf } from '../../worker/agent/homes/home-of.ts';
import { createHomes } from '../../worker/agent/homes/homes.ts';
import { createForgetting } from '../../worker/forget/forget.ts';
import type { ForgetDeps, Forgetting } from '../../worker/forget/forget.ts';
import { createHidden } from '../../worker/secrets/hidden.ts';
import { createPersonOf } from '../../worker/secrets/person-of.ts';
import { createSecretDesk } from '../../worker/secrets/secret-desk.ts';
import type { SecretDesk } from '../../worker/secrets/secret-desk.ts';
import { createSecrets } from '../../worker/secrets/secrets.ts';
import { createPlace } from '../../worker/snapshots/place.ts';

/** Where what is to be forgotten is: Redis, and by the environment the disk and Twilio's side. */
type Where = { redis: Redis; stores: Stores; environment: Record<string, string>; log: Log };

/** The desk of a worker's secrets, at its environment. */
export function createTestDesk({ redis, stores, environment }: Where): SecretDesk {
  const dataDir = environment['DATA_DIR'] ?? '';
  const secrets = createSecrets({ dataDir, hidden: createHidden() });
  return createSecretDesk({
    people: stores.people,
    personOf: createPersonOf(stores.people, secrets),
    secrets,
    links: createLinks(redis),
    sealed: createSealedSecrets(redis),
    publicUrl: environment['PUBLIC_URL'] ?? '',
    shared: [],
    noteNames: async () => undefined,
  });
}

/**
 * A worker's forgetting at its environment, without processes of an agent and without snapshots.
 */
export function createTestForgetting(where: Where, onStep?: ForgetDeps['onStep']): Forgetting {
  const { redis, stores, environment, log } = where;
  const dataDir = environment['DATA_DIR'] ?? '';
  const homes = createHomes({ dataDir, imagesDir: path.join(dataDir, 'images') });
  const account = {
    accountSid: environment['TWILIO_ACCOUNT_SID'] ?? '',
    authToken: environment['TWILIO_AUTH_TOKEN'] ?? '',
    number: environment['TWILIO_WHATSAPP_NUMBER'] ?? '',
    apiUrl: environment['TWILIO_API_URL'],
  };
  return createForgetting({
    stores,
    states: createForgetStates(redis),
    eraser: createEraser({ ...stores, pages: createPageStore(redis) }),
    secrets: createTestDesk(where),
    agent: { release: async () => undefined },
    homes: { of: createHomeOf(stores.people, homes, 'home'), place: createPlace(homes) },
    eraseSnapshots: undefined,
    messenger: createTwilioMessenger(account, log, undefined, createContents(redis)),
    log,
    ...(onStep ? { onStep } : {}),
  });
}
