import path from 'node:path';

/** How many links a path may go through; Linux allows as many. */
const mostHops = 40;

/**
 * The links that lead out of a home. `links` are all of its symbolic links with their targets, by
 * their names relative to the home's directory; `directory` is where the home lies: an absolute
 * target below it is within. A link whose target is missing leads nowhere, and stays.
 */
export function linksOut(links: ReadonlyMap<string, string>, directory: string): string[] {
  return [...links.keys()].filter((name) => leadsOut(links, directory, name));
}

function leadsOut(links: ReadonlyMap<string, string>, directory: string, name: string): boolean {
  const at = name.split('/').slice(0, -1);
  const left = [name.split('/').at(-1) ?? ''];
  let hops = 0;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at.pop() === undefined) return true;
      continue;
    }
    const target = links.get([...at, part].join('/'));
    if (target === undefined) {
      at.push(part);
      continue;
    }
    hops += 1;
    // A loop leads nowhere.
    if (hops > mostHops) return false;
    if (!target.startsWith('/')) {
      left.unshift(...target.split('/'));
      continue;
    }
    if (target !== directory && !target.startsWith(`${directory}${path.sep}`)) return true;
    at.length = 0;
    left.unshift(...target.slice(directory.length).split('/'));
  }
  return false;
}
