import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import path from 'node:path';
import { expect, test } from 'vitest';

const module = path.join(import.meta.dirname, '..', '..', 'relay', 'small-heap.ts');

test('the old space is collected once after the start, and the young one when asked', async () => {
  const program = `
    import { setFlagsFromString } from 'node:v8';
    import { createYoungCollector, keepHeapSmall } from ${JSON.stringify(module)};
    // V8 marks with “testing” what the program itself asked for.
    setFlagsFromString('--trace-gc');
    const collect = createYoungCollector(1000);
    collect(999);
    collect(1);
    keepHeapSmall();
    setTimeout(() => undefined, 1000);`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    program,
  ]);
  const asked = stdout.split('\n').filter((line) => line.includes('testing'));
  expect(asked.map((line) => /Scavenge|Mark-Compact/.exec(line)?.[0])).toEqual([
    'Scavenge',
    'Mark-Compact',
  ]);
});
