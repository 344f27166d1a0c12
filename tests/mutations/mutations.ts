import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { measureSlowness } from '../support/measure-slowness.ts';
import { mutate } from './mutation.ts';
import type { Mutation } from './mutation.ts';
import type { Numbered } from './options.ts';
import { copyProject } from './project-copy.ts';
import { runTest } from './test-run.ts';
import type { TestEnd } from './test-run.ts';

/**
 * What became of a mutation. `explained` survived as the list says; `wrong` could not be tried, or
 * has a reason to survive and does not.
 */
export type Fate = 'killed' | 'explained' | 'survived' | 'wrong';

/** A fate with a few words about it, and what the test or the tool said. */
type Verdict = { fate: Fate; words: string; reason: string };

export type MutationsOptions = {
  root: string;
  mutations: Numbered[];
  isVerbose: boolean;
  searchPath: string;
  say: (line: string) => void;
  signal: AbortSignal;
};

/**
 * How long an unmutated test file may take (ms, on a machine of the usual speed). A mutated one may
 * take three times as long as it took unmutated, and so much more.
 */
const longest = 180_000;
const times = 3;
const more = 5000;

/**
 * Tries the mutations, one at a time, in a copy of the project. Ends early, with what it knows,
 * when the signal aborts.
 */
export async function runMutations({
  root,
  mutations,
  isVerbose,
  searchPath,
  say,
  signal,
}: MutationsOptions): Promise<Record<Fate, number>> {
  const fates: Record<Fate, number> = { killed: 0, explained: 0, survived: 0, wrong: 0 };
  const slowness = await measureSlowness();
  const copy = await copyProject(root);
  const unmutated = new Map<string, TestEnd>();
  const run = ({ test, named }: Mutation, limitMs: number): Promise<TestEnd> =>
    runTest(copy, { test, named, limitMs, slowness, searchPath, signal });

  const runUnmutated = async (mutation: Mutation): Promise<TestEnd> => {
    const name = `${mutation.test} ${mutation.named}`;
    const end = unmutated.get(name) ?? (await run(mutation, longest * slowness));
    unmutated.set(name, end);
    return end;
  };
  const tryOne = async (mutation: Mutation): Promise<Verdict> => {
    const before = await runUnmutated(mutation);
    if (before.kind !== 'green')
      return wrong('its test is not green without it', 'reason' in before ? before.reason : '');
    const { original, mutated } = mutate(copy.root, mutation);
    await writeFile(path.join(copy.root, mutation.file), mutated);
    try {
      return judge(mutation, await run(mutation, before.ms * times + more * slowness));
    } finally {
      await writeFile(path.join(copy.root, mutation.file), original);
    }
  };

  try {
    for (const [index, mutation] of mutations.entries()) {
      const start = performance.now();
      const { fate, words, reason } = await tryOne(mutation).catch((error: unknown) =>
        wrong(error instanceof Error ? error.message : String(error), ''),
      );
      if (signal.aborted) break;
      fates[fate] += 1;
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      say(
        `${index + 1}/${mutations.length} ${isBad(fate) ? fate.toUpperCase() : fate}${words === '' ? '' : ` (${words})`}: ${describe(mutation)}, ${mutation.test}, ${seconds} s`,
      );
      if (reason !== '' && (isVerbose || fate === 'wrong'))
        say(`  ${reason.slice(0, 600).replaceAll('\n', '\n  ')}`);
    }
  } finally {
    await copy.remove();
  }
  return fates;
}

const isBad = (fate: Fate): boolean => fate === 'survived' || fate === 'wrong';

const wrong = (words: string, reason: string): Verdict => ({ fate: 'wrong', words, reason });

/** A mutation as one line names it. */
export function describe({ number, file, guard }: Numbered): string {
  return `#${number} ${file}, ${guard}`;
}

function judge({ why }: Mutation, end: TestEnd): Verdict {
  if (end.kind === 'broken') return wrong('the code was not loaded', end.reason);
  if (end.kind === 'green')
    return why === undefined
      ? { fate: 'survived', words: '', reason: '' }
      : { fate: 'explained', words: why, reason: '' };
  if (why !== undefined)
    return wrong(
      'a test notices it, so it needs no reason to survive',
      'reason' in end ? end.reason : '',
    );
  return {
    fate: 'killed',
    words: end.kind === 'late' ? 'its test did not end in time' : '',
    reason: 'reason' in end ? end.reason : '',
  };
}
