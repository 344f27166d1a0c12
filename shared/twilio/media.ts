import { setTimeout as sleep } from 'node:timers/promises';
import { readAtMost } from '../runtime/read-at-most.ts';

/**
 * Why an incoming file could not be fetched; the message is a plain clause for Claude and the log.
 */
export class MediaProblem extends Error {
  override name = 'MediaProblem';
}

export type MediaFetchOptions = {
  accountSid: string;
  authToken: string;
  /** Twilio's API; the credentials go nowhere else. */
  apiUrl: string;
  /** The backoff between attempts (ms): a file can be available a little late. */
  pausesMs: number[];
};

/** Fetches an incoming file. Throws MediaProblem, or the signal's reason. */
export type MediaFetch = (url: string, signal: AbortSignal) => Promise<Buffer>;

/**
 * WhatsApp's limit at Twilio (twilio.com/docs/whatsapp/guidance-whatsapp-media-messages), in bytes.
 */
const largest = 16 * 1024 * 1024;
/** The time limit of one request (ms). */
const patience = 20_000;
const mostRedirects = 3;
/** The hosts that Twilio's API redirects file requests to, as seen in production. */
const storageHosts = ['twiliocdn.com', 's3-external-1.amazonaws.com'];

/**
 * Fetches by Twilio's rules: the first address must be the API's own, the credentials go with that
 * request only, redirects are followed manually and only to Twilio's known hosts, and at most 16 MB
 * are read. So a forged address reaches nothing else.
 */
export function createMediaFetch({
  accountSid,
  authToken,
  apiUrl,
  pausesMs,
}: MediaFetchOptions): MediaFetch {
  const api = new URL(apiUrl);
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;

  const isKnown = (url: URL): boolean =>
    url.origin === api.origin ||
    (url.protocol === 'https:' &&
      storageHosts.some((host) => url.hostname === host || url.hostname.endsWith(`.${host}`)));

  const fetchOnce = async (first: string, ended: AbortSignal): Promise<Buffer> => {
    let url = new URL(first);
    // If one address replaces Twilio's hosts, it replaces this one, too.
    if (url.origin === 'https://api.twilio.com') url = new URL(`${apiUrl}${url.pathname}`);
    if (url.origin !== api.origin) throw new MediaProblem('its address is not Twilio’s');
    for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
      const headers = redirects === 0 ? { Authorization: authorization } : undefined;
      const response = await fetch(url, {
        redirect: 'manual',
        signal: AbortSignal.any([ended, AbortSignal.timeout(patience)]),
        ...(headers ? { headers } : {}),
      });
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || !location) return await read(response);
      await response.body?.cancel();
      url = new URL(location, url);
      if (!isKnown(url)) throw new MediaProblem('it was redirected to a host that is not Twilio’s');
    }
    throw new MediaProblem('it was redirected too often');
  };

  return async (url, signal) => {
    for (const pause of [...pausesMs, undefined]) {
      try {
        return await fetchOnce(url, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof MediaProblem || pause === undefined)
          throw error instanceof MediaProblem
            ? error
            : new MediaProblem('Twilio did not hand it out');
        await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
    throw new MediaProblem('Twilio did not hand it out');
  };
}

/**
 * Reads an answer, up to the limit. Throws MediaProblem if it is too large, any other error if a
 * retry makes sense.
 */
async function read(response: Response): Promise<Buffer> {
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new Error(`HTTP ${response.status}`);
  }
  const bytes = await readAtMost(response, largest);
  if (!bytes) throw new MediaProblem('it has more than 16 MB');
  return bytes;
}
