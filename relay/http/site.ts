import type { RequestListener } from 'node:http';
import type { Log } from '../../shared/runtime/log.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import { createAdminMount } from '../admin/mount.ts';
import { createApp } from './app.ts';
import type { RelayConfig } from '../config.ts';
import type { UnsignedRateLimit } from './unsigned-rate-limit.ts';
import { createMedia } from './media.ts';
import type { Metrics } from '../metrics.ts';
import { createPages } from '../pages/routes.ts';
import type { PageRenderer } from '../pages/renderer.ts';
import type { Samples } from '../metric-samples.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { readVersions } from '../admin/versions.ts';

export type SiteParts = {
  config: RelayConfig;
  stores: Stores;
  metrics: Metrics;
  unsignedRateLimit: UnsignedRateLimit;
  renderer: PageRenderer;
  acks: Samples;
  /** Called when the worker may have new work; must not throw. */
  onRetried: () => void;
  log: Log;
};

/** The routes served by Express: files, pages, the dashboard and the metrics. */
export async function createSite({
  config,
  stores,
  metrics,
  unsignedRateLimit,
  renderer,
  acks,
  onRetried,
  log,
}: SiteParts): Promise<RequestListener> {
  return createApp({
    log,
    metrics,
    unsignedRateLimit,
    proxies: config.TRUST_PROXY,
    media: createMedia(stores.files, log),
    pages: createPages(createPageStore(stores.redis, config.RETENTION_DAYS), renderer, log),
    admin: await createAdminMount({
      ...stores,
      config,
      acks,
      log,
      versions: readVersions(),
      onRetried,
    }),
  });
}
