import path from 'node:path';

/** What a name in the home stands for, if it is a link or leads to one. */
type Entry = { names: Map<string, Entry>; target?: string; up: Entry | undefined };

/** Where a path has come: to an entry, or this many names below it. */
type Position = { entry: Entry; below: number };

/** Where a link ends; `nowhere` is a loop. */
type End = Position | 'out' | 'nowhere';

/** A link that is being followed: where its path has come, and the character it goes on from. */
type Walk = { link: Entry; at: Position; target: string; next: number };

/** A home's links, and where those end that were followed. */
type Tree = { root: Entry; directory: string; ends: Map<Entry, End> };

/**
 * The links that lead out of a home. `links` are all of its symbolic links with their targets, by
 * their names relative to the home's directory; `directory` is where the home lies: an absolute
 * target below it is within. A link whose target is missing leads nowhere, and stays. Each link is
 * followed once: the time grows with the length of all names and targets together, whatever the
 * links lead through.
 */
export function linksOut(links: ReadonlyMap<string, string>, directory: string): string[] {
  const tree: Tree = { root: { names: new Map(), up: undefined }, directory, ends: new Map() };
  const known = [...links].map(([name, target]) => {
    const link = name.split('/').reduce(entryOf, tree.root);
    link.target = target;
    return { name, link };
  });
  return known.filter(({ link }) => follow(tree, link) === 'out').map(({ name }) => name);
}

function entryOf(up: Entry, name: string): Entry {
  const entry = up.names.get(name) ?? { names: new Map<string, Entry>(), up };
  up.names.set(name, entry);
  return entry;
}

/** Follows a link, and each link on its way that was not followed before. */
function follow(tree: Tree, first: Entry): End | undefined {
  const { ends } = tree;
  const walks = ends.has(first) ? [] : [walkOf(tree, first)];
  const open = new Set([first]);
  for (let walk = walks.at(-1); walk !== undefined; walk = walks.at(-1)) {
    const link = advance(walk);
    const isLink = typeof link === 'object';
    const end = isLink ? (open.has(link) ? 'nowhere' : ends.get(link)) : (link ?? walk.at);
    if (isLink && end === undefined) {
      open.add(link);
      walks.push(walkOf(tree, link));
    } else if (isLink && typeof end === 'object') {
      walk.at = end;
      walk.next = endOfName(walk) + 1;
    } else {
      ends.set(walk.link, end ?? 'nowhere');
      open.delete(walk.link);
      walks.pop();
    }
  }
  return ends.get(first);
}

function walkOf({ root, directory }: Tree, link: Entry): Walk {
  const { target = '', up = root } = link;
  if (!target.startsWith('/')) return { link, at: { entry: up, below: 0 }, target, next: 0 };
  const isWithin = target === directory || target.startsWith(`${directory}${path.sep}`);
  const rest = isWithin ? target.slice(directory.length) : '..';
  return { link, at: { entry: root, below: 0 }, target: rest, next: 0 };
}

/**
 * Goes on along a path. Returns the link that it has come to, before its name; `out` when it leaves
 * the home, and undefined at its end.
 */
function advance(walk: Walk): Entry | 'out' | undefined {
  while (walk.next < walk.target.length) {
    const end = endOfName(walk);
    const name = walk.target.slice(walk.next, end);
    const { entry, below } = walk.at;
    if (name === '..') {
      if (below === 0 && entry.up === undefined) return 'out';
      walk.at = below > 0 ? { entry, below: below - 1 } : { entry: entry.up ?? entry, below };
    } else if (name !== '' && name !== '.') {
      const next = below === 0 ? entry.names.get(name) : undefined;
      if (next?.target !== undefined) return next;
      walk.at = next ? { entry: next, below } : { entry, below: below + 1 };
    }
    walk.next = end + 1;
  }
  return undefined;
}

function endOfName({ target, next }: Walk): number {
  const slash = target.indexOf('/', next);
  return slash === -1 ? target.length : slash;
}
