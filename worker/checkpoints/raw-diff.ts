/**
 * A file that differs between two checkpoints. Paths are bytes, as in a Listing. `pair` are the ids
 * of both contents, undefined on the side that lacks it. `isText`: git can compare it line by line.
 */
export type RawChange = {
  path: string;
  from?: string;
  kind: 'added' | 'removed' | 'changed' | 'renamed';
  pair: [before: string | undefined, after: string | undefined];
  added: number;
  removed: number;
  isText: boolean;
};

/** Parses the output of `git diff-tree -r -z -M --raw --numstat`. */
export function parseRawDiff(output: Buffer): RawChange[] {
  const words = output.toString('latin1').split('\0');
  const changes = new Map<string, RawChange>();
  let at = 0;
  for (let word = words[at] ?? ''; word.startsWith(':'); word = words[at] ?? '') {
    const [, , before = '', after = '', status = ''] = word.split(' ');
    const isRenamed = status.startsWith('R');
    const from = isRenamed ? words[at + 1] : undefined;
    const path = words[at + (isRenamed ? 2 : 1)] ?? '';
    at += isRenamed ? 3 : 2;
    const kind = isRenamed
      ? 'renamed'
      : status === 'A'
        ? 'added'
        : status === 'D'
          ? 'removed'
          : 'changed';
    const pair: RawChange['pair'] = [idOf(before), idOf(after)];
    const change = { path, kind, pair, added: 0, removed: 0, isText: true } as const;
    changes.set(path, from === undefined ? { ...change } : { ...change, from });
  }
  while (at < words.length) {
    const [, added = '', removed = '', own = ''] =
      /^(\d+|-)\t(\d+|-)\t([^]*)$/.exec(words[at] ?? '') ?? [];
    const path = own === '' ? (words[at + 2] ?? '') : own;
    at += own === '' && added !== '' ? 3 : 1;
    const change = changes.get(path);
    if (!change || added === '') continue;
    change.isText = added !== '-';
    // An entry that became another kind of entry has two lines.
    change.added += Number(added) || 0;
    change.removed += Number(removed) || 0;
  }
  return [...changes.values()];
}

function idOf(word: string): string | undefined {
  return /^0+$/.test(word) ? undefined : word;
}
