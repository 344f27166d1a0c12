import { cut } from '../../shared/runtime/cut.ts';

/**
 * Directories that no snapshot has, whatever they are in: caches, and what a package manager
 * installs again.
 */
export const excludedNames = [
  'node_modules',
  '.cache',
  '__pycache__',
  '.pnpm-store',
  '_cacache',
  'Code Cache',
  'GPUCache',
  '.moving',
];

/** Directories of the home directory that no snapshot has, for the same reason. */
export const excludedInHome = [
  '.npm',
  '.rustup',
  '.cargo/registry',
  '.gradle/caches',
  '.m2/repository',
  '.bun/install/cache',
  '.local/share/pnpm/store',
  'go/pkg/mod',
];

/** How many are named, and how much of a name is shown (UTF-16 units). */
const mostNamed = 10;
const longestName = 120;

/**
 * Names what a snapshot lacks: files, or directories with how many entries of them. '' for nothing.
 */
export function nameLeftOut(names: readonly string[]): string {
  const more = names.length - mostNamed;
  const shown = names.slice(0, mostNamed).map(readable).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** The bytes of a name as text on one line: people read it in the chat. */
function readable(name: string): string {
  const text = Buffer.from(name, 'latin1')
    .toString('utf8')
    .replaceAll(/\p{Cc}|\p{Cf}/gu, '�');
  return cut(text, longestName);
}
