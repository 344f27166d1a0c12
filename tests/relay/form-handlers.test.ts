import { expect, test } from 'vitest';
import { createFormHandlers } from '../../relay/http/form-handlers.ts';
import type { FormHandlerDeps } from '../../relay/http/form-handlers.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { phone } from '../support/pipeline.ts';
import { messageForm, statusForm } from '../support/relay-bench.ts';

const never = new Promise<never>(() => undefined);

/** The handlers beside a Redis that never answers. */
function bench(change: Partial<FormHandlerDeps> = {}) {
  const told: string[] = [];
  const parts = {
    incoming: {
      judgeParties: () => ({ person: undefined }),
      people: { identify: async () => ({ conversation: phone }), nearTo: () => undefined },
      receive: () => never,
      claims: { refuse: () => never },
      noteStatus: () => never,
    },
    keeper: {
      onAccepted: () => void told.push('accepted'),
      look: () => void told.push('unclear'),
    },
    senders: { admit: () => true, giveBack: () => void told.push('given back') },
    meter: { count: () => undefined },
    log: createLog('test', 'silent'),
    now: () => new Date(),
    ...change,
  } as unknown as FormHandlerDeps;
  return { handlers: createFormHandlers(parts), told };
}

test('what Redis does not take in time is refused, a message, a status, and a word over the limit', async () => {
  const [plain, full] = [
    bench(),
    bench({ senders: { admit: () => false, giveBack: () => undefined } }),
  ];
  const message = new URLSearchParams(messageForm());
  const takes = [
    plain.handlers.takeMessage(message, () => undefined),
    full.handlers.takeMessage(message, () => undefined),
    plain.handlers.takeStatus(
      new URLSearchParams(statusForm()),
      new URLSearchParams({ reply: 'r', conversation: phone }),
      () => undefined,
    ),
  ];
  const ends = await Promise.allSettled(takes);
  expect(ends).toEqual(
    ends.map(() => ({ status: 'rejected', reason: new Error('Redis took too long') })),
  );
  // It may have been stored after all: the list is looked through, and the person may send it
  // again.
  expect(plain.told).toEqual(['given back', 'unclear']);
});
