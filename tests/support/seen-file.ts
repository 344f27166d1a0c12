import { createHash } from 'node:crypto';
import path from 'node:path';

/**
 * The file by which a crash test's agent remembers, across processes, that it has begun with a
 * text.
 */
export function seenFile(dataDir: string, text: string): string {
  return path.join(dataDir, `seen-${createHash('sha1').update(text).digest('hex')}`);
}
