import { expect, test } from 'vitest';
import { createLog } from '../../../shared/runtime/log.ts';
import { runChaos } from '../../../simulator/chaos/chaos.ts';
import { formatReport, isClean } from '../../../simulator/chaos/report.ts';
import { noRestic } from '../../support/snapshot-bench.ts';

test.skipIf(noRestic !== '')(
  `nothing is lost, doubled or out of order, and no saved file is missing, while people of three computers are moved and disks are lost${noRestic}`,
  { tags: 'long' },
  async () => {
    const result = await runChaos({
      messages: 60,
      conversations: 6,
      claude: 0,
      workers: 1,
      relays: 2,
      homes: 3,
      minutes: 0.5,
      seed: 2,
      killEveryMs: 3000,
      kinds: ['worker', 'relay', 'redis', 'move', 'drain', 'tar-killed', 'disk-wiped'],
      keep: false,
      searchPath: process.env['PATH'] ?? '',
      log: createLog('test', 'silent'),
      say: () => undefined,
      signal: new AbortController().signal,
    });
    if (!isClean(result)) throw new Error(formatReport(result));
    // Each phone writes once more at the end.
    expect(result.verdict.accepted).toBe(66);
    expect(result.files?.moves).toBeGreaterThan(0);
  },
);
