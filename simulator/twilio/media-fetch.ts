import { parse } from 'content-disposition';
import { createSid } from './sid.ts';
import { checkMedia, maxMediaBytes } from './media-type.ts';
import type { StoredMedia } from './message-record.ts';
import type { TwinMemory } from './memory.ts';

/** How long one HEAD or GET of a MediaUrl may take, in milliseconds. */
const fetchMs = 10_000;

/**
 * Fetches a MediaUrl as Twilio does, first HEAD and then GET, and checks the result.
 * @returns the file, or the failure code for the message: 63019 when it cannot be downloaded, 63021
 * when HEAD and GET disagree about the type, and what `checkMedia` finds. It never rejects.
 */
export async function fetchMedia(
  url: string,
  signal: AbortSignal,
  memory: TwinMemory,
): Promise<StoredMedia | number> {
  try {
    const head = await request('HEAD', url, signal, memory);
    await head.body?.cancel();
    if (!head.ok) return 63_019;
    const response = await request('GET', url, signal, memory);
    if (!response.ok) {
      await response.body?.cancel();
      return 63_019;
    }
    const type = mediaType(response);
    const bytes = await readLimited(response);
    const code = type === mediaType(head) ? checkMedia(type, bytes) : 63_021;
    if (code !== undefined) return code;
    return {
      sid: createSid('ME'),
      type,
      name: fileName(url, response),
      bytes,
      createdAt: new Date(),
      deleted: false,
    };
  } catch {
    return 63_019;
  }
}

async function request(
  method: string,
  url: string,
  signal: AbortSignal,
  memory: TwinMemory,
): Promise<Response> {
  const seen = { by: 'twin' as const, method, url, authorized: false };
  try {
    const headers = { 'user-agent': 'TwilioProxy/1.1' };
    const response = await fetch(url, {
      method,
      headers,
      signal: AbortSignal.any([signal, AbortSignal.timeout(fetchMs)]),
    });
    memory.mediaFetches.push({ ...seen, status: response.status, at: new Date().toISOString() });
    return response;
  } catch (error) {
    memory.mediaFetches.push({ ...seen, status: 0, at: new Date().toISOString() });
    throw error;
  }
}

function mediaType(response: Response): string {
  return (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** Reads one byte more than the limit at most, so that an endless answer ends. */
async function readLimited(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxMediaBytes) break;
  }
  return Buffer.concat(chunks);
}

function fileName(url: string, response: Response): string {
  const { filename } = parse(response.headers.get('content-disposition') ?? '').parameters;
  return filename || new URL(url).pathname.split('/').pop() || 'file';
}
