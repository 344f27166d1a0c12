import { enableCompileCache, flushCompileCache } from 'node:module';
import path from 'node:path';

/**
 * Node's compile cache: beside the packages. It must not be the default place under /tmp, where
 * another user of the machine, such as the agent, could plant code.
 */
export const compiledDirectory = path.join(
  import.meta.dirname,
  '..',
  '..',
  'node_modules',
  '.cache',
  'compiled',
);

/**
 * Enables Node's compile cache, which cuts about half of a start's time. Call it before loading
 * anything else. Caches nothing if the directory is not writable. A directory in
 * `NODE_COMPILE_CACHE` takes precedence.
 */
export function keepCompiledCode(): void {
  enableCompileCache(compiledDirectory);
}

/**
 * Writes what was compiled since the start. Node does so when the process exits, which a killed
 * process does not.
 */
export function saveCompiledCode(): void {
  flushCompileCache();
}
