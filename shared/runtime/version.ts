import { readFileSync } from 'node:fs';
import { z } from 'zod';

const Manifest = z.object({ version: z.string(), dependencies: z.record(z.string(), z.string()) });

/** The version of this system, and those of the packages that it asks for, by their names. */
export function readManifest(): z.infer<typeof Manifest> {
  const file = new URL('../../package.json', import.meta.url);
  return Manifest.parse(JSON.parse(readFileSync(file, 'utf8')));
}
