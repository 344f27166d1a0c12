import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';

/**
 * Everything below a directory, byte for byte: types, permissions, contents and where links lead,
 * by path in latin1. Without `except`, paths that match it.
 */
export function readTree(directory: string, except = /^$/): Record<string, string> {
  const tree: Record<string, string> = {};
  const walk = (place: Buffer, path: string): void => {
    for (const name of readdirSync(place, { encoding: 'buffer' })) {
      const file = Buffer.concat([place, Buffer.from('/'), name]);
      const own = `${path}${name.toString('latin1')}`;
      if (except.test(own)) continue;
      const about = lstatSync(file);
      const mode = (about.mode & 0o7777).toString(8);
      if (about.isSymbolicLink())
        tree[own] = `link ${readlinkSync(file, { encoding: 'buffer' }).toString('latin1')}`;
      else if (about.isDirectory()) {
        tree[own] = `directory ${mode}`;
        walk(file, `${own}/`);
      } else tree[own] = `file ${mode} ${readFileSync(file).toString('latin1')}`;
    }
  };
  walk(Buffer.from(directory), '');
  return tree;
}
