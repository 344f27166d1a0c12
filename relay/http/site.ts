import type { RequestListener } from 'node:http';
import type { Log } from '../../shared/runtime/log.ts';
import { createFailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { createLinks } from '../../shared/store/links/links.ts';
import { createSealedSecrets } from '../../shared/store/links/sealed.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import { createTurnList } from '../../shared/store/turns/turn-list.ts';
import { createTurnStories } from '../admin/turns/turn-story.ts';
import { createWatch } from '../watch/watch.ts';
import { createAdminMount } from '../admin/mount.ts';
import { createApp } from './app.ts';
import type { RelayConfig } from '../config.ts';
import type { UnsignedRateLimit } from './unsigned-rate-limit.ts';
import { createLinkRoutes } from '../links/routes.ts';
import { createExportLinks } from '../links/export-links.ts';
import { createSecretLinks } from '../links/secret-links.ts';
import { createMedia } from './media.ts';
import type { VmKeeper } from '../wake/vm.ts';
import type { WebhookMeter } from '../webhook-meter.ts';
import { createPages } from '../pages/routes.ts';
import type { PageRenderer } from '../pages/renderer.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { createMediaFetch } from '../../shared/twilio/media.ts';
import { readManifest } from '../../shared/runtime/version.ts';

export type SiteDeps = {
  config: RelayConfig;
  stores: Stores;
  meter: WebhookMeter;
  unsignedRateLimit: UnsignedRateLimit;
  renderer: PageRenderer;
  /** Learns that the worker may have new work. */
  keeper: Pick<VmKeeper, 'look'>;
  /** Aborts when the relay stops. */
  closing: AbortSignal;
  log: Log;
};

/** The routes served by Express: files, pages, links, the dashboard and the metrics. */
export async function createSite(deps: SiteDeps): Promise<RequestListener> {
  const { config, stores, meter, unsignedRateLimit, renderer, keeper, closing, log } = deps;
  const pages = createPageStore(stores.redis, config.RETENTION_DAYS);
  const { acks } = meter;
  const { redis, turns, homes } = stores;
  const accept = createIntake(turns, config.RETENTION_DAYS);
  const look = (): void => keeper.look();
  const [list, failed] = [createTurnList(redis), createFailedMessages(redis, turns)];
  const stories = createTurnStories(redis, { turns, list, failed, homes });
  const watch = createWatch({ config, stores, stories, look, closing, log });
  const secret = createSecretLinks({
    sealed: createSealedSecrets(redis),
    accept,
    look,
    now: () => new Date(),
  });
  const links = createLinkRoutes({
    links: createLinks(redis),
    handlers: { secret, watch: watch.links, export: createExportLinks(stores.files) },
    secure: config.PUBLIC_URL.startsWith('https:'),
  });
  const fetchMedia = createMediaFetch({
    accountSid: config.TWILIO_ACCOUNT_SID,
    authToken: config.TWILIO_AUTH_TOKEN,
    apiUrl: config.TWILIO_API_URL ?? 'https://api.twilio.com',
    pausesMs: [],
  });
  return createApp({
    log,
    metrics: meter.metrics,
    unsignedRateLimit,
    proxies: config.TRUST_PROXY,
    open: [createMedia(stores.files, log), createPages(pages, renderer, log), links],
    admin: await createAdminMount({
      config,
      stores,
      turns: { list, failed, stories, ...watch, accept },
      acks,
      versions: readVersions(),
      keeper,
      fetchMedia,
      closing,
      log,
    }),
  });
}

/**
 * The versions of this system, of Node, and of Claude Code, which the worker of the same release
 * runs.
 */
function readVersions(): [name: string, version: string][] {
  const { version, dependencies } = readManifest();
  const agent = dependencies['@anthropic-ai/claude-agent-sdk'];
  return [
    ['Sidepocket', version],
    ['Node.js', process.versions.node],
    ...(agent ? [['Claude Agent SDK', agent] satisfies [string, string]] : []),
    ['BullMQ', dependencies['bullmq'] ?? 'unknown'],
  ];
}
