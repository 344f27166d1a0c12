import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Random } from './random.ts';

/** Names that a shell, git or a line of text could trip over; one is no UTF-8. */
const names = [
  'a.txt',
  'b',
  '-n',
  'with blank.md',
  'line\nbreak',
  '"quoted"',
  'grüße',
  '*',
  '.hidden',
  '.gitignore',
  '.gitattributes',
] as const;
const oddName = Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x63]);

const contents = [
  'one\n',
  'two\r\nlines\r\n',
  '',
  '$Id$\n',
  '*.c filter=evil\n',
  '\0\u0001\n',
  'x'.repeat(5000),
];

const under = (directory: Buffer, name: Buffer | string): Buffer =>
  Buffer.concat([directory, Buffer.from('/'), Buffer.from(name)]);

/** Everything below a directory but what belongs to a repository itself. */
function entriesOf(directory: Buffer): Buffer[] {
  return readdirSync(directory, { encoding: 'buffer' })
    .filter((name) => name.toString() !== '.git')
    .flatMap((name) => {
      const path = under(directory, name);
      return lstatSync(path).isDirectory() ? [path, ...entriesOf(path)] : [path];
    });
}

const isDirectory = (path: Buffer): boolean => lstatSync(path).isDirectory();
const holdsRepository = (path: Buffer): boolean =>
  isDirectory(path) &&
  [path, ...entriesOf(path).filter(isDirectory)].some((directory) =>
    readdirSync(directory).includes('.git'),
  );

/** Changes a directory in `count` random ways: as editors, commands and mistakes do. */
export function editAtRandom(directory: string, { below, pick }: Random, count: number): void {
  const root = Buffer.from(directory);
  for (let done = 0; done < count; done += 1) {
    const all = entriesOf(root);
    const directories = [root, ...all.filter(isDirectory)];
    const place = directories[below(directories.length)] ?? root;
    const name = below(12) === 0 ? oddName : pick(names);
    const fresh = under(place, name);
    const some = all[below(all.length)];
    const isFree = !all.some((path) => path.equals(fresh));
    switch (below(10)) {
      case 0:
      case 1:
        if (isFree) writeFileSync(fresh, pick(['', ...contents]));
        break;
      case 2:
        if (isFree) mkdirSync(fresh);
        break;
      case 3:
        if (isFree) symlinkSync(pick(['nowhere', '/etc/passwd', '..', 'a.txt']), fresh);
        break;
      case 4:
        if (some && lstatSync(some).isFile()) writeFileSync(some, pick(['', ...contents]));
        break;
      case 5:
        if (some && lstatSync(some).isFile()) appendFileSync(some, 'more\n');
        break;
      case 6:
        if (some && !holdsRepository(some)) rmSync(some, { recursive: true });
        break;
      case 7:
        if (
          some &&
          isFree &&
          !holdsRepository(some) &&
          !fresh.toString().startsWith(`${some.toString()}/`)
        )
          renameSync(some, fresh);
        break;
      case 8:
        if (some && !lstatSync(some).isSymbolicLink())
          chmodSync(
            some,
            isDirectory(some)
              ? pick([0o755, 0o700, 0o750, 0o500])
              : pick([0o644, 0o600, 0o755, 0o640, 0o400]),
          );
        break;
      default: {
        if (!some || holdsRepository(some)) break;
        const wasDirectory = isDirectory(some);
        rmSync(some, { recursive: true });
        if (wasDirectory) writeFileSync(some, 'was a directory\n');
        else {
          mkdirSync(some);
          writeFileSync(under(some, 'inner'), 'was a file\n');
        }
      }
    }
  }
}
